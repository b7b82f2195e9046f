"""Secrets at a real terminal: whatever the moment at which they are typed, the screen does not show them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.terminal import ROOT, Terminal

pytestmark = pytest.mark.process
# It asks when it is let, through a named pipe: what is typed before that is typed ahead.
PROGRAM = """
import select
import sys
from emeth_tui.process.terminal_input import ask_hidden, hidden_input, shown_input
print("not yet", flush=True)
with hidden_input():
    print("hidden", flush=True)
    open(sys.argv[1]).read()
    one = ask_hidden("One: ")
    two = ask_hidden("Two: ")
    with shown_input():
        three = input("Three: ")
    print("four is next", flush=True)
    select.select([0], [], [])
print([len(each) for each in (one, two, three)], flush=True)
print("five", input("Five: "))
"""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A named pipe on which the program waits."""
    os.mkfifo(tmp_path / "gate")
    return tmp_path / "gate"


@contextmanager
def program(gate: Path) -> Iterator[Terminal]:
    command = [sys.executable, "-c", PROGRAM, str(gate)]
    with closing(Terminal(command, (80, 24), os.environ)) as terminal:
        yield terminal


def test_what_is_typed_ahead_is_neither_shown_nor_lost(gate: Path) -> None:
    with program(gate) as terminal:
        terminal.wait_for("hidden")
        terminal.type("first secret\nthe second\n")
        gate.write_text("go on")
        terminal.wait_for("Three:")
        terminal.type("no secret\n")
        terminal.wait_for("Three: no secret")
        terminal.wait_for("four is next")
        terminal.type("rm -r secret\n")
        terminal.wait_for("[12, 10, 9]")
        terminal.wait_for("Five:")
        terminal.type("shown again\n")
        shown = terminal.wait_for("five shown again")
        terminal.read_to_end()
        assert terminal.wait() == 0

    assert "Five: shown again" in shown
    assert b"secret\r" not in terminal.output.replace(b"Three: no secret\r", b"")
    assert b"second" not in terminal.output


def test_without_a_terminal_there_is_nothing_to_hide(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.write_text("")
    command = f"printf 'a\\nbc\\ndef\\nghij\\n' | {sys.executable} -c '{PROGRAM}' {gate}"
    with closing(Terminal(["sh", "-c", command], (80, 24), os.environ)) as terminal:
        assert "[1, 2, 3]" in terminal.wait_for("five ghij")
        terminal.read_to_end()
        assert terminal.wait() == 0


def test_a_shell_that_had_the_terminal_meanwhile_shows_no_secret(tmp_path: Path) -> None:
    """After Ctrl-Z and `fg` the terminal has the shell's modes, in which it shows what is typed."""
    (tmp_path / "ask.py").write_text(PROGRAM, "utf-8")
    (tmp_path / "gate").touch()
    environment = {**os.environ, "PS1": "$ ", "PYTHONPATH": str(ROOT)}
    with closing(Terminal(["bash", "--norc", "-i"], (80, 24), environment, cwd=tmp_path)) as terminal:
        terminal.wait_for("$")
        terminal.type(f"{sys.executable} ask.py gate\n")
        terminal.wait_for("One:")
        terminal.answer("\x1a")
        terminal.wait_for("Stopped")
        terminal.type("fg\n")
        terminal.wait_for(lambda text: text.count("One:") == 2)
        terminal.type("first secret\n")
        terminal.wait_for("Two:")
        terminal.type("the second\n")
        terminal.wait_for("Three:")
        terminal.answer("\x1a")
        terminal.wait_for(lambda text: text.count("Stopped") == 2)
        terminal.type("fg\n")
        terminal.wait_for(lambda text: text.count("ask.py gate") == 5)
        terminal.type("no secret\n")
        shown = terminal.wait_for("four is next")
        terminal.type("\n")
        terminal.wait_for("[12, 10, 9]")

    assert "no secret" in shown
    assert b"first" not in terminal.output
    assert b"second" not in terminal.output
