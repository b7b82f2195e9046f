"""The ends of log files, and searching them: backwards, and no further than is wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

REMEDY_MARK = "    → "  # begins the line under an event that says what to do about it
BLOCK_BYTES = 1_000_000
MAX_LINE_BYTES = 1_000_000  # of one that begins in a block before; a longer one is searched in pieces


def tail(path: Path, max_bytes: int) -> list[str]:
    """Return the last lines of a file; none if it is gone or unreadable."""
    try:
        with path.open("rb") as file:
            size_bytes = file.seek(0, os.SEEK_END)
            start = max(0, size_bytes - max_bytes)
            file.seek(start)
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return lines[1:] if start else lines


def search(path: Path, words: Sequence[str], limit: int) -> list[str]:
    """Return the newest lines of a log that hold all words, whatever their case, oldest first.

    What was rotated away is searched as well.
    """
    wanted = [word.lower() for word in words]
    matching: list[str] = []
    for text in _blocks_backwards(path):
        lowered = text.lower()
        if all(word in lowered for word in wanted):
            lines = [line for line in text.splitlines() if _has_all(line, wanted)]
            matching += lines[::-1][: limit - len(matching)]
            if len(matching) == limit:
                break
    return matching[::-1]


def _has_all(line: str, words: Sequence[str]) -> bool:
    lowered = line.lower()
    return all(word in lowered for word in words)


def _blocks_backwards(path: Path) -> Iterator[str]:
    """Yield whole lines, a block at a time, from the end: of the log, then of what was rotated away."""
    number = 0
    while True:
        one = path.with_name(f"{path.name}.{number}") if number else path
        try:
            with one.open("rb") as file:
                yield from blocks_backwards(file, file.seek(0, os.SEEK_END))
        except OSError:
            return
        number += 1


def blocks_backwards(file: BinaryIO, end_bytes: int) -> Iterator[str]:
    """Yield whole lines of a file, a block at a time, from `end_bytes` back to its beginning."""
    left_bytes, rest = end_bytes, b""
    while left_bytes:
        taken_bytes = min(BLOCK_BYTES, left_bytes)
        left_bytes -= taken_bytes
        file.seek(left_bytes)
        block = file.read(taken_bytes) + rest
        begun, newline, whole = block.partition(b"\n")
        if left_bytes and len(begun) < MAX_LINE_BYTES:
            rest = begun + newline
        else:
            rest, whole = b"", block
        yield whole.decode("utf-8", "replace")
