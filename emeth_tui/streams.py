"""The standard streams: whatever their encoding, and whoever has stopped reading, printing ends nothing.

A node prints from a thread, past Python's buffers: a reader that stands still holds up no job and no exit.
"""

from __future__ import annotations

import codecs
import io
import logging
import os
import queue
import select
import sys
import threading
from typing import TextIO

CLOSE_WITHIN_S = 2.0
MAX_WAITING_LINES = 10_000
_READABLE = "emeth_tui_readable"  # the name of the error handler
_PLAIN = {"…": "...", "→": "->", **dict(zip("–—×·✗“”", '--x.x""', strict=True))}

logger = logging.getLogger(__name__)


def prepare_streams() -> None:
    """Make the standard streams take any text. Call before any file is opened."""
    codecs.register_error(_READABLE, _readable)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # The program was started without it: the next file to be opened, a database, would become it.
            _fill(descriptor)
            mode = "w" if descriptor else "r"
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_READABLE if descriptor else "surrogateescape")


def narrate(text: str) -> None:
    """Print a line to stderr, if that takes it."""
    announce(text, sys.stderr)


def announce(text: str, stream: TextIO | None = None) -> bool:
    """Print text to a stream, stdout by default; return whether it took it.

    One that takes no more is pointed at the null device: what it still holds must not fail at the exit.
    """
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        return False
    return True


class LineWriter:
    """Writes lines to a stream from a thread. Those that a slow reader leaves no room for are dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING_LINES)
        self._thread: threading.Thread | None = None
        self._dropping = False
        self.speaks_unicode = codecs.lookup(stream.encoding).name.startswith("utf-")

    def write(self, line: str) -> None:
        """Write a line, soon."""
        self._put(f"{line}\n")

    def send(self, sequence: str) -> None:
        """Write a terminal's control sequence, soon; nothing where the stream is none any more."""
        if is_terminal(self._stream.fileno()):
            self._put(sequence)

    def _put(self, text: str) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="stdout", daemon=True)
            self._thread.start()
        encoded = text.encode(self._stream.encoding, self._stream.errors or "strict")
        try:
            self._waiting.put_nowait(encoded)
            self._dropping = False
        except queue.Full:
            if not self._dropping:
                logger.warning("stdout is not read: its lines are left out until it is")
            self._dropping = True

    def close(self) -> None:
        """Wait until all lines are written, if somebody reads them."""
        if self._thread is None:
            return
        try:
            self._waiting.put(None, timeout=CLOSE_WITHIN_S)
        except queue.Full:
            return
        self._thread.join(CLOSE_WITHIN_S)

    def _write_all(self) -> None:
        descriptor = self._stream.fileno()
        taken = True
        while (line := self._waiting.get()) is not None:
            try:
                _write(descriptor, line)
                taken = True
            except OSError as error:  # what is a full disk now may have room later
                if taken:
                    logger.warning("stdout takes no more lines: %s", error)
                taken = False


def is_terminal(descriptor: int) -> bool:
    """Whether a descriptor is a terminal that takes more than text."""
    return os.isatty(descriptor) and os.environ.get("TERM", "dumb") != "dumb"


def _write(descriptor: int, content: bytes) -> None:
    while content:
        try:
            content = content[os.write(descriptor, content) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def _fill(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)


def _readable(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace a character that a stream's encoding lacks: plain for typographic, else its code point."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name, as Python hands it over
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode(), error.start + 1
