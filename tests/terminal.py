"""A program in a pseudo-terminal of its own: keys in, screen text out, as a terminal emulator shows it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
import pyte

ROOT = Path(__file__).parent.parent
LIMIT_S = 120.0
_CHUNK_BYTES = 65_536
# Some shells export the size that the terminal once had: the terminal's own counts.
OF_A_SHELL = {"COLUMNS": "80", "LINES": "24"}
RICH = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


class PseudoTerminal:
    """One program on one terminal. What it writes is read only while somebody asks for it."""

    def __init__(
        self,
        command: Sequence[str],
        size: tuple[int, int],
        environment: Mapping[str, str],
        cwd: Path = ROOT,
        kind: Mapping[str, str] = RICH,
    ) -> None:
        """Start a program; `size` is columns and rows, `kind` the variables by which a terminal is known."""
        columns, rows = size
        self.output = b""
        self._descriptor, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],  # the terminal is the program's own: its hang-up is heard
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
            env={**_without(environment, RICH), **OF_A_SHELL, **kind},
        )
        os.close(theirs)

    @property
    def pid(self) -> int:
        return self.process.pid

    def read(self, limit_s: float) -> bool:
        """Read what is there or arrives in time; return whether anything did."""
        ready, _writable, _failed = select.select([self._descriptor], [], [], limit_s)
        chunk = b""
        if ready:
            with contextlib.suppress(OSError):  # the program has closed its side
                chunk = os.read(self._descriptor, _CHUNK_BYTES)
        self.output += chunk
        return bool(chunk)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())

    def answer(self, keys: str) -> None:
        """Press keys once the program is asleep, waiting for them.

        Python notices a Ctrl-C that comes after the prompt, but before it reads, only at the next key.
        """
        this = psutil.Process(self.pid)
        asking = [this, *this.children(recursive=True)][-1]
        while asking.status() != psutil.STATUS_SLEEPING:
            time.sleep(0.005)
        self.type(keys)

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size, which its program is told of."""
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Take the terminal away, as a dropped connection does."""
        os.close(self._descriptor)
        self._descriptor = -1

    def read_to_end(self) -> None:
        """Read until the program has closed the terminal."""
        while self.read(LIMIT_S):
            pass

    def wait(self, limit_s: float = LIMIT_S) -> int:
        """Wait for the program to exit; return its exit code."""
        return self.process.wait(limit_s)

    def close(self) -> None:
        """End the program whatever it does; for cleaning up."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self._descriptor >= 0:
            self.hang_up()


class Terminal(PseudoTerminal):
    """A pseudo-terminal with an emulator, which knows what its screen shows."""

    def __init__(
        self,
        command: Sequence[str],
        size: tuple[int, int],
        environment: Mapping[str, str],
        cwd: Path = ROOT,
        kind: Mapping[str, str] = RICH,
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        super().__init__(command, size, environment, cwd, kind)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal and of what the emulator shows."""
        self.screen.resize(rows, columns)
        super().resize(columns, rows)

    @property
    def text(self) -> str:
        """What the screen shows, one line a row."""
        rows, columns, cells = self.screen.lines, self.screen.columns, self.screen.buffer
        # Not pyte's `display`, which fails where a resize has cut a wide character in two.
        return "\n".join("".join(cells[y][x].data for x in range(columns)).rstrip() for y in range(rows))

    def wait_for(self, what: str | Callable[[str], bool], limit_s: float = LIMIT_S) -> str:
        """Read until the screen shows a text or satisfies a condition; return what it then shows."""
        shows = (lambda text: what in text) if isinstance(what, str) else what
        give_up_at = time.monotonic() + limit_s
        while not shows(self.text):
            if not self.read(1.0) and self.process.poll() is not None:
                raise AssertionError(f"the program ended before {what!r}:\n{self.text}")
            if time.monotonic() > give_up_at:
                raise AssertionError(f"no {what!r} in {limit_s:.0f} s:\n{self.text}")
        return self.text

    def wait_until_gone(self, text: str, limit_s: float = LIMIT_S) -> str:
        """Read until the screen no longer shows a text."""
        return self.wait_for(lambda shown: text not in shown, limit_s)

    def read(self, limit_s: float) -> bool:
        """Read as the pseudo-terminal does, and show it."""
        known = len(self.output)
        came = super().read(limit_s)
        self._stream.feed(self.output[known:])
        return came


def _without(environment: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}
