"""Whether the services that the node depends on answer: one event when one is lost, one when it is back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from emeth_tui.engine.events import EventLog
from emeth_tui.errors import EmethError
from emeth_tui.model import ServiceName
from emeth_tui.notices.events.node import ServiceLost, ServiceRestored
from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A service that the node depends on. `broken_since_unix_s` is None while it works.

    `next_try_unix_s` is when a broken one is tried again; once that has passed, a try is under way.
    """

    name: ServiceName
    broken_since_unix_s: float | None = None
    reason: Reason | None = None
    next_try_unix_s: float | None = None


class ServiceHealth:
    """The status of each service: chain, storage, info server."""

    def __init__(self, events: EventLog, now: Callable[[], float]) -> None:
        self._events = events
        self._now = now
        self._services: dict[ServiceName, ServiceStatus] = {}

    def works(self, name: ServiceName) -> None:
        """Record that a service has answered."""
        service = self._services.get(name, ServiceStatus(name))
        if service.broken_since_unix_s is not None:
            lasted = self._now() - service.broken_since_unix_s
            self._events.publish(ServiceRestored(name, round(lasted)))
        self._services[name] = ServiceStatus(name)

    def broken(self, name: ServiceName, error: EmethError, *, again_in_s: float) -> None:
        """Record that a service does not answer, and when it is tried again."""
        service = self._services.get(name, ServiceStatus(name))
        if service.broken_since_unix_s is None:
            self._events.publish(ServiceLost(name, error.reason))
            service = ServiceStatus(name, broken_since_unix_s=self._now())
        self._services[name] = replace(service, reason=error.reason, next_try_unix_s=self._now() + again_in_s)

    def all(self) -> tuple[ServiceStatus, ...]:
        """Return every service tried so far."""
        return tuple(self._services.values())
