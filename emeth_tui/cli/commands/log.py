"""`emeth-tui log`: a job's own lines of the log files, or all of them."""

from __future__ import annotations

import heapq
import os
import re
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import click

from emeth_tui.cli.node.completing import JOB_ID
from emeth_tui.cli.node.job_ids import known_job
from emeth_tui.cli.node.place import place_of
from emeth_tui.cli.output.printing import Output, example
from emeth_tui.cli.output.table import Style
from emeth_tui.cli.types import COUNT
from emeth_tui.engine.view.log_files import REMEDY_MARK, blocks_backwards
from emeth_tui.errors import ExitCode
from emeth_tui.foreign_text import clean
from emeth_tui.streams import narrate
from emeth_tui.words.translation import _

SHOWN = 200
LOOK_EVERY_S = 0.2
MAX_LINE_BYTES = 1_000_000  # a longer one is shown in pieces
MAX_ENTRY_LINES = 1_000  # as is a longer entry: what a library prints has no stamps
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]\d{3}Z? ")  # the node's form, or a worker's
_STAMP_CHARS = 23
_NAME = re.compile(r"(.+\.log)(?:\.(\d{1,6}))?")  # a rotated one has a number
_NEWEST = "~"  # comes after every stamp


@click.command(epilog=example("emeth-tui log 6f2a --follow", "emeth-tui log --lines 50"))
@click.argument("job_id", metavar="[ID]", type=JOB_ID, required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written, until Ctrl-C.")
@click.option("--lines", type=COUNT, default=SHOWN, show_default=True, help="The newest.")
@click.pass_context
def log(context: click.Context, job_id: str | None, follow: bool, lines: int) -> ExitCode:
    """Print the log of the node and its workers, or a job's own lines of it, the newest last."""
    place = place_of(context)
    text = known_job(place, job_id) if job_id else ""
    directory = place.state_dir / "logs"
    style = Output(ascii_only=place.settings.screen.ascii).style
    files = _LogFiles(directory)
    newest = files.newest(text, lines)
    if not newest and lines:
        narrate(_("{directory}: no line of it yet").format(directory=directory))
    for entry in newest:
        _print(entry, style)
    while follow:
        time.sleep(LOOK_EVERY_S)
        for entry in sorted(files.new_entries(), key=_stamp_of):
            if text in entry:
                _print(entry, style)
    return ExitCode.OK


class _LogFiles:
    """The log files of a directory, rotated ones among them: their ends, and then what is written on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[tuple[int, int], int] = {}  # bytes, by the file itself: rotation renames it

    def newest(self, text: str, count: int) -> list[str]:
        """Return the newest entries that hold a text, the newest last. No more is read than that takes."""
        logs: dict[str, list[tuple[int, Path, int]]] = {}
        for path in self._directory.glob("*.log*"):
            name = _NAME.fullmatch(path.name)
            if name is not None and (end_bytes := self._note_end(path)) is not None:
                logs.setdefault(name[1], []).append((int(name[2] or 0), path, end_bytes))
        backwards = (_backwards(sorted(parts)) for parts in logs.values())
        entries = heapq.merge(*backwards, key=_first, reverse=True)
        found = (entry for _stamp, entry in entries if text in entry)
        return [*islice(found, count)][::-1]

    def new_entries(self) -> Iterator[str]:
        """Return what was written since the last look: lines, each with its traceback."""
        for path in sorted(self._directory.glob("*.log*")):
            yield from _entries(self._new_lines(path))

    def _note_end(self, path: Path) -> int | None:
        """Note and return where the last whole line of a file ends; None where it cannot be read."""
        try:
            with path.open("rb") as file:
                size_bytes = file.seek(0, os.SEEK_END)
                start = max(0, size_bytes - MAX_LINE_BYTES)
                file.seek(start)
                status = os.fstat(file.fileno())
                end_bytes = start + file.read(size_bytes - start).rfind(b"\n") + 1
        except OSError:
            return None
        self._read[status.st_dev, status.st_ino] = end_bytes
        return end_bytes

    def _new_lines(self, path: Path) -> Iterator[str]:
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                known = (status.st_dev, status.st_ino)
                start = self._read.get(known, 0)
                file.seek(start if start <= status.st_size else 0)
                while line := file.readline(MAX_LINE_BYTES):
                    if not line.endswith(b"\n") and len(line) < MAX_LINE_BYTES:
                        break  # it is being written
                    self._read[known] = file.tell()
                    yield line.decode("utf-8", "replace").rstrip("\n")
        except OSError:
            return


def _backwards(parts: Iterable[tuple[int, Path, int]]) -> Iterator[tuple[str, str]]:
    """Yield the entries of a log and of what was rotated away of it, the newest first, with their stamps.

    Lines without one, whose beginning was rotated away or is far above, have that of the entry after them.
    """
    stamp, below = _NEWEST, list[str]()  # of the entry that is being read, its last line first
    for _number, path, end_bytes in parts:
        try:
            with path.open("rb") as file:
                for block in blocks_backwards(file, end_bytes):
                    for line in reversed(block.splitlines()):
                        below.append(line)
                        if _STAMP.match(line):
                            stamp = _stamp_of(line)
                            yield stamp, "\n".join(reversed(below))
                            below = []
                        elif len(below) == MAX_ENTRY_LINES:
                            yield from ((stamp, one) for one in below)
                            below = []
        except OSError:
            continue
    yield from ((stamp, line) for line in below)


def _first(entry: tuple[str, str]) -> str:
    return entry[0]


def _entries(lines: Iterator[str]) -> Iterator[str]:
    entry: list[str] = []
    for line in lines:
        has_head = bool(entry and _STAMP.match(entry[0]))
        if entry and (not has_head or _STAMP.match(line)):
            yield "\n".join(entry)
            entry = []
        entry.append(line)
    if entry:
        yield "\n".join(entry)


def _stamp_of(entry: str) -> str:
    return re.sub("[T ,]", ".", entry[:_STAMP_CHARS]) if _STAMP.match(entry) else ""


def _print(entry: str, style: Style) -> None:
    for line in entry.split("\n"):
        role = "muted" if line.startswith(REMEDY_MARK) else ""
        print(style.paint(clean(line), role), flush=True)
