"""The network: what it stakes and pays, and who earned what of each day's reward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.listings.networks import contract_facts, part_of_day, rate_facts, share_state
from emeth_tui.model import SECONDS_PER_DAY, format_token
from emeth_tui.network.overview import Day, NodeShare, Overview
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.dialogs.dialog import facts_table
from emeth_tui.tui.drawing.lines import Line, Span, line
from emeth_tui.tui.drawing.table import Column
from emeth_tui.tui.screens.tables.rows import RowsScreen
from emeth_tui.words.formats import Count, day_of, percent, shorten_address
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

TALL_LINES = 40  # from here on there is room for contracts and roles
ROOM_FOR_ADDRESS_CELLS = 120

Share = tuple[Day, NodeShare]


class NetworkScreen(RowsScreen[Share]):
    """One row per day and node, the newest day and the largest share first."""

    SCOPE = Scope.NETWORK
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.NETWORK)
    DETAIL_LINES = 2

    def __init__(self) -> None:
        super().__init__()
        self.seen: Overview | None = None
        self._rows: Sequence[Share] = ()

    async def load(self, records: Records) -> None:
        seen = await records.network()
        if seen != self.seen:
            self.seen = seen
            self._rows = [(day, share) for day in seen.days for share in day.shares]

    def items(self, frame: Frame) -> Sequence[Share]:
        return self._rows

    def key_of(self, item: Share) -> tuple[int, str]:
        return item[0].slot, item[1].node

    def searched_text(self, item: Share) -> str:
        return item[1].node

    def empty_text(self) -> str:
        if self.words:
            return _("no day matches the filter")
        return _("no node has earned anything yet") if self.seen else _("reading the chain …")

    def top_line(self, frame: Frame) -> Line:
        seen = self.seen
        totals = ""
        if seen is not None:
            text = _("{name}, block {block:,}: {n:node has|nodes have} earned something")
            totals = text.format(
                name=frame.snapshot.network,
                block=seen.head.number,
                n=Count(len(seen.nodes)),
            )
        return line((_("Network"), "title"), ("   " + totals, "muted"))

    def summary(self, frame: Frame, width: int) -> list[Line]:
        if self.seen is None:
            return []
        tall = self.size.height >= TALL_LINES
        facts = [*(contract_facts(self.seen) if tall else []), *rate_facts(self.seen)]
        lines = facts_table([(label, line((text, role))) for label, text, role in facts])(width)
        return lines[: self.size.height // 3]  # whatever a chain says, the rows need room

    def detail(self, item: Share) -> Span:
        """Say what the chosen row's node came to in all."""
        node = item[1].node
        total = next((one for one in self.seen.nodes if one.node == node), None) if self.seen else None
        if total is None:
            return node, "muted"
        text = _("{node} in all: {n} verified, {fees} fees, {rewards} rewards, {left} not withdrawn").format(
            node=node if self.size.width >= ROOM_FOR_ADDRESS_CELLS else shorten_address(node),
            n=total.verified_jobs,
            fees=format_token(total.fees_wei),
            rewards=format_token(total.rewards_wei),
            left=format_token(total.withdrawable_wei),
        )
        return text, "muted"

    def columns(self, frame: Frame, width: int) -> Sequence[Column[Share]]:
        own = frame.snapshot.address.lower()
        shown = str if width >= ROOM_FOR_ADDRESS_CELLS else shorten_address

        def node(row: Share) -> Span:
            is_own = row[1].node.lower() == own
            return shown(row[1].node) + (" " + _("(us)") if is_own else ""), "accent" if is_own else ""

        return (
            Column(_("day, UTC"), _day, lambda row: row[0].slot, to_left=True),
            Column(_("node"), node, lambda row: row[1].node, to_left=True),
            Column(_("gas"), lambda row: f"{row[1].gas:,}", lambda row: row[1].gas, spare=1),
            Column(_("all gas"), lambda row: f"{row[0].total_gas:,}", lambda row: row[0].total_gas, spare=2),
            Column(_("share"), lambda row: percent(part_of_day(*row)), lambda row: part_of_day(*row)),
            Column(_("reward"), _reward, lambda row: row[1].reward_wei),
            Column(_("state"), _state, lambda row: share_state(*row), to_left=True),
        )


def _day(row: Share) -> str:
    return day_of(row[0].slot * SECONDS_PER_DAY)


def _reward(row: Share) -> Span:
    """Show a share of an ended day, or what it would be now."""
    day, share = row
    amount = format_token(share.reward_wei)
    return (amount, "") if day.is_closed else (f"≈ {amount}", "muted")


def _state(row: Share) -> Span:
    return share_state(*row), "" if row[0].is_closed else "muted"
