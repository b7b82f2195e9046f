"""What is asked at the terminal: secrets that are never shown, and questions that Ctrl-C ends at once.

`getpass` hides input while it asks and no longer. What is pasted between two of its questions, or while an
answer is checked, stands on the screen in clear, and is lost. An event loop takes the first Ctrl-C as a wish,
which nobody sees before the question is answered.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

_LOCAL_MODES = 3  # where termios keeps ECHO


@contextlib.contextmanager
def hidden_input() -> Iterator[None]:
    """Show nothing of what is typed within the context, where stdin is a terminal.

    What nobody has read at its end is thrown away: a secret must not become a command of the shell.
    """
    with _echo(shown=False, at_end=termios.TCSAFLUSH):
        yield


@contextlib.contextmanager
def shown_input() -> Iterator[None]:
    """Show what is typed, for a question among hidden ones that asks for no secret."""
    with _echo(shown=True, at_end=termios.TCSADRAIN):
        yield


def ask_hidden(prompt: str) -> str:
    """Ask at the terminal for a line that is not shown. Raise EOFError when there is no more input."""
    with _echo(shown=False, at_end=termios.TCSAFLUSH, prompt=prompt):
        with interruptible():
            _write(prompt)
            line = sys.stdin.readline()
        _write("\n")
    if not line:
        raise EOFError
    return line.removesuffix("\n")


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Have SIGINT raise KeyboardInterrupt in the main thread at once, inside an event loop too."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _echo(*, shown: bool, at_end: int, prompt: str = "") -> Iterator[None]:
    if not sys.stdin.isatty():
        yield
        return
    before, handler = termios.tcgetattr(sys.stdin), signal.getsignal(signal.SIGCONT)

    def go_on(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(termios.error):  # in the background; `fg` comes as another signal
            _show_typed(shown)
            _write(prompt)

    signal.signal(signal.SIGCONT, go_on)  # after Ctrl-Z the terminal's modes are those that the shell likes
    _show_typed(shown)
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, handler)
        if bool(before[_LOCAL_MODES] & termios.ECHO) is not shown:
            termios.tcsetattr(sys.stdin, at_end, before)


def _show_typed(shown: bool) -> None:
    """Show what is typed, or do not."""
    modes = termios.tcgetattr(sys.stdin)
    if bool(modes[_LOCAL_MODES] & termios.ECHO) is not shown:
        modes[_LOCAL_MODES] ^= termios.ECHO
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, modes)


def _write(text: str) -> None:
    """Write on the terminal itself: stdout and stderr may lead elsewhere."""
    try:
        with Path("/dev/tty").open("w", encoding=sys.stdin.encoding, errors="replace") as terminal:
            terminal.write(text)
    except OSError:
        sys.stderr.write(text)
        sys.stderr.flush()
