"""Changes to the devices: published as events, and passed on to the worker leases."""

from __future__ import annotations

from emeth_tui.engine.events import EventLog
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.notices.events import node
from emeth_tui.workers.supervisor import DeviceDown, PoolEvent, Worker


class DeviceReports:
    """Publishes one event when a device fails, however often it is retried, and one when it works again."""

    def __init__(self, events: EventLog, leases: WorkerLeases) -> None:
        self._events = events
        self._leases = leases
        self._down: set[Worker] = set()

    def take(self, event: PoolEvent) -> None:
        """Handle a change to a device."""
        worker = event.worker
        if isinstance(event, DeviceDown):
            if worker not in self._down:
                self._down.add(worker)
                self._events.publish(node.DeviceDown(event.error.reason, event.again_in_s))
            return
        if worker in self._down:
            self._down.remove(worker)
            self._events.publish(node.DeviceWorks(worker.index, worker.device))
        self._leases.worker_is_usable()
