"""Jobs named by the first digits of their ids, as long as no other begins with the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from emeth_tui.errors import CommandRefused, NoSuchJob
from emeth_tui.notices.reasons import command_line as why

if TYPE_CHECKING:
    from emeth_tui.cli.node.place import Place
    from emeth_tui.model import JobId
    from emeth_tui.notices.notice import Reason

LEAST_SHOWN_DIGITS = 8
MOST_CANDIDATES = 8
_DIGITS = re.compile(r"[0-9a-f]{1,32}")


def find_job(typed: str, known: Iterable[JobId], remedy: Reason) -> JobId:
    """Return the one job whose id begins with what was typed. Raise NoSuchJob, which names the candidates."""
    digits = typed.strip().lower().removeprefix("0x")
    if not _DIGITS.fullmatch(digits):
        raise NoSuchJob(why.InvalidPrefix(typed))
    found = sorted({job_id for job_id in known if job_id[2:].startswith(digits)})
    if not found:
        raise NoSuchJob(why.NoJobBegins(f"0x{digits}", remedy))
    if len(found) > 1:
        candidates = ", ".join(found[:MOST_CANDIDATES]) + (", …" if len(found) > MOST_CANDIDATES else "")
        raise NoSuchJob(why.SeveralJobsBegin(f"0x{digits}", candidates))
    return found[0]


def known_job(place: Place, typed: str) -> JobId:
    """Return the job of this node that was meant. Raise NoSuchJob."""
    with place.tables() as tables:
        return find_job(typed, tables.jobs.ids(), why.ListJobs())


def open_job(place: Place, typed: str, open_jobs: Iterable[JobId]) -> JobId:
    """Return the job under way that was meant. Raise NoSuchJob, or CommandRefused for one that has ended."""
    try:
        return find_job(typed, open_jobs, why.ListOpenJobs())
    except NoSuchJob as error:
        if not isinstance(error.reason, why.NoJobBegins):
            raise
        with place.tables() as tables:
            job = tables.jobs.get(find_job(typed, tables.jobs.ids(), why.ListOpenJobs()))
        if job is None or not job.state.is_final:
            raise
        raise CommandRefused(why.JobOver(job.job_id, job.state)) from None


def short_ids(job_ids: Collection[str]) -> Mapping[str, str]:
    """Return, for each id, its first digits that no other of these begins with: they can be typed."""
    ordered = sorted(set(job_ids))
    short = {}
    for index, job_id in enumerate(ordered):
        neighbours = ordered[max(0, index - 1) : index] + ordered[index + 1 : index + 2]
        needed = max((_common(job_id, other) + 1 for other in neighbours), default=0)
        short[job_id] = job_id[: max(needed, LEAST_SHOWN_DIGITS + 2)]
    return short


def _common(one: str, other: str) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length
