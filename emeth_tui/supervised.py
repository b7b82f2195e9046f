"""A node under a service manager: when it is ready, what it does, and signs that its event loop runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from emeth_tui.model import JobState
from emeth_tui.process.service_manager import ServiceManager
from emeth_tui.words.formats import Count
from emeth_tui.words.sentences import english

if TYPE_CHECKING:
    from emeth_tui.engine.node import Node
    from emeth_tui.engine.view.snapshot import Snapshot

logger = logging.getLogger(__name__)
STATUS_EVERY_S = 10.0


@asynccontextmanager
async def supervised(manager: ServiceManager | None, node: Node) -> AsyncIterator[None]:
    """Keep the manager informed of a node that has opened, until it begins to end."""
    if manager is None:
        yield
        return
    manager.notify(READY="1")
    reporting = asyncio.create_task(_report(manager, node))
    try:
        yield
    finally:
        reporting.cancel()
        await asyncio.wait({reporting})
        manager.notify(STOPPING="1")


async def _report(manager: ServiceManager, node: Node) -> None:
    """Give signs of life, twice as often as one is wanted, and report what the node does.

    The loop runs, whether or not the node can say what it does.
    """
    every_s = STATUS_EVERY_S if manager.watchdog_s is None else min(STATUS_EVERY_S, manager.watchdog_s / 2)
    reports = True
    while True:
        manager.notify(WATCHDOG="1")
        try:
            manager.notify(STATUS=status_line(node.snapshot()))
            reports = True
        except Exception:  # the top of a task: without signs of life a healthy node would be killed
            if reports:
                logger.exception("no status for the service manager")
            reports = False
        await asyncio.sleep(every_s)


def status_line(snapshot: Snapshot) -> str:
    """Say what a node does, for `systemctl status`."""
    waiting = sum(job.state is JobState.SUBMITTED for job in snapshot.jobs)
    under_way = Count(len(snapshot.jobs) - waiting)
    line = f"{under_way:job|jobs} under way, {Count(waiting):waits|wait} for the verifier"
    standstill = snapshot.standstill
    return line if standstill is None else f"{line}; {english(standstill.reason)}"
