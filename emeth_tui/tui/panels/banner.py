"""Between header and panels: what is wrong with the node as a whole. It is empty when all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.tui.drawing.lines import Line, fit, line
from emeth_tui.words.formats import clock, duration, moment, service_name
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.service_health import ServiceStatus
    from emeth_tui.tui.frame import Frame


def banner_lines(frame: Frame, width: int) -> list[Line]:
    """Draw a line for each lost service, and one while the node is stopping or claiming is paused."""
    broken = [service for service in frame.snapshot.services if service.broken_since_unix_s is not None]
    lines = [_lost(service, frame.now) for service in broken]
    if frame.snapshot.stopping == "stopping":
        lines.append(line((" ! " + _("stopping: every job under way is being saved"), "warn")))
    elif frame.snapshot.stopping == "draining":
        lines.append(line((" ! " + _("draining: ends when the jobs under way are submitted"), "warn")))
    elif frame.snapshot.claims_paused:
        from emeth_tui.notices.reasons.market import ClaimingPaused  # late: the first paint needs no reasons

        paused = text_of(ClaimingPaused(frame.snapshot.claims_paused))
        key = () if frame.viewed_pid is not None else (("   P ", "key"), (_("goes on"), "muted"))
        lines.append(line((" ‖ " + paused, "warn"), *key))
    return [fit(content, width) for content in lines]


def _lost(service: ServiceStatus, now: float) -> Line:
    since = service.broken_since_unix_s or now
    text = _("{name} has not answered since {clock} ({time}), {next}").format(
        name=service_name(service.name),
        clock=clock(since),
        time=duration(now - since),
        next=_next_try(service, now),
    )
    tip = _("since {moment} UTC").format(moment=moment(since))
    return line(
        (f" ✗ {text}", "bad"), (f": {text_of(service.reason)}" if service.reason else "", "muted"), tip=tip
    )


def _next_try(service: ServiceStatus, now: float) -> str:
    if service.next_try_unix_s is None or service.next_try_unix_s <= now:
        return _("trying again")
    return _("next try in {time}").format(time=duration(service.next_try_unix_s - now + 0.999))
