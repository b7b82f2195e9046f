"""Panel 4 alone: the cache and the file system, and under them what each job holds and may still fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column
from emeth_tui.tui.panels.disk import disk_lines
from emeth_tui.tui.screens.tables.rows import JobRowsScreen
from emeth_tui.words.formats import Count, percent, size, state_name
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.model import JobId
    from emeth_tui.tui.frame import Frame

SUMMARY_LINES = 3  # of the panel: the cache, the file system, and what keeps jobs away


@dataclass(frozen=True, slots=True)
class JobFilesHeld:
    """What a job holds on disk. `job` is None for one that is no longer open."""

    job_id: JobId
    job: Job | None
    held_bytes: int

    @property
    def reserved_bytes(self) -> int:
        """What the job may still fill."""
        return max(0, self.job.reserved_bytes - self.held_bytes) if self.job else 0


class DiskScreen(JobRowsScreen[JobFilesHeld]):
    """One row per job with files, or with room kept for them."""

    SCOPE = Scope.DISK
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.DISK)

    def items(self, frame: Frame) -> Sequence[JobFilesHeld]:
        jobs = {job.job_id: job for job in frame.snapshot.jobs}
        held = dict.fromkeys((job_id for job_id, job in jobs.items() if job.reserved_bytes), 0)
        held |= dict(frame.snapshot.disk.by_job)
        biggest = sorted(held.items(), key=lambda entry: -entry[1])
        return [JobFilesHeld(job_id, jobs.get(job_id), held_bytes) for job_id, held_bytes in biggest]

    def empty_text(self) -> str:
        return _("no job matches the filter") if self.words else _("no job holds files")

    def top_line(self, frame: Frame) -> Line:
        held = sum(item.held_bytes for item in self.shown)
        reserved = sum(item.reserved_bytes for item in self.shown)
        text = _("{n:job holds|jobs hold} {held}, and may still fill {reserved}")
        totals = text.format(n=Count(len(self.shown)), held=size(held), reserved=size(reserved))
        return line((_("Disk"), "title"), ("   " + totals, "muted"))

    def summary(self, frame: Frame, width: int) -> list[Line]:
        return disk_lines(frame, width, 0, self.host.glyphs)[:SUMMARY_LINES]

    def columns(self, frame: Frame, width: int) -> Sequence[Column[JobFilesHeld]]:
        limit = frame.snapshot.disk.limit_bytes

        def part(item: JobFilesHeld) -> str:
            return percent(item.held_bytes / limit) if limit else "–"

        return (
            Column(_("job"), lambda item: (short(item.job_id), "accent"), to_left=True),
            Column(_("state"), _state, lambda item: _state(item)[0], to_left=True),
            Column(_("dataset"), _dataset, lambda i: i.job.dataset_bytes if i.job else 0, spare=1),
            Column(_("holds"), lambda item: size(item.held_bytes), lambda item: item.held_bytes),
            Column(_("of the cache"), part, lambda item: item.held_bytes, spare=2),
            Column(_("may still fill"), _reserved, lambda item: item.reserved_bytes),
        )


def _state(item: JobFilesHeld) -> Span:
    return (state_name(item.job.state), "") if item.job else (_("ended"), "muted")


def _dataset(item: JobFilesHeld) -> Span:
    return (size(item.job.dataset_bytes) if item.job else "–"), "muted"


def _reserved(item: JobFilesHeld) -> Span:
    return (size(item.reserved_bytes), "") if item.reserved_bytes else ("–", "muted")
