"""Troubles that come again and again while they last: an alert of each at first, then one now and then."""

from __future__ import annotations

from emeth_tui.notices.event import Event
from emeth_tui.notices.events import devices, host, job, market, node, schedule
from emeth_tui.notices.notice import EventBody, alike

REPEAT_S = 21_600.0
_LASTING = (
    market.Idle,
    market.PauseLifted,
    node.ServiceLost,
    node.EndpointChanged,
    node.DeviceDown,
    node.WorkerSilent,
    devices.GpuSlowed,
    host.HostAway,
    job.RunningLate,
    job.JobStuck,
    schedule.DeviceHeld,
)


class Repeats:
    """Remembers which lasting troubles there was an alert of, by the times of their events."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str | None], tuple[EventBody, float]] = {}

    def is_new(self, event: Event) -> bool:
        """Return whether an event is another than the last of its kind, or comes long after it."""
        if not isinstance(event.body, _LASTING):
            return True
        now = event.at_unix_s
        self._last = {of: (body, at) for of, (body, at) in self._last.items() if abs(now - at) < REPEAT_S}
        of = event.kind, event.job_id or _whose(event.body)
        if of in self._last and _is_same(event.body, self._last[of][0]):
            return False
        self._last[of] = event.body, now
        return True


def _whose(body: EventBody) -> str | None:
    return getattr(body, "device", None) or getattr(body, "host", None)


def _is_same(one: EventBody, other: EventBody) -> bool:
    """Whether two events are of one trouble. A device that is held again shows other figures and times."""
    if isinstance(one, schedule.DeviceHeld) and isinstance(other, schedule.DeviceHeld):
        return one.reason.kind == other.reason.kind
    return alike(one, other)
