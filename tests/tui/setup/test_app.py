"""The first settings on the whole terminal: each step, the keys, both languages, and no secret on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from emeth_tui.settings import load_settings
from emeth_tui.tui.setup.app import SetupApp
from emeth_tui.tui.setup.questions import Outcome, Result
from emeth_tui.tui.setup.wizard import Wizard
from emeth_tui.words.translation import set_language
from tests.tui.harness import LARGE, OPTIONS, SMALL, strips_of
from tests.tui.setup.stand_in import KEYSTORE, PRIVATE_KEY, StandInMachine
from tests.tui.test_pictures import check

pytestmark = pytest.mark.slow

CONFIG = Path("/home/operator/.config/emeth-tui/config.toml")
PASSWORD = "sesame 7"
IMPORT = ("enter", "enter", "down", "down", "enter")


@asynccontextmanager
async def asked(config: Path, *steps: str, size: tuple[int, int] = SMALL) -> AsyncIterator[Pilot[Outcome]]:
    """Ask for the settings of a file, and give answers."""
    app = SetupApp(Wizard(config, machine=StandInMachine()), OPTIONS)
    async with app.run_test(size=size) as pilot:
        await do(pilot, *steps)
        yield pilot


async def do(pilot: Pilot[Outcome], *steps: str) -> None:
    """Press keys one after the other; what begins with = is typed in at once."""
    for step in steps:
        if step.startswith("="):
            pilot.app.screen.query_one("#answer", Input).value = step[1:]
        else:
            await pilot.press(step)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


def text_of(pilot: Pilot[Outcome]) -> str:
    return "\n".join(strip.text.rstrip() for strip in strips_of(pilot)) + "\n"


def result_of(pilot: Pilot[Outcome]) -> Outcome | None:
    return pilot.app.return_value


async def test_enter_alone_leads_through_and_no_secret_is_ever_shown(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    async with asked(config, *IMPORT, "=" + PRIVATE_KEY) as pilot:
        assert "11111" not in text_of(pilot)
        await do(pilot, "enter", "=" + PASSWORD)
        assert PASSWORD not in text_of(pilot)
        await do(pilot, "enter", *"typo", "enter")
        assert "✗ the two passwords differ" in text_of(pilot)
        await do(pilot, "=" + PASSWORD, "enter", "=" + PASSWORD, "enter")
        assert "[x] cuda:0" in text_of(pilot)
        await do(pilot, "down", "space", "enter")
        assert "212.0 GB are free" in text_of(pilot)
        await do(pilot, "enter")
        assert "holds EMT 1,240.00" in text_of(pilot)
        await do(pilot, "enter")
        assert "Keep a copy" in text_of(pilot)
        await do(pilot, "enter")
        outcome = result_of(pilot)
    assert outcome == Outcome(Result.WRITTEN, PASSWORD)
    assert load_settings(config, environment={}).workers.devices == ["cuda:0"]


@pytest.mark.parametrize("keys", [("escape",), ("enter", "escape", "escape"), ("enter", "ctrl+c")])
async def test_escape_goes_back_and_at_last_skips(tmp_path: Path, keys: tuple[str, ...]) -> None:
    config = tmp_path / "config.toml"
    async with asked(config, *keys) as pilot:
        assert result_of(pilot) == Outcome(Result.SKIPPED)
    assert not config.exists()


async def test_a_wrong_answer_is_told_and_the_question_stands(tmp_path: Path) -> None:
    async with asked(tmp_path / "config.toml", "down", "enter", "=/none", "enter") as pilot:
        assert "✗ /none: no such file" in text_of(pilot)
        await do(pilot, "escape")
        assert "✗" not in text_of(pilot)


async def test_the_local_network_can_be_tried(tmp_path: Path) -> None:
    async with asked(tmp_path / "config.toml", "down", "down", "enter") as pilot:
        assert result_of(pilot) == Outcome(Result.DEVNET)


TO_DEVICES = ("enter", "enter", "down", "enter", f"={KEYSTORE}", "enter")
STEPS = {
    "setup-network": (),
    "setup-network-file": ("down", "enter"),
    "setup-verification-key": ("enter",),
    "setup-wallet": ("enter", "enter"),
    "setup-key": (*IMPORT, "=12", "enter"),
    "setup-password": ("enter", "enter", "enter"),
    "setup-devices": (*TO_DEVICES, "down", "space"),
    "setup-disk": (*TO_DEVICES, "enter", "=900", "enter"),
    "setup-review": (*TO_DEVICES, "enter", "=9", "enter"),
}
LOOKS = [(name, SMALL, language) for name in STEPS for language in ("en", "ja")]


@pytest.mark.parametrize(
    ("name", "size", "language"), [*LOOKS, ("setup-review", LARGE, "en"), ("setup-review", LARGE, "ja")]
)
async def test_each_step_looks_as_it_did(
    name: str, size: tuple[int, int], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/operator/.cache")
    set_language(language)
    async with asked(CONFIG, *STEPS[name], size=size) as pilot:
        check(f"{name}-{size[0]}x{size[1]}-{language}", pilot, size)
