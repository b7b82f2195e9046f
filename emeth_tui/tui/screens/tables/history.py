"""Every job that this node ever took, and how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.job import Job
from emeth_tui.listings.csv_text import jobs_csv
from emeth_tui.model import JobState, format_token
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column
from emeth_tui.tui.screens.tables.rows import JobRowsScreen
from emeth_tui.words.formats import STATE_ROLES, Count, cost, day_of, emt, exact_emt, moment, size, state_name
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

ROOMY_CELLS = 96
_STATE_SIGNS = {"good": "✓ ", "bad": "✗ ", "warn": "! "}


class HistoryScreen(JobRowsScreen[Job]):
    """Every job that this node ever took."""

    SCOPE = Scope.HISTORY
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.HISTORY)

    def __init__(self, words: str = "") -> None:
        super().__init__(words)
        self.jobs: Sequence[Job] = ()
        self._totals = _Totals([])

    async def load(self, records: Records) -> None:
        self.jobs = await records.history()

    def export(self) -> None:
        """Write the jobs that are shown to a file."""
        self.host.pages.ask_export("jobs", len(self.shown), partial(jobs_csv, self.shown))

    def items(self, frame: Frame) -> Sequence[Job]:
        return self.jobs

    def searched_text(self, item: Job) -> str:
        ended = f"ended:{day_of(item.ended_at_unix_s)}" if item.ended_at_unix_s else ""
        return f"{item.job_id} {item.dataset} {text_of(item.error) if item.error else ''} {ended}"

    def empty_text(self) -> str:
        return _("no job matches the filter") if self.words else _("no job yet")

    def top_line(self, frame: Frame) -> Line:
        if self._totals.jobs is not self.shown:
            self._totals = _Totals(self.shown)
        totals = _("{n:job|jobs}, {verified} verified, {earned} earned, {lost} lost").format(
            n=Count(len(self.shown)),
            verified=self._totals.verified,
            earned=emt(self._totals.earned_wei),
            lost=exact_emt(self._totals.lost_wei),
        )
        return line((_("History"), "title"), ("   " + totals, "muted"))

    def detail(self, item: Job) -> Span:
        return (text_of(item.error), "bad") if item.error else ("", "")

    def columns(self, frame: Frame, width: int) -> Sequence[Column[Job]]:
        roomy = width >= ROOMY_CELLS

        alone = frame.snapshot.from_chain_alone

        def epochs(job: Job) -> str:
            return f"{job.epochs}" if alone else f"{job.epochs_done}/{job.epochs}"

        def taken(job: Job) -> Span:
            at = moment(job.created_at_unix_s)
            return at if roomy else at[5:16], "muted"

        return (
            Column(_("taken"), taken, lambda job: job.created_at_unix_s, to_left=True),
            Column(_("job"), lambda job: (short(job.job_id), "accent"), to_left=True),
            Column(_("language"), lambda job: job.language.value, to_left=True, spare=1),
            Column(_("size"), _size, lambda job: job.dataset_bytes),
            Column(_("outcome"), _outcome, lambda job: job.state.value, to_left=True),
            Column(_("epochs"), epochs, spare=2),
            Column(_("gas"), lambda job: f"{job.gas:,}" if job.gas else "–", lambda job: job.gas, spare=3),
            Column(_("earned"), _earned, lambda job: job.earned_wei),
            Column(_("lost"), _lost, lambda job: job.lost_wei),
        )


class _Totals:
    """What jobs come to. They may be many: it is added up once."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        ended = [job for job in jobs if job.state.is_final]
        self.jobs = jobs
        self.verified = sum(job.state is JobState.VERIFIED for job in ended)
        self.earned_wei = sum(job.earned_wei for job in ended)
        self.lost_wei = sum(job.lost_wei for job in ended)


def _size(job: Job) -> str:
    return size(job.dataset_bytes) if job.dataset_bytes else "–"  # the chain alone does not say it


def _outcome(job: Job) -> Span:
    role = STATE_ROLES.get(job.state, "accent")
    return _STATE_SIGNS.get(role, "  ") + state_name(job.state), role


def _earned(job: Job) -> Span:
    return format_token(job.earned_wei), "good" if job.earned_wei else "muted"


def _lost(job: Job) -> Span:
    return cost(job.lost_wei), "bad" if job.lost_wei else "muted"
