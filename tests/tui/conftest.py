"""A terminal of known abilities and the language of the source, for every test of the screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emeth_tui.words.translation import set_language
from tests.tui.stand_in import StandInNode


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    set_language("en")
    yield
    set_language("en")


@pytest.fixture
def node() -> StandInNode:
    return StandInNode()
