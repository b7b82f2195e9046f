"""Panel 5 alone: the day's gas and reward, and under them every day on which this node earned gas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.model import SECONDS_PER_DAY, format_token
from emeth_tui.protocol.contracts import SlotShare
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column
from emeth_tui.tui.panels.share import share_lines, waiting_wei
from emeth_tui.tui.screens.tables.rows import RowsScreen
from emeth_tui.words.formats import Count, day_of, emt
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame


MOST_CELLS = 76  # of the summary: further apart, label and figure no longer read as one


class ShareScreen(RowsScreen[SlotShare]):
    """One row per day with gas of ours, the one that goes on first."""

    SCOPE = Scope.SHARE
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.SHARE)

    def open_details(self) -> None:
        """List the jobs that ended on the chosen day."""
        if self.chosen_item is not None:
            self.host.pages.open_history(f"ended:{_day(self.chosen_item)}")

    def items(self, frame: Frame) -> Sequence[SlotShare]:
        today = frame.snapshot.today
        if today is None:
            return []
        return [today.share, *sorted(today.days, key=lambda share: -share.slot)]

    def key_of(self, item: SlotShare) -> int:
        return item.slot

    def empty_text(self) -> str:
        return _("no day matches the filter") if self.words else _("reading the chain …")

    def top_line(self, frame: Frame) -> Line:
        today = frame.snapshot.today
        waiting = emt(waiting_wei(today)) if today else "–"
        text = _("{n:day|days}, {waiting} to withdraw").format(n=Count(len(self.shown)), waiting=waiting)
        return line((_("Today’s share"), "title"), ("   " + text, "muted"))

    def summary(self, frame: Frame, width: int) -> list[Line]:
        return share_lines(frame, min(width, MOST_CELLS), self.host.glyphs)

    def columns(self, frame: Frame, width: int) -> Sequence[Column[SlotShare]]:
        today = frame.snapshot.today
        open_slot = today.share.slot if today else -1
        waiting = {share.slot for share in today.waiting} if today else set()

        def state(share: SlotShare) -> Span:
            if share.slot == open_slot:
                return "… " + _("not over yet"), "muted"
            if share.slot in waiting:
                return "! " + _("to withdraw"), "warn"
            return ("✓ " + _("withdrawn"), "good") if share.own_gas else ("–", "muted")

        return (
            Column(_("day, UTC"), _day, lambda share: share.slot, to_left=True),
            Column(_("our gas"), lambda share: f"{share.own_gas:,}", lambda share: share.own_gas),
            Column(
                _("all gas"), lambda share: f"{share.total_gas:,}", lambda share: share.total_gas, spare=1
            ),
            Column(_("share"), lambda share: f"{100 * _part(share):.2f} %", _part),
            Column(_("whole reward"), _whole, lambda share: share.reward_wei, spare=2),
            Column(_("our reward"), _reward, lambda share: share.own_reward_wei),
            Column(_("state"), state, lambda share: state(share)[0], to_left=True),
        )


def _day(share: SlotShare) -> str:
    return day_of(share.slot * SECONDS_PER_DAY)


def _part(share: SlotShare) -> float:
    return share.own_gas / share.total_gas if share.total_gas else 0.0


def _whole(share: SlotShare) -> Span:
    return format_token(share.reward_wei), "muted"


def _reward(share: SlotShare) -> str:
    return format_token(share.own_reward_wei)
