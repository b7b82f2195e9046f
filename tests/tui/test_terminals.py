"""Kinds of terminals: those that are refused, those with few characters or colours, and any size."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode, TerminalError
from emeth_tui.tui.terminal import check_terminal, needs_ascii
from tests.end_to_end.programs import environment
from tests.terminal import LIMIT_S, Terminal

SIZES = ((40, 12), (80, 24), (100, 30), (120, 35), (160, 45), (250, 80))


@contextmanager
def busy_screen(
    report: Path, kind: str, size: tuple[int, int] = (160, 45), seconds: int = 600, **more: str
) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "tests.tui.busy_screen", "2", "20", str(seconds)]
    user = {**os.environ, "PYTHONUTF8": "1", "REPORT": str(report), **more}
    terminal = Terminal(command, size, user, kind={"TERM": kind})
    try:
        yield terminal
    finally:
        terminal.close()


DESCRIPTIONS = """\
printer|prints on paper,
\tam, hc, cols#80, cr=\\r, ind=\\n,
glass|a screen that only goes on and on,
\tam, cols#80, lines#24, cr=\\r, ind=\\n,
"""
OTHERS = ("xterm-256color", "linux", "screen", "xterm-16color", "of-tomorrow")


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_that_says_nothing_about_itself_is_refused(term: str) -> None:
    with pytest.raises(TerminalError, match="--no-ui"):
        check_terminal({"TERM": term})


@pytest.mark.parametrize(
    ("term", "taken"), [("printer", False), ("glass", False), *((other, True) for other in OTHERS)]
)
def test_one_is_taken_unless_the_database_knows_that_it_cannot_move_its_cursor(
    tmp_path: Path, term: str, taken: bool
) -> None:
    (tmp_path / "own.ti").write_text(DESCRIPTIONS, "ascii")
    own = {**os.environ, "TERMINFO": str(tmp_path), "TERM": term}
    subprocess.run(["tic", "-o", str(tmp_path), str(tmp_path / "own.ti")], check=True)
    # In a process of its own: the database is opened once.
    check = "from emeth_tui.tui.terminal import check_terminal; check_terminal()"
    checked = subprocess.run(
        [sys.executable, "-c", check], env=own, capture_output=True, text=True, check=False
    )
    assert ("use --no-ui" not in checked.stderr, checked.returncode == 0) == (taken, taken)


@pytest.mark.parametrize(
    ("term", "encoding", "ascii_only"),
    [
        ("xterm-256color", "utf-8", False),
        ("linux", "utf-8", True),
        ("xterm-256color", "iso8859-1", True),
        ("xterm-256color", "ascii", True),
        ("xterm-256color", "euc_jp", True),
    ],
)
def test_ascii_is_chosen_where_the_rest_cannot_be_drawn(term: str, encoding: str, ascii_only: bool) -> None:
    assert needs_ascii({"TERM": term}, encoding) is ascii_only


@pytest.mark.process
@pytest.mark.parametrize("words", [[], ["attach"], ["attach", "ssh://nobody@localhost:1"]])
def test_the_program_refuses_a_dumb_terminal_before_anything_starts(tmp_path: Path, words: list[str]) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-m", "emeth_tui", "--network", "round3-2", *words]
    terminal = Terminal(command, (100, 40), environment(home), kind={"TERM": "dumb"})
    try:
        terminal.read_to_end()
        assert terminal.wait() == ExitCode.TERMINAL
        assert terminal.output.count(b"\n") == 1
        assert b"use --no-ui" in terminal.output
        assert list(home.iterdir()) == []
    finally:
        terminal.close()


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(("term", "plain"), [("linux", True), ("screen", False), ("xterm-16color", False)])
def test_the_screen_shows_on_other_terminals_and_ends(tmp_path: Path, term: str, plain: bool) -> None:
    with busy_screen(tmp_path / "report.json", term) as terminal:
        shown = terminal.wait_for("tok/s")
        assert shown.isascii() is plain
        assert b"\x1b[38;2;" not in terminal.output  # none of these has 16 million colours
        terminal.process.send_signal(signal.SIGTERM)
        terminal.read_to_end()
        assert terminal.wait() == 0


@pytest.mark.slow
@pytest.mark.process
def test_every_size_is_drawn_to_its_edges(tmp_path: Path) -> None:
    with busy_screen(tmp_path / "report.json", "xterm-256color", (80, 24)) as terminal:
        terminal.wait_for("UTC")
        for columns, rows in (*SIZES, *reversed(SIZES)):
            terminal.resize(columns, rows)
            terminal.wait_for(lambda shown: _is_drawn(shown.split("\n"), columns, rows))  # noqa: B023


def _is_drawn(lines: list[str], columns: int, rows: int) -> bool:
    """Whether header and footer stand at their edges."""
    header_ends = lines[0].endswith(" UTC") and len(lines[0]) == columns - 1
    return header_ends and len(lines) == rows and " ? " in lines[-1]


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGTERM, 600), (signal.SIGHUP, 2)])
def test_a_screen_that_holds_the_event_loop_for_ever_is_interrupted(
    tmp_path: Path, number: int, seconds: int
) -> None:
    report = tmp_path / "report.json"
    with busy_screen(report, "dumb", (100, 40), seconds, STUCK_AFTER_S="2") as terminal:
        while terminal.output.count(b"connecting to the network") < 50:  # again and again
            assert terminal.read(LIMIT_S)
        terminal.process.send_signal(number)
        terminal.read_to_end()
        assert terminal.wait() == 0
    seen = json.loads(report.read_text("utf-8"))
    assert seen["ending"] in {"CRASHED", "HUNG_UP", "NODE_ENDED"}
