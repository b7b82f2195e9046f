"""The first line: network and account, the age of the last block, the balances, the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.foreign_text import clean
from emeth_tui.model import format_token
from emeth_tui.settings import DEVNET
from emeth_tui.tui.drawing.lines import Line, Span, cut, line, spread, width_of
from emeth_tui.tui.frame import STALE_AFTER_S, Frame
from emeth_tui.tui.panels.banner import since
from emeth_tui.words.formats import clock, day_and_time, duration, moment, shorten_address
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.control.client import Attachment

LEAST_HOST_CELLS = 6


def header_line(frame: Frame | None, width: int) -> Line:
    """Draw the header; on a narrow screen what matters least goes first."""
    if frame is None:
        return line((" emeth-tui", "title"), ("  " + _("starting …"), "muted"))
    snapshot = frame.snapshot
    start: dict[str, list[Span]] = {
        "name": [("emeth-tui", "title")],
        "view": _attachment(frame),
        "network": [(snapshot.network, "accent"), (f" · {snapshot.chain_id}", "muted")],
        "block": _block(frame),
        "claims": _claims(frame),
        "next": _next(frame),
    }
    end: dict[str, list[Span]] = {
        "address": [] if snapshot.from_chain_alone else [(shorten_address(snapshot.address), "muted")],
        **_balances(frame),
        "clock": [(f"{clock(frame.now)} UTC ", "")],
    }
    # What goes first when it gets narrow; a view's mark, block, EMT and clock always stay. Which machine
    # it is matters more than the network.
    afar = ("network", "host") if frame.attached_to and frame.attached_to.host else ()
    for name in ("", "next", "claims", "address", "name", "since", "chain", "native", *afar):
        start.pop(name, None)
        end.pop(name, None)
        if name == "since":
            start["view"] = start["view"][: 2 if afar else 1]
        if name == "host":
            start["view"] = _short_attachment(start["view"], end, start["block"], width)
        if name == "chain":
            start["network"] = start["network"][:1]
        begins, ends = _spaced(start), _spaced(end)
        if Line(tuple(begins)).width + Line(tuple(ends)).width + 2 <= width:
            break
    return spread(begins, ends, width).tipped(_block_tip(frame))


def _block_tip(frame: Frame) -> str:
    head = frame.snapshot.head
    if head is None:
        return ""
    return _("block {n}: {moment} UTC").format(n=f"{head.number:,}", moment=moment(head.timestamp_unix_s))


def _spaced(groups: dict[str, list[Span]]) -> list[Span]:
    spans: list[Span] = []
    for group in groups.values():
        spans += [("  " if spans else " ", ""), *group] if group else []
    return spans


def _block(frame: Frame) -> list[Span]:
    head = frame.snapshot.head
    if head is None:
        return [(_("reading the chain …"), "muted")]
    age_s = frame.now - head.timestamp_unix_s
    # A devnet has a block only when somebody sends a transaction: there, age says nothing.
    stale = age_s >= STALE_AFTER_S and frame.snapshot.network != DEVNET
    ago = _("{time} ago").format(time=duration(age_s))
    if stale:
        return [("! " + _("last block {ago}").format(ago=ago), "warn")]
    return [(_("block") + " ", "muted"), (f"{head.number:,}", ""), (f" {ago}", "muted")]


def _claims(frame: Frame) -> list[Span]:
    """Say why nothing is claimed where all is well; what is not stands in the banner."""
    from emeth_tui.notices.reasons.market import WorkersBusy  # late: the first paint needs no reasons

    standstill = frame.snapshot.standstill
    if standstill is None or not isinstance(standstill.reason, WorkersBusy):
        return []
    return [(f"{text_of(standstill.reason)} {since(standstill, frame.now)}", "muted")]


def _next(frame: Frame) -> list[Span]:
    """Say what the hours or a timed pause change next, and when."""
    coming = next(iter(frame.snapshot.coming), None)
    if coming is None:
        return []
    left = _("in {time}").format(time=duration(coming.at_unix_s - frame.now))
    return [(text_of(coming.what), ""), (f" ({left})", "muted")]


def _attachment(frame: Frame) -> list[Span]:
    """Say which node this screen is attached to, and since when that runs; first what must always be seen."""
    node = frame.attached_to
    if node is None:
        return _watched(frame)
    mark = (_("read-only"), "warn") if frame.read_only else (_("attached"), "accent")
    if not node.host:
        return [mark, (f" {_process(node)}", "muted")]
    return [mark, (f" {clean(node.host)}", ""), (f" · {_process(node)}", "muted")]


def _watched(frame: Frame) -> list[Span]:
    """Name the account, where that is all that there is to see."""
    if not frame.snapshot.from_chain_alone:
        return []
    account = shorten_address(frame.snapshot.address)
    return [(_("watching {account}").format(account=account), "accent")]


def _short_attachment(
    view: list[Span], end: dict[str, list[Span]], block: list[Span], width: int
) -> list[Span]:
    """Name as much of the machine as there is room for, its user never; nothing where that says nothing."""
    (mark, (host, role)) = view
    others = width_of(_spaced({"view": [mark], "block": block})) + width_of(_spaced(end)) + 2
    name = " " + cut(host.strip().rpartition("@")[2], width - others - 1)
    return [mark, (name, role)] if width_of([(name, "")]) > LEAST_HOST_CELLS else [mark]


def attachment_text(node: Attachment) -> str:
    """Name the process that a screen is attached to, and since when it runs."""
    return f"{clean(node.host)} · {_process(node)}" if node.host else _process(node)


def _process(node: Attachment) -> str:
    return _("process {pid} since {moment}").format(pid=node.pid, moment=day_and_time(node.since_unix_s))


def _balances(frame: Frame) -> dict[str, list[Span]]:
    deposits = frame.snapshot.deposits
    if deposits is None:
        return {}
    symbol = frame.snapshot.native_symbol
    return {
        "emt": [("EMT ", "muted"), (format_token(deposits.free_wei), "title")],
        "native": [(f"{symbol} ", "muted"), (format_token(deposits.native_wei), "title")],
    }
