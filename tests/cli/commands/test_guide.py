"""The operator's guide is true: its commands are run from the first to the last, beside a node at work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from emeth_tui.cli.main import command
from emeth_tui.settings import load_settings
from tests.cli.commands.world import Commanded
from tests.terminal import ROOT

ENGLISH, JAPANESE = ROOT / "docs" / "operating.md", ROOT / "docs" / "operating.ja.md"
JOB = "6f2a"
# They need a terminal, another machine, another job or a way for alerts, or do not end by themselves; those
# of the service would change this machine.
NOT_RUN = {
    "",
    "--no-ui",
    "attach gpu-farm",
    "status --watch",
    "events --follow",
    "claim 91b0",
    "notify test",
    "service install --password ~/emeth/password",
    "service status",
    "service logs --follow",
    "service uninstall",
}
AFTER_THE_END = {"stop"}  # `stop --drain` stands before it
MAY_ANSWER = {"doctor --quick": {0, 20, 21}}


def blocks(page: Path, language: str) -> list[str]:
    """Return the page's blocks of code in a language."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [block for named, block in fenced if named == language]


def commands(page: Path) -> list[str]:
    """Return what follows `emeth-tui` in each line of the page's blocks of commands."""
    lines = [line for block in blocks(page, "") for line in block.splitlines()]
    assert all(line.startswith("emeth-tui") for line in lines)
    return [line.removeprefix("emeth-tui").strip() for line in lines]


def test_both_languages_have_the_same_commands() -> None:
    assert commands(JAPANESE) == commands(ENGLISH)


def test_both_languages_have_the_same_shape() -> None:
    def shape(page: Path) -> list[str]:
        return re.findall(r"^(?:#+ |\| |```)", page.read_text("utf-8"), re.MULTILINE)

    assert shape(JAPANESE) == shape(ENGLISH)


@pytest.mark.parametrize("page", [ENGLISH, JAPANESE], ids=lambda page: page.name)
def test_its_settings_are_settings(page: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("".join(blocks(page, "toml")), "utf-8")

    settings = load_settings(tmp_path / "config.toml", environment={})

    assert settings.schedule.training == ["22:00-06:00"]


@pytest.mark.parametrize("typed", sorted(set(commands(ENGLISH)) & NOT_RUN - {""}))
def test_what_is_not_run_is_understood(typed: str) -> None:
    result = CliRunner().invoke(command, [*shlex.split(typed), "--help"], prog_name="emeth-tui")
    assert result.exit_code == 0, result.output


@pytest.mark.slow
async def test_the_commands_do_what_the_guide_says(emeth_tui: Commanded) -> None:
    for typed in commands(ENGLISH):
        if typed in NOT_RUN | AFTER_THE_END:
            continue
        arguments = shlex.split(typed.replace(JOB, emeth_tui.job_id[:10]))
        codes = MAY_ANSWER.get(typed, {0})
        await emeth_tui(*arguments, code=codes)
    await emeth_tui.running.running
