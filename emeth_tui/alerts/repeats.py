"""Troubles that come again and again while they last: an alert of each at first, then one now and then."""

from __future__ import annotations

from collections.abc import Callable

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
    """Remembers which lasting troubles there was an alert of."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last: dict[tuple[str, str | None], tuple[EventBody, float]] = {}

    def is_new(self, event: Event) -> bool:
        """Return whether an event is another than the last of its kind, or comes long after it."""
        if not isinstance(event.body, _LASTING):
            return True
        now = self._now()
        self._last = {of: (body, at) for of, (body, at) in self._last.items() if now - at < REPEAT_S}
        of = event.kind, event.job_id or _whose(event.body)
        if of in self._last and alike(event.body, self._last[of][0]):
            return False
        self._last[of] = event.body, now
        return True


def _whose(body: EventBody) -> str | None:
    return getattr(body, "device", None) or getattr(body, "host", None)
