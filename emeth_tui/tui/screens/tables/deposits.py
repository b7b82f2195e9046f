"""Panel 3 alone: the account's amounts, and under them each deposit that is staked or ended today."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.engine.money.terms import at_risk_wei
from emeth_tui.job import Job
from emeth_tui.model import JobState, format_token
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column
from emeth_tui.tui.panels.deposits import deposit_lines
from emeth_tui.tui.screens.tables.rows import JobRowsScreen
from emeth_tui.words.formats import cost, day_and_time, duration, state_name
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame


class DepositsScreen(JobRowsScreen[Job]):
    """One row per deposit."""

    SCOPE = Scope.DEPOSITS
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.DEPOSITS)

    def items(self, frame: Frame) -> Sequence[Job]:
        staked = [job for job in frame.snapshot.jobs if job.state.holds_deposit]
        return [*staked, *frame.snapshot.ended_today]

    def empty_text(self) -> str:
        return _("no deposit matches the filter") if self.words else _("nothing is staked")

    def top_line(self, frame: Frame) -> Line:
        staked = sum(job.state.holds_deposit for job in self.shown)
        text = _("{n} staked, {ended} ended today").format(n=staked, ended=len(self.shown) - staked)
        return line((_("Deposits"), "title"), ("   " + text, "muted"))

    def summary(self, frame: Frame, width: int) -> list[Line]:
        return deposit_lines(frame, width)

    def columns(self, frame: Frame, width: int) -> Sequence[Column[Job]]:
        rates = frame.snapshot.rates

        def risk(job: Job) -> Span:
            risk_wei = at_risk_wei(rates, job)
            return cost(risk_wei), "warn" if risk_wei else "muted"

        def left_s(job: Job) -> float:
            return job.deadline_unix_s - frame.now

        def deadline(job: Job) -> str:
            waits = job.state.holds_deposit and job.state is not JobState.SUBMITTED
            return duration(left_s(job)) if waits else "–"

        return (
            Column(_("taken"), _taken, lambda job: job.created_at_unix_s, to_left=True, spare=2),
            Column(_("job"), lambda job: (short(job.job_id), "accent"), to_left=True),
            Column(_("state"), lambda job: state_name(job.state), lambda job: job.state.value, to_left=True),
            Column(_("fee"), lambda job: format_token(job.fee_wei), lambda job: job.fee_wei, spare=1),
            Column(_("deposit"), lambda job: format_token(job.deposit_wei), lambda job: job.deposit_wei),
            Column(_("at risk"), risk, lambda job: at_risk_wei(rates, job)),
            Column(_("back"), _back, _back_wei),
            Column(_("lost"), _lost, lambda job: job.lost_wei),
            Column(_("deadline in"), deadline, left_s),
        )


def _taken(job: Job) -> Span:
    return day_and_time(job.created_at_unix_s), "muted"


def _back_wei(job: Job) -> int:
    """Return what came back whole: a verified job's deposit, as the panel counts it."""
    return job.deposit_wei if job.state is JobState.VERIFIED and not job.lost_wei else 0


def _back(job: Job) -> Span:
    back_wei = _back_wei(job)
    return (format_token(back_wei), "good") if back_wei else ("–", "muted")


def _lost(job: Job) -> Span:
    return cost(job.lost_wei), "bad" if job.lost_wei else "muted"
