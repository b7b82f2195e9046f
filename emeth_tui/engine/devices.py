"""Changes to the devices: published as events, and passed on to the worker leases."""

from __future__ import annotations

from emeth_tui.engine.events import EventLog
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.notices.events import node
from emeth_tui.notices.notice import EventBody
from emeth_tui.workers.supervisor import DeviceDown, PoolEvent, Worker, WorkerSilent


class DeviceReports:
    """Publishes one event when a device fails or does not answer, and one when it works again."""

    def __init__(self, events: EventLog, leases: WorkerLeases) -> None:
        self._events = events
        self._leases = leases
        self._down: set[Worker] = set()

    def take(self, event: PoolEvent) -> None:
        """Handle a change to a device."""
        worker = event.worker
        if isinstance(event, (DeviceDown, WorkerSilent)):
            if worker not in self._down:
                self._down.add(worker)
                self._events.publish(_body(event))
        elif worker in self._down:
            self._down.remove(worker)
            self._events.publish(node.DeviceWorks(worker.index, worker.device))
        self._leases.look_again()


def _body(event: DeviceDown | WorkerSilent) -> EventBody:
    if isinstance(event, DeviceDown):
        return node.DeviceDown(event.error.reason, event.again_in_s)
    return node.WorkerSilent(event.worker.index, event.worker.device, event.reason)
