"""A terminal of known abilities and the language of the source, for every test of the screen."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest
from textual._compositor import Compositor
from textual.css import stylesheet
from textual.css.model import RuleSet
from textual.css.parse import parse

from emeth_tui.tui.parts import footer_note
from emeth_tui.words.translation import set_language
from tests.tui.stand_in import StandInNode

_PARSED: dict[object, list[RuleSet]] = {}
QUIET_ROUNDS = 5  # each looks for news from threads and sockets too


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/operator/.cache")
    monkeypatch.setenv("XDG_STATE_HOME", "/home/operator/.local/state")
    set_language("en")
    yield
    set_language("en")


@pytest.fixture(autouse=True)
def no_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Textual's pilot wait until nothing is left to do, instead of sleeping until little is done.

    Its own way takes a fifth of a second a key, and on a machine with other work a program that is not
    given the processor looks to it like one that is idle.
    """
    for module in ("app", "pilot"):
        monkeypatch.setattr(f"textual.{module}.wait_for_idle", _nothing_left_to_do)


@pytest.fixture(autouse=True)
def nothing_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Textual paint nothing that no terminal shows: a third of these tests' time.

    What a test reads off the screen is rendered for it (`harness.strips_of`).
    """

    def skipped(compositor: Compositor, **_options: Any) -> None:
        compositor._dirty_regions.clear()

    monkeypatch.setattr(Compositor, "render_update", skipped)


@pytest.fixture(autouse=True)
def styles_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an application take over the rules that another has parsed; nothing changes them afterwards."""

    def parsed(
        scope: str, css: str, read_from: Any, *, variable_tokens: Any, **options: Any
    ) -> list[RuleSet]:
        variables = tuple((name, tuple(tokens)) for name, tokens in variable_tokens.items())
        key = (scope, css, read_from, variables, tuple(options.items()))
        if key not in _PARSED:
            _PARSED[key] = list(parse(scope, css, read_from, variable_tokens=variable_tokens, **options))
        return _PARSED[key]

    monkeypatch.setattr(stylesheet, "parse", parsed)


@pytest.fixture(autouse=True)
def lasting_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have notes in the footer stay: on a machine with other work they would be gone before they are read."""
    monkeypatch.setattr(footer_note, "SHOWN_FOR_S", math.inf)


async def _nothing_left_to_do(_min_sleep: float = 0.0, _max_sleep: float = 0.0) -> None:
    """Return when the event loop holds no callback that is due, several times in a row."""
    loop: Any = asyncio.get_running_loop()
    quiet_rounds = 0
    while quiet_rounds < QUIET_ROUNDS:
        await asyncio.sleep(0)
        quiet_rounds = 0 if loop._ready else quiet_rounds + 1


@pytest.fixture
def node() -> StandInNode:
    return StandInNode()
