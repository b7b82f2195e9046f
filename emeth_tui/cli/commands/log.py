"""`emeth-tui log`: a job's own lines of the log files, or all of them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import click

from emeth_tui.cli.node.completing import JOB_ID
from emeth_tui.cli.node.job_ids import known_job
from emeth_tui.cli.node.place import place_of
from emeth_tui.cli.output.printing import example
from emeth_tui.errors import ExitCode
from emeth_tui.foreign_text import clean
from emeth_tui.streams import narrate
from emeth_tui.words.translation import _

SHOWN = 200
LOOK_EVERY_S = 0.2
MAX_LINE_BYTES = 1_000_000  # a longer one is shown in pieces
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]\d{3}Z? ")  # the node's form, or a worker's
_STAMP_CHARS = 23


@click.command(epilog=example("emeth-tui log 6f2a --follow", "emeth-tui log --lines 50"))
@click.argument("job_id", metavar="[ID]", type=JOB_ID, required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written, until Ctrl-C.")
@click.option("--lines", type=click.IntRange(0), default=SHOWN, show_default=True, help="The newest.")
@click.pass_context
def log(context: click.Context, job_id: str | None, follow: bool, lines: int) -> ExitCode:
    """Print the log of the node and its workers, or a job's own lines of it, the newest last."""
    place = place_of(context)
    text = known_job(place, job_id) if job_id else ""
    directory = place.state_dir / "logs"
    followed = _LogFiles(directory)
    entries = sorted(followed.new_entries(), key=_stamp_of)
    wanted = [entry for entry in entries if text in entry]
    if not wanted:
        narrate(_("{directory}: no line of it yet").format(directory=directory))
    for entry in wanted[max(0, len(wanted) - lines) :]:
        _print(entry)
    while follow:
        time.sleep(LOOK_EVERY_S)
        for entry in sorted(followed.new_entries(), key=_stamp_of):
            if text in entry:
                _print(entry)
    return ExitCode.OK


class _LogFiles:
    """The log files of a directory, rotated ones among them, each read once and then on from there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[tuple[int, int], int] = {}  # bytes, by the file itself: rotation renames it

    def new_entries(self) -> Iterator[str]:
        """Return what was written since the last look: lines, each with its traceback."""
        for path in sorted(self._directory.glob("*.log*")):
            yield from _entries(self._new_lines(path))

    def _new_lines(self, path: Path) -> Iterator[str]:
        try:
            with path.open("rb") as file:
                status = path.stat()
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


def _print(entry: str) -> None:
    for line in entry.split("\n"):
        print(clean(line), flush=True)
