"""Looks after the state directory while the node runs: keeps copies of the database, and notices its loss.

SQLite goes on in a file that has lost its name, and everything written there would be gone with the process.
So where the names lead is compared with what is open; on a difference claiming stops, and everything known is
written to a new file at the same place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from emeth_tui.clients.threads import run_to_end
from emeth_tui.engine.context import Context
from emeth_tui.errors import EmethError, StoreDamaged
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.events import node as events
from emeth_tui.notices.notice import EventBody, Reason
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import StateDamaged, StateMoved

LOOK_EVERY_S = 1.0
COPY_EVERY_S = 3_600.0
logger = logging.getLogger(__name__)


class StateKeeper:
    """Keeps the node's state in its place. `pause_claims` stops claiming until the operator resumes it."""

    def __init__(self, context: Context, pause_claims: Callable[[Reason], None]) -> None:
        self._context = context
        self._pause_claims = pause_claims
        self._lost = False
        self._troubles: dict[type[EventBody], Reason] = {}  # as last published, by the event
        self.copy_now = asyncio.Event()

    async def look(self) -> None:
        """Notice a state directory that was removed or replaced, and write what is known to a new one."""
        store = self._context.store
        if store.is_in_place:
            store.move_writes()
            return
        directory = store.path.parent
        if not self._lost:
            self._lost = True
            self._context.events.publish(events.StateLost(directory))
            self._pause_claims(StateMoved(directory))
        try:
            aside = store.rebuild()
        except (EmethError, OSError) as error:
            self._report(error, events.StateNotRebuilt)
            return
        self._lost = False
        self._troubles.clear()
        self._context.events.publish(events.StateRebuilt(directory))
        if aside is not None:
            self._context.events.publish(events.StateSetAside(aside))
        self.copy_now.set()

    async def keep_copy(self) -> None:
        """Copy the database if anything has changed, in a thread; report what prevents that, once."""
        try:
            with self._context.store.copying() as copy_now:
                copy = await run_to_end(copy_now)  # nothing writes there once the node has stopped
        except StoreDamaged as error:
            if self._report(error, events.CopyFailed):
                self._pause_claims(StateDamaged(self._context.store.path))
            return
        except (EmethError, OSError) as error:
            self._report(error, events.CopyFailed)
            return
        self._troubles.pop(events.CopyFailed, None)
        if copy is not None:
            logger.info("copied the database: %s", copy.name)

    def _report(
        self, error: EmethError | OSError, body: type[events.StateNotRebuilt | events.CopyFailed]
    ) -> bool:
        """Publish a trouble, once while it stays the same; return whether it is new."""
        reason = error.reason if isinstance(error, EmethError) else Foreign(one_line(error))
        if reason == self._troubles.get(body):
            return False
        self._troubles[body] = reason
        self._context.events.publish(body(reason))
        return True
