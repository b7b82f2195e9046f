"""Between header and panels: what is wrong with the node as a whole. It is empty when all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.tui.drawing.lines import Line, fit, line
from emeth_tui.words.formats import clock, duration, link_name, moment
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.endpoints import Link
    from emeth_tui.tui.frame import Frame


def banner_lines(frame: Frame, width: int) -> list[Line]:
    """Draw one line a lost link, one for an end that is near, one for a pause of claiming."""
    broken = [link for link in frame.snapshot.links if link.broken_since_unix_s is not None]
    lines = [_lost(link, frame.now) for link in broken]
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


def _lost(link: Link, now: float) -> Line:
    since = link.broken_since_unix_s or now
    text = _("{name} has not answered since {clock} ({time}), {next}").format(
        name=link_name(link.name), clock=clock(since), time=duration(now - since), next=_next_try(link, now)
    )
    tip = _("since {moment} UTC").format(moment=moment(since))
    return line((f" ✗ {text}", "bad"), (f": {text_of(link.reason)}" if link.reason else "", "muted"), tip=tip)


def _next_try(link: Link, now: float) -> str:
    if link.next_try_unix_s is None or link.next_try_unix_s <= now:
        return _("trying again")
    return _("next try in {time}").format(time=duration(link.next_try_unix_s - now + 0.999))
