"""Between header and panels: what is wrong with the node as a whole. It is empty when all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.tui.drawing.lines import Line, fit, line, width_of
from emeth_tui.words.formats import clock, day_and_time, duration, moment, service_name
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.market.standstill import Standstill
    from emeth_tui.engine.service_health import ServiceStatus
    from emeth_tui.tui.frame import Frame

DAY_S = 86_400


def banner_lines(frame: Frame, width: int) -> list[Line]:
    """Draw a line for each lost service, and one while the node stops or claims nothing for a free worker."""
    broken = [service for service in frame.snapshot.services if service.broken_since_unix_s is not None]
    lines = [_lost(service, frame.now) for service in broken]
    if frame.snapshot.stopping == "stopping":
        lines.append(line((" ! " + _("stopping: every job under way is being saved"), "warn")))
    elif frame.snapshot.stopping == "draining":
        lines.append(line((" ! " + _("draining: ends when the jobs under way are submitted"), "warn")))
    elif frame.snapshot.standstill is not None:
        lines += standstill_lines(frame, frame.snapshot.standstill, width)
    return [fit(content, width) for content in lines]


def standstill_lines(frame: Frame, standstill: Standstill, width: int) -> list[Line]:
    """Draw why nothing is claimed and since when, unless it is because every worker has a job."""
    from emeth_tui.notices.reasons import market as why  # late: the first paint needs no reasons
    from emeth_tui.notices.reasons.network.watching import HistoryCut, ReadingBack
    from emeth_tui.notices.reasons.pauses.hours import ClaimingHoursOver

    reason = standstill.reason
    if isinstance(reason, why.WorkersBusy):
        return []
    sign, role = ("‖", "warn") if isinstance(reason, why.ClaimingPaused) else ("!", "warn")
    calm = (why.NoOffers, why.NoneTaken, why.WantedJobsUnderWay, ClaimingHoursOver, ReadingBack, HistoryCut)
    if isinstance(reason, calm):
        sign, role = "–", "muted"
    resumes = frame.snapshot.claims_paused is not None and not frame.read_only
    key = (("   P ", "key"), (_("resumes"), "muted")) if resumes and sign == "‖" else ()
    ending = (("   " + since(standstill, frame.now), "muted"), *key)
    text = fit(line((f" {sign} " + text_of(reason), role)), width - width_of(ending))
    tip = _("since {moment} UTC").format(moment=moment(standstill.since_unix_s))
    return [line(*text.spans, *ending, tip=tip)]


def since(standstill: Standstill, now: float) -> str:
    """Say since when nothing is claimed."""
    began = standstill.since_unix_s
    shown = clock(began) if now - began < DAY_S / 2 else day_and_time(began)
    return _("since {clock} ({time})").format(clock=shown, time=duration(now - began))


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
