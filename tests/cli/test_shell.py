"""Leaving a node running frees the shell; until then the process that it started stands in for the node."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.terminal import Terminal
from tests.tui.harness import SMALL

pytestmark = pytest.mark.process

LIMIT_S = 120.0  # bounds a hang


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def program(notes: Path) -> list[str]:
    return [sys.executable, "-m", "tests.cli.shell_program", str(notes)]


@contextmanager
def shell(notes: Path) -> Iterator[Terminal]:
    """A shell that starts the program, and then says what came of it."""
    script = f"{shlex.join(program(notes))}; echo the shell is back: $?; read line"
    terminal = Terminal(["sh", "-c", script], SMALL, os.environ)
    try:
        terminal.wait_for("ready")
        yield terminal
    finally:
        terminal.close()


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_the_shell_comes_back_and_the_process_stays_away_from_its_terminal(notes: Path) -> None:
    with shell(notes) as terminal:
        terminal.type("leave\n")
        text = terminal.wait_for("the shell is back: 0")
        assert text.index("leaving") < text.index("the shell is back")
        pid = int(notes.read_text("utf-8"))
        try:
            assert os.getsid(pid) == pid
            assert Path(f"/proc/{pid}/fd/0").readlink() == Path(os.devnull)
            terminal.hang_up()
            terminal.wait()
            os.kill(pid, 0)  # it is there
        finally:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("code", [0, 7])
def test_the_exit_code_is_the_programs(notes: Path, code: int) -> None:
    with shell(notes) as terminal:
        terminal.type(f"end {code}\n")
        terminal.wait_for(f"the shell is back: {code}")


def test_a_signal_to_what_the_shell_started_reaches_the_program(notes: Path) -> None:
    with shell(notes) as terminal:
        os.kill(parent_of(int(notes.read_text("utf-8"))), signal.SIGTERM)
        terminal.wait_for(f"the shell is back: {128 + signal.SIGTERM}")


def test_the_end_of_what_the_shell_started_is_a_hang_up(notes: Path) -> None:
    with shell(notes):
        os.kill(parent_of(int(notes.read_text("utf-8"))), signal.SIGKILL)
        wait_until(lambda: notes.read_text("utf-8").endswith(" hang-up"))


def test_nobody_waits_for_the_leader_of_a_session(notes: Path) -> None:
    terminal = Terminal(program(notes), SMALL, os.environ)
    try:
        terminal.wait_for("no shell waits")
    finally:
        terminal.close()


def parent_of(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return int(fields[1])
