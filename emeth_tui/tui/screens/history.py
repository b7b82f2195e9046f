"""Every job that this node ever took, and how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.job import Job
from emeth_tui.model import JobState, format_token
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.csv_export import jobs_csv
from emeth_tui.tui.drawing.lines import BLANK, Line, fit, left, line, right
from emeth_tui.tui.screens.rows import RowsScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import cost, day_of, emt, exact_emt, moment, size, state_name
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

ROOMY_CELLS = 96
_STATE_ROLES = {
    JobState.VERIFIED: "good",
    JobState.FAILED: "bad",
    JobState.TIMEOUT: "bad",
    JobState.DECLINED: "warn",
    JobState.LOST: "muted",
    JobState.CANCELED: "muted",
}
_STATE_SIGNS = {"good": "✓ ", "bad": "✗ ", "warn": "! "}


class HistoryScreen(RowsScreen[Job]):
    """Every job that this node ever took."""

    SCOPE = Scope.HISTORY
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.HISTORY)

    def __init__(self, words: str = "") -> None:
        super().__init__(words)
        self.jobs: Sequence[Job] = ()

    async def load(self, records: Records) -> None:
        self.jobs = await records.history()

    @property
    def target(self) -> Target:
        return Target(row_count=len(self.shown))

    def open_details(self) -> None:
        """Show all about the chosen job."""
        if self.chosen_item is not None:
            self.host.pages.open_job(self.chosen_item.job_id)

    def export(self) -> None:
        """Write the jobs that are shown to a file."""
        self.host.pages.ask_export("jobs", len(self.shown), jobs_csv(self.shown))

    def items(self, frame: Frame) -> Sequence[Job]:
        return self.jobs

    def key_of(self, item: Job) -> str:
        return item.job_id

    def searched_text(self, item: Job) -> str:
        ended = f"ended:{day_of(item.ended_at_unix_s)}" if item.ended_at_unix_s else ""
        return f"{item.job_id} {item.dataset} {text_of(item.error) if item.error else ''} {ended}"

    def empty_text(self) -> str:
        return _("no job matches the filter") if self.words else _("no job yet")

    def heading(self, frame: Frame, width: int) -> list[Line]:
        ended = [job for job in self.shown if job.state.is_final]
        earned = sum(job.earned_wei for job in ended)
        lost = sum(job.lost_wei for job in ended)
        totals = _("{n} jobs, {verified} verified, {earned} earned, {lost} lost").format(
            n=len(self.shown),
            verified=sum(job.state is JobState.VERIFIED for job in ended),
            earned=emt(earned),
            lost=exact_emt(lost),
        )
        roomy = width >= ROOMY_CELLS
        columns = left(_("taken"), 21 if roomy else 13) + left(_("job"), 9) + left(_("size"), 12)
        columns += left(_("outcome"), 14) + right(_("epochs"), 7) + (right(_("gas"), 8) if roomy else "")
        columns += right(_("earned"), 11) + right(_("lost"), 10)
        return [line((_("History"), "title"), ("   " + totals, "muted")), BLANK, line((columns, "muted"))]

    def row(self, item: Job, frame: Frame, width: int) -> Line:
        role = _STATE_ROLES.get(item.state, "accent")
        roomy = width >= ROOMY_CELLS
        taken = moment(item.created_at_unix_s)
        outcome = _STATE_SIGNS.get(role, "  ") + state_name(item.state)
        return fit(
            line(
                (left(taken, 21) if roomy else left(taken[5:16], 13), "muted"),
                (left(short(item.job_id), 9), "accent"),
                left(f"{item.language.value} {right(size(item.dataset_bytes), 8)}", 12),
                (left(outcome, 14), role),
                right(f"{item.epochs_done}/{item.epochs}", 7),
                right(f"{item.gas:,}" if item.gas else "–", 8) if roomy else "",
                (right(format_token(item.earned_wei), 11), "good" if item.earned_wei else "muted"),
                (right(cost(item.lost_wei, 9), 10), "bad" if item.lost_wei else "muted"),
            ),
            width,
        )
