"""The lines of a log as they are shown: those of one job, wrapped, the bad ones marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from emeth_tui.foreign_text import clean
from emeth_tui.model import JobId
from emeth_tui.tui.drawing.lines import Line, wrap

CONTINUED = "    "  # before what of a line does not fit into its first row
_JOB_BEGINS = re.compile(r" job (0x[0-9a-f]+): ")  # in a worker's log (training.job)
_LINE_BEGINS = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


def lines_of_job(lines: Sequence[str], job_id: JobId, *, by_worker: bool) -> list[str]:
    """Pick a job's own lines, with what continues them.

    A worker's log names a job where it begins: all after that is the job's, until another begins.
    """
    return list(_since_it_began(lines, job_id) if by_worker else _that_name_it(lines, job_id))


def _since_it_began(lines: Sequence[str], job_id: JobId) -> Iterable[str]:
    begins = [_JOB_BEGINS.search(text) for text in lines]
    its_own = not any(begins)  # it began before the oldest line that is here
    for text, begin in zip(lines, begins, strict=True):
        if begin:
            its_own = begin[1] == job_id
        if its_own:
            yield text


def _that_name_it(lines: Sequence[str], job_id: JobId) -> Iterable[str]:
    its_own = False
    for text in lines:
        if job_id in text:
            its_own = True
        elif _LINE_BEGINS.match(text):
            its_own = False
        if its_own:
            yield text


def other_beginning(before: Sequence[str], now: Sequence[str]) -> tuple[int, int]:
    """Return how many lines came in front of those that were there, and how many of them went there.

    At the end others may have come. Texts that have nothing in common count as unmoved.
    """
    for came in _places_of(before[:1], now):
        if now[came : came + len(before)] == before:
            return came, 0
    for went in _places_of(now[:1], before):
        if before[went:] == now[: len(before) - went]:
            return 0, went
    return 0, 0


def _places_of(first: Sequence[str], lines: Sequence[str]) -> Iterable[int]:
    return (index for index, text in enumerate(lines) if text in first)


def log_rows(text: str, width: int) -> list[Line]:
    """Draw a line of a log in as many rows as it needs."""
    role = _role(text)
    first, *others = wrap(clean(text), width, role)
    if not others:
        return [first]
    rest = clean(text)[len(first.text) :].strip()
    return [first, *wrap(rest, width, role, CONTINUED)]


def _role(text: str) -> str:
    if " ERROR " in text or " CRITICAL " in text:
        return "bad"
    return "warn" if " WARNING " in text else ""
