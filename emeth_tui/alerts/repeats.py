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
        self._known: list[Event] = []

    def is_new(self, event: Event) -> bool:
        """Return whether there was no alert of the same trouble for a long time, whatever came in between."""
        if not isinstance(event.body, _LASTING):
            return True
        now = event.at_unix_s
        self._known = [known for known in self._known if abs(now - known.at_unix_s) < REPEAT_S]
        if any(known.job_id == event.job_id and _is_same(known.body, event.body) for known in self._known):
            return False
        self._known.append(event)
        return True


def _is_same(one: EventBody, other: EventBody) -> bool:
    """Whether two events are of one trouble. A device that is held again shows other figures and times."""
    if isinstance(one, schedule.DeviceHeld) and isinstance(other, schedule.DeviceHeld):
        return one.device == other.device and one.reason.kind == other.reason.kind
    return alike(one, other)
