"""The jobs that this account requested of others: what became of each, by whom, and by when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.foreign_text import clean
from emeth_tui.listings.requests import request_state_role
from emeth_tui.model import JobId
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column
from emeth_tui.tui.screens.tables.rows import RowsScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import (
    Count,
    cost,
    day_and_time,
    duration,
    job_status_name,
    shorten_address,
    size,
)
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

LONGEST_SHOWN_S = 10_000 * 86_400
LEAST_FILE_CELLS = 12


class RequestsScreen(RowsScreen[FollowedJob]):
    """One row per requested job, the newest first."""

    FOLLOWS = True
    LEAST_REST_S = 5.0  # each look asks the chain
    SCOPE = Scope.REQUESTS
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.REQUESTS)

    def __init__(self) -> None:
        super().__init__()
        self.followed: Sequence[FollowedJob] = ()

    async def load(self, records: Records) -> None:
        self.followed = await records.requests()

    @property
    def target(self) -> Target:
        return Target(row_count=len(self.shown), request=self.chosen_item)

    def open_details(self) -> None:
        """Show all about the chosen request."""
        if self.chosen_item is not None:
            self.host.pages.open_request(self.chosen_item)

    def items(self, frame: Frame) -> Sequence[FollowedJob]:
        return self.followed

    def key_of(self, item: FollowedJob) -> JobId:
        return item.request.job_id

    def searched_text(self, item: FollowedJob) -> str:
        node = item.on_chain.node if item.on_chain else ""
        return f"{item.request.job_id} {node} {clean(str(item.request.path))}"

    def empty_text(self) -> str:
        return _("no job matches the filter") if self.words else _("nothing requested yet")

    def top_line(self, frame: Frame) -> Line:
        shown = self.shown
        fees_wei = sum(one.request.fee_wei for one in shown if one.on_chain and not one.has_ended)
        totals = _("{n:job|jobs}, {verified} verified, {fees} in those that go on").format(
            n=Count(len(shown)),
            verified=sum(one.is_verified for one in shown),
            fees=f"{cost(fees_wei, 9)} EMT",
        )
        return line((_("Requests"), "title"), ("   " + totals, "muted"))

    def detail(self, item: FollowedJob) -> Span:
        return f"{item.request.job_id}  {clean(str(item.request.path))}", "muted"

    def columns(self, frame: Frame, width: int) -> Sequence[Column[FollowedJob]]:
        ours = {job.job_id: job for job in frame.snapshot.jobs}

        def progress(one: FollowedJob) -> str:
            """Return also the epochs done where this very node trains it: the chain does not show them."""
            job = ours.get(one.request.job_id)
            epochs = f"{one.request.epochs:,}"
            return f"{job.epochs_done:,}/{epochs}" if job and not one.has_ended else epochs

        def left_s(one: FollowedJob) -> float:
            return min(one.deadline_unix_s - frame.now, LONGEST_SHOWN_S)

        def left(one: FollowedJob) -> Span:
            return ("", "") if one.has_ended else (duration(left_s(one)), "bad" if left_s(one) < 0 else "")

        def dataset(one: FollowedJob) -> str:
            return f"{one.request.language.value} {size(one.request.dataset_bytes)}"

        return (
            Column(_("job"), lambda one: (short(one.request.job_id), "accent"), to_left=True),
            Column(_("state"), _state, lambda one: one.state, to_left=True),
            Column(_("node"), _node, _node, to_left=True, spare=2),
            Column(_("epochs"), progress, spare=4),
            Column(_("fee"), lambda one: cost(one.request.fee_wei, 9), lambda one: one.request.fee_wei),
            Column(_("deadline"), left, left_s),
            Column(_("requested"), _requested, lambda one: one.request.created_at_unix_s, spare=3),
            Column(_("size"), dataset, lambda one: one.request.dataset_bytes, spare=1),
            Column(_("file"), _file, _file, to_left=True, least=LEAST_FILE_CELLS),
        )


def _state(one: FollowedJob) -> Span:
    return job_status_name(one.state), request_state_role(one.state)


def _node(one: FollowedJob) -> str:
    job = one.on_chain
    return shorten_address(job.node) if job and job.started_at_unix_s else ""


def _requested(one: FollowedJob) -> Span:
    return day_and_time(one.request.created_at_unix_s), "muted"


def _file(one: FollowedJob) -> str:
    return clean(one.request.path.name)
