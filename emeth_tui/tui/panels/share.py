"""Panel 5: this node's part of the day's gas and reward, past days, and what is there to withdraw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from emeth_tui.model import SECONDS_PER_DAY, WEI_PER_TOKEN, format_token
from emeth_tui.tui.drawing.graphs import Graph, graph_lines
from emeth_tui.tui.drawing.lines import Line, Span, bar, join, line, sparkline, spread
from emeth_tui.words.formats import countdown, emt, moment
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.view.snapshot import TodaysShare
    from emeth_tui.tui.drawing.glyphs import Glyphs
    from emeth_tui.tui.frame import Frame

DAYS_SHOWN = 30
WEEK = 7
LEAST_GRAPH_LINES, MOST_GRAPH_LINES = 4, 12
NO_CAP = 2**128  # of gas: whatever is over this was never meant to bind


def share_lines(frame: Frame, width: int, glyphs: Glyphs) -> list[Line]:
    """Draw gas, reward so far, the day's end, the last days, and what waits."""
    today = frame.snapshot.today
    if today is None:
        return [line((_("reading the chain …"), "muted"))]
    share = today.share
    part = share.own_gas / share.total_gas if share.total_gas else 0.0
    gas = _("{own} of {all} gas").format(own=f"{share.own_gas:,}", all=f"{share.total_gas:,}")
    left_s = today.ends_at_unix_s - frame.now
    gone = 1 - left_s / SECONDS_PER_DAY
    lines = [
        spread([(gas, "")], [(f"{100 * part:.2f} %", "title")], width),
        line(
            ("≈ " + emt(share.own_reward_wei), "good" if share.own_gas else ""), (" " + _("so far"), "muted")
        ),
        spread(
            [(_("day ends in") + " ", "muted"), (countdown(left_s), ""), ("  ", "")],
            bar(gone, max(4, min(16, width - 30)), glyphs, "muted"),
            width,
        ).tipped(_("day ends {moment} UTC").format(moment=moment(today.ends_at_unix_s))),
        _days(today, width, glyphs),
        _waiting(frame, today),
    ]
    if frame.snapshot.rates.max_slot_gas_per_node < NO_CAP:
        cap = f"{frame.snapshot.rates.max_slot_gas_per_node:,}"
        lines.append(line((_("at most {n} gas per day counts").format(n=cap), "warn")))
    return lines


def reward_graph(frame: Frame, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Draw the rewards of the last days where there is room for more than a line of them."""
    today = frame.snapshot.today
    if today is None or not today.days or height < LEAST_GRAPH_LINES:
        return []
    rewards = {share.slot: share.own_reward_wei / WEI_PER_TOKEN for share in today.days}
    graph = day_graph(rewards, today.share.slot - 1, DAYS_SHOWN, _("EMT by day"))
    return graph_lines(graph, width, min(height, MOST_GRAPH_LINES), glyphs)


def day_graph(emt_by_slot: Mapping[int, float], last: int, most: int, title: str) -> Graph:
    """Return a graph of the last days, at least a week and as far back as anything was earned."""
    first = min(emt_by_slot, default=last)
    count = min(most, max(WEEK, last - first + 1))
    values = [emt_by_slot.get(slot) or None for slot in range(last - count + 1, last + 1)]
    low = min([0.0, *(value for value in values if value is not None)])
    return Graph(title, values, count, lambda value: f"{value:,.0f}", low=low, role="good", bars=True)


def share_summary(frame: Frame, width: int) -> Line:
    """Draw the day in one line."""
    today = frame.snapshot.today
    if today is None:
        return line((_("reading the chain …"), "muted"))
    share = today.share
    part = share.own_gas / share.total_gas if share.total_gas else 0.0
    gas = _("{own} of {all} gas").format(own=f"{share.own_gas:,}", all=f"{share.total_gas:,}")
    groups: list[list[Span]] = [
        [(gas, ""), (f" {100 * part:.2f} %", "title")],
        [(f"≈ {emt(share.own_reward_wei)}", "good" if share.own_gas else "")],
        [(_("ends in") + " ", "muted"), (countdown(today.ends_at_unix_s - frame.now), "")],
        [("w ", _key_role(frame)), (emt(waiting_wei(today)), "good")] if today.waiting else [],
    ]
    return join(groups, width, gap=2)


def waiting_wei(today: TodaysShare) -> int:
    """Return the sum of what can be withdrawn for closed days."""
    return sum(share.withdrawable_wei for share in today.waiting)


def _days(today: TodaysShare, width: int, glyphs: Glyphs) -> Line:
    if not today.days:
        return line((_("no closed day with gas of ours yet"), "muted"))
    by_slot = {share.slot: share.own_reward_wei / WEI_PER_TOKEN for share in today.days}
    last = today.share.slot - 1
    count = min(DAYS_SHOWN, max(WEEK, last - min(by_slot) + 1), max(WEEK, width - 20))
    rewards = [by_slot.get(slot, 0.0) for slot in range(last - count + 1, last + 1)]
    total = format_token(int(sum(rewards)) * WEI_PER_TOKEN, 0)
    return line(
        (sparkline(rewards, count, glyphs), "accent"),
        (" " + _("{n} days: {total} EMT").format(n=count, total=total), "muted"),
    )


def _waiting(frame: Frame, today: TodaysShare) -> Line:
    if not today.waiting:
        return line((_("nothing to withdraw"), "muted"))
    amount = format_token(waiting_wei(today))
    text = _("withdraw {amount} EMT").format(amount=amount)
    days = " " + _("of {n} days").format(n=len(today.waiting)) if len(today.waiting) > 1 else ""
    return line(("w ", _key_role(frame)), (text, "good"), (days, "muted"))


def _key_role(frame: Frame) -> str:
    """A key that does nothing on a read-only screen is faint, as in the footer."""
    return "faint" if frame.read_only else "key"
