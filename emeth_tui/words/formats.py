"""Numbers, times and sizes as people read them. Always the same width where they stand under each other."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from datetime import datetime, timezone

from emeth_tui.model import (
    MJ_PER_KWH,
    WEI_PER_TOKEN,
    AskedAt,
    Asker,
    JobState,
    Severity,
    TransactionState,
    WorkerPhase,
    format_token,
)
from emeth_tui.words.translation import _, spoken

LAST_SHOWN_UNIX_S = 253_402_300_799  # the last second of the year 9999; strangers write later deadlines


MOST_BITS = 256  # of the largest number that a chain knows


class Count(int):
    """A number of things, which a text shows with the noun that fits: `{n:day|days}`."""

    def __format__(self, nouns: str) -> str:
        shown = f"{int(self):,}" if self.bit_length() <= MOST_BITS else "?"
        one, _bar, many = nouns.partition("|")
        return f"{shown} {one if self == 1 else many}" if nouns else shown


def exact_token(amount_wei: int) -> str:
    """Show wei as tokens to the last wei: at least two decimals, no further zeros: `4.123456789`."""
    whole, fraction = divmod(abs(amount_wei), WEI_PER_TOKEN)
    decimals = f"{fraction:018d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_wei < 0 else ''}{whole:,}.{decimals}"


def emt(amount_wei: int) -> str:
    """Show an amount of EMT with its unit."""
    return f"{format_token(amount_wei)} EMT"


def cost(amount_wei: int, cells: int = 12) -> str:
    """Show what something costs in tokens: to the last wei where that fits, else rounded up."""
    exact = exact_token(amount_wei)
    if len(exact) <= cells:
        return exact
    return rounded_up(amount_wei)


def rounded_up(amount_wei: int, places: int = 2) -> str:
    """Show what something costs in tokens with so many decimals, and never as less than it is."""
    unit_wei = WEI_PER_TOKEN // 10**places
    return format_token(-(-amount_wei // unit_wei) * unit_wei, places)


def exact_emt(amount_wei: int) -> str:
    """Show an amount of EMT with its unit, to the last wei."""
    return f"{exact_token(amount_wei)} EMT"


def duration(seconds: float) -> str:
    """Show a length of time in its two greatest units: `42 s`, `12 min`, `4 h 02`, `3 d 05 h`."""
    total = max(0, int(seconds))
    if total < 60:
        return _("{n} s").format(n=total)
    if total < 3_600:
        return _("{n} min").format(n=total // 60)
    if total < 100 * 3_600:
        return _("{h} h {m:02d}").format(h=total // 3_600, m=total % 3_600 // 60)
    return _("{d} d {h:02d} h").format(d=total // 86_400, h=total % 86_400 // 3_600)


def duration_range(low_s: float, high_s: float) -> str:
    """Show a range of time, units once when they are the same: `42–47 min`."""
    low, high = duration(low_s), duration(high_s)
    if low == high:
        return low
    if high_s < 3_600 and (low_s >= 60) == (high_s >= 60):
        unit_s = 60 if high_s >= 60 else 1
        return f"{int(low_s) // unit_s}–{high}"
    return f"{low} – {high}"


def countdown(seconds: float) -> str:
    """Show a time left to the second: `09:56:38`."""
    total = max(0, int(seconds))
    return f"{total // 3_600:02d}:{total % 3_600 // 60:02d}:{total % 60:02d}"


def clock(unix_s: float) -> str:
    return f"{_utc(unix_s):%H:%M:%S}"


def moment(unix_s: float) -> str:
    """Show a time in full, in UTC."""
    return f"{_utc(unix_s):%Y-%m-%d %H:%M:%S}"


def day_of(unix_s: float) -> str:
    """Name the UTC day that a time is in: `2023-11-15`."""
    return f"{_utc(unix_s):%Y-%m-%d}"


def day_and_time(unix_s: float) -> str:
    """Show a time without its year and seconds, in UTC: `11-15 14:03`."""
    return f"{_utc(unix_s):%m-%d %H:%M}"


def size(size_bytes: float) -> str:
    """Show a size in powers of ten: `64 kB`, `1.2 MB`, `41.2 GB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            value = size_bytes / factor
            return f"{value:.0f} {unit}" if value >= 100 or unit == "kB" else f"{value:.1f} {unit}"
    return f"{size_bytes:.0f} B"


def speed(tokens_per_s: float) -> str:
    """Show tokens a second: `31.2k`, `840`."""
    return f"{tokens_per_s / 1_000:.1f}k" if tokens_per_s >= 1_000 else f"{tokens_per_s:.0f}"


def energy(energy_mj: int) -> str:
    """Show energy, in Wh below a kWh: `42.0 Wh`, `1.24 kWh`."""
    watt_hours = energy_mj / MJ_PER_KWH * 1_000
    return f"{watt_hours:.1f} Wh" if watt_hours < 1_000 else f"{watt_hours / 1_000:,.2f} kWh"


def percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def losses(start: float | None, best: float | None, last: float | None) -> str:
    """Show a job's validation losses: before its training, the least, the last epoch's or the result's."""
    named = ((_("start"), start), (_("best"), best), (_("last"), last))
    return _(", ").join(f"{name} {loss:.4f}" for name, loss in named if loss is not None)


def shorten_address(address: str) -> str:
    return f"{address[:6]}…{address[-4:]}" if len(address) > 12 else address


def asker_name(asker: Asker | None) -> str:
    """Name who gave a command: None is the node itself."""
    if asker is None:
        return _("the node itself")
    if asker.place is AskedAt.ATTACHED_SCREEN:
        return _("{user} at an attached screen (process {pid})").format(user=asker.user, pid=asker.pid)
    if asker.place is AskedAt.COMMAND_LINE:
        return _("{user} at the command line (process {pid})").format(user=asker.user, pid=asker.pid)
    at_node = asker.place is AskedAt.NODE_SCREEN
    return _("the operator at the node's own screen") if at_node else _("a signal")


# How each state is shown where it matters whether it is good; the colours are a theme's.
STATE_ROLES = {
    JobState.VERIFIED: "good",
    JobState.FAILED: "bad",
    JobState.TIMEOUT: "bad",
    JobState.DECLINED: "warn",
    JobState.LOST: "muted",
    JobState.CANCELED: "muted",
}


def state_name(state: JobState) -> str:
    """Name a job's state in the interface's language."""
    return {
        JobState.CLAIMING: _("claiming"),
        JobState.CLAIMED: _("claimed"),
        JobState.DOWNLOADING: _("downloading"),
        JobState.PREPARING: _("waiting"),
        JobState.TRAINING: _("training"),
        JobState.UPLOADING: _("uploading"),
        JobState.SUBMITTING: _("submitting"),
        JobState.SUBMITTED: _("submitted"),
        JobState.VERIFIED: _("verified"),
        JobState.FAILED: _("rejected"),
        JobState.TIMEOUT: _("timed out"),
        JobState.DECLINED: _("declined"),
        JobState.CANCELED: _("cancelled"),
        JobState.LOST: _("claim lost"),
    }[state]


def job_status_name(status: str) -> str:
    """Name where a job stands on the chain, or what became of a request, in the interface's language."""
    names = {
        "unfinished": _("unfinished"),
        "unseen": _("not on the chain"),
        "requested": _("requested"),
        "processing": _("training"),
        "submitted": _("submitted"),
        "verified": _("verified"),
        "canceled": _("cancelled"),
        "timeout": _("timed out"),
        "failed": _("rejected"),
        "declined": _("declined"),
    }
    return names.get(status, status)


def transaction_state_name(state: TransactionState) -> str:
    """Name where a transaction stands in the interface's language."""
    return {
        TransactionState.SIGNED: _("sent"),
        TransactionState.MINED: _("mined"),
        TransactionState.REVERTED: _("reverted"),
        TransactionState.REPLACED: _("replaced"),
    }[state]


def purpose_meaning(purpose: str) -> str:
    """Say what a transaction is for in the interface's language."""
    return {
        "approve": _("the contract may take the deposit"),
        "process": _("claims the job; the deposit is staked"),
        "submit": _("submits the result for verification"),
        "decline": _("gives the job back"),
        "withdraw": _("collects the reward of a closed day"),
        "cancel": _("uses up the nonce of one that is not wanted any more"),
    }.get(purpose, purpose)


def origin_name(origin: str) -> str:
    """Name where a setting's value comes from in the interface's language."""
    names = {
        "default": _("default"),
        "file": _("file"),
        "this run": _("this run"),
        "environment": _("environment"),
        "command line": _("command line"),
    }
    return names.get(origin, origin)


def service_name(name: str) -> str:
    """Name a service that the node depends on in the interface's language."""
    names = {
        "chain": _("the chain"),
        "storage": _("the storage"),
        "info server": _("the info server"),
        "node": _("the node"),
    }
    return names.get(name, name)


def host_state_name(*, joined: bool, draining: bool, away_s: float | None) -> str:
    """Name the state of the link to a host; None where nobody knows for how long it has been away."""
    if joined:
        return _("draining") if draining else _("joined")
    return "–" if away_s is None else _("silent for {time}").format(time=duration(away_s))


def phase_name(phase: WorkerPhase) -> str:
    """Name a worker's phase in the interface's language."""
    return _phase_names(spoken())[phase]


@functools.cache
def _phase_names(_language: Hashable) -> Mapping[WorkerPhase, str]:
    return {
        WorkerPhase.STARTING: _("starting"),
        WorkerPhase.IDLE: _("idle"),
        WorkerPhase.PREPARING: _("preparing"),
        WorkerPhase.TRAINING: _("training"),
        WorkerPhase.VALIDATING: _("validating"),
        WorkerPhase.AVERAGING: _("averaging"),
        WorkerPhase.SAVING: _("saving"),
        WorkerPhase.PAUSED: _("paused"),
        WorkerPhase.WRITING_RESULT: _("writing result"),
        WorkerPhase.STOPPING: _("stopping"),
        WorkerPhase.RESTARTING: _("restarting"),
        WorkerPhase.AWAY: _("away"),
        WorkerPhase.DOWN: _("down"),
        WorkerPhase.CLOSED: _("closed"),
    }


SEVERITY_MARKS = {Severity.DEBUG: " ", Severity.INFO: " ", Severity.WARNING: "!", Severity.ERROR: "✗"}
SEVERITY_ROLES = {Severity.DEBUG: "muted", Severity.INFO: "", Severity.WARNING: "warn", Severity.ERROR: "bad"}


def _utc(unix_s: float) -> datetime:
    return datetime.fromtimestamp(min(max(0, unix_s), LAST_SHOWN_UNIX_S), tz=timezone.utc)
