"""What a worker said and the node has not acted on yet, on the disk: it outlives the keeper.

A directory for each attempt. `process` says what runs; `lines` holds a line of JSON a line, and its first
says how many came before and are gone. A worker's lines are numbered by their writer, so that it does no
harm to send one twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections import deque
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec

from emeth_tui.files import write_atomically
from emeth_tui.hosts.keeper.orphan import Orphan

MAX_BYTES = 16 << 20  # an honest worker says some kilobytes an hour that must not be lost
COMPACT_BYTES = 256 * 1024  # so much that is not needed any more is taken off the disk
_LINES, _ENDED, _PROCESS = "lines", "ended", "process"


class OutboxFull(Exception):
    """The node has been away for too long, or the worker says too much."""


class Outbox:
    """The lines of one attempt."""

    def __init__(self, directory: Path) -> None:
        """Read what is there, or begin. Raise OSError."""
        self.directory = directory
        self.heard = 0  # lines that are gone, because the node has acted on them
        self._lines: deque[bytes] = deque()
        self._waste_bytes = 0
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (directory / _LINES).exists():
            self._read()
        else:
            self._rewrite()
        self._file = self._opened()
        self._ended: dict[str, Any] | None = None
        with contextlib.suppress(FileNotFoundError):
            self._ended = json.loads((directory / _ENDED).read_bytes())

    @property
    def lines(self) -> tuple[bytes, ...]:
        """The lines that the node has not acted on."""
        return tuple(self._lines)

    @property
    def ended(self) -> dict[str, Any] | None:
        """Why the attempt has ended, as data; None while it has not."""
        return self._ended

    @property
    def process(self) -> Orphan | None:
        """The attempt's process, whoever started it; None where none was."""
        try:
            return msgspec.json.decode((self.directory / _PROCESS).read_bytes(), type=Orphan)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def began(self, process: Orphan) -> None:
        """Keep which process is at work. Raise OSError."""
        write_atomically(self.directory / _PROCESS, msgspec.json.encode(process))

    def add(self, line: bytes) -> None:
        """Keep a line. Raise OutboxFull or OSError, with nothing kept."""
        if sum(map(len, self._lines)) + len(line) > MAX_BYTES:
            raise OutboxFull
        end = self._file.seek(0, os.SEEK_END)
        try:
            _write_all(self._file, line)
        except OSError:
            self._file.truncate(end)  # a disk that is full takes the beginning of a line
            raise
        self._lines.append(line)

    def forget(self, count: int) -> None:
        """Drop the first `count` lines of all that there have been."""
        while self.heard < count and self._lines:
            self._waste_bytes += len(self._lines.popleft())
            self.heard += 1
        if self._waste_bytes > COMPACT_BYTES and not self._file.closed:
            with contextlib.suppress(OSError):  # the disk is full: it is tried again with the next
                self._rewrite()
                opened = self._opened()
                self._file.close()
                self._file = opened

    def end(self, reason: dict[str, Any]) -> None:
        """Keep why the attempt has ended: no line comes after that. Raise OSError: it is kept in memory."""
        self._file.close()
        self._ended = reason
        write_atomically(self.directory / _ENDED, json.dumps(reason).encode())

    def delete(self) -> None:
        """Delete all of it."""
        self._file.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _opened(self) -> FileIO:
        return FileIO(self.directory / _LINES, "ab")

    def _read(self) -> None:
        first, *lines = (self.directory / _LINES).read_bytes().split(b"\n")
        with contextlib.suppress(ValueError):
            self.heard = int(first)
        whole, torn = lines[:-1], lines[-1]
        self._lines.extend(line + b"\n" for line in whole)
        if torn:  # the machine went down while it was written; its number is used again for another
            self._rewrite()

    def _rewrite(self) -> None:
        write_atomically(self.directory / _LINES, b"%d\n" % self.heard + b"".join(self._lines))
        self._waste_bytes = 0


def _write_all(file: FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]
