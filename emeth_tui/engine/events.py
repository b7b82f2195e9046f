"""The stream of events for every front end: events are never dropped, progress is coalesced."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from emeth_tui.engine.view.log_files import REMEDY_MARK
from emeth_tui.errors import EmethError
from emeth_tui.model import JobId, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import EpochDone
from emeth_tui.notices.notice import EventBody
from emeth_tui.store.events import EventTable
from emeth_tui.training.reports import Progress
from emeth_tui.words.remedies import remedy_of
from emeth_tui.words.sentences import english
from emeth_tui.words.translation import in_english

RECENT_EVENTS = 200  # in memory for snapshots; the table has more
logger = logging.getLogger(__name__)
_LOG_LEVELS = {
    Severity.DEBUG: logging.DEBUG,
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
}


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job's training has come at a moment."""

    job_id: JobId
    progress: Progress


class Subscription:
    """One front end's view of the stream: `async for` yields events in order, and each job's latest progress.

    Events are queued until they are read; of a job's progress only the latest is.
    """

    def __init__(self, forget: Callable[[Subscription], None] = lambda _closed: None) -> None:
        self._forget = forget
        self._events: deque[Event] = deque()
        self._progress: dict[JobId, JobProgress] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def offer_event(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    def offer_progress(self, progress: JobProgress) -> None:
        self._progress[progress.job_id] = progress
        self._wake.set()

    @property
    def backlog(self) -> int:
        """How many events wait to be read."""
        return len(self._events)

    def close(self) -> None:
        """End the stream once what is queued has been read; nothing more is accepted."""
        if not self._closed:
            self._closed = True
            self._forget(self)
            self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Event | JobProgress]:
        while True:
            self._wake.clear()  # first: whatever arrives while the reader is busy wakes it again
            while self._events or self._progress:
                if self._events:
                    yield self._events.popleft()
                else:
                    yield self._progress.pop(next(iter(self._progress)))
            if self._closed:
                return
            await self._wake.wait()


class RecentEvents:
    """The newest events, of each job's epochs the newest alone: they would bury everything else."""

    def __init__(self, stored: Sequence[Event]) -> None:
        self._entries: deque[tuple[Event, bool]] = deque(maxlen=RECENT_EVENTS)  # with: is it of this run?
        for event in stored:
            self.add(event, of_this_run=False)

    def add(self, event: Event, *, of_this_run: bool = True) -> None:
        if isinstance(event.body, EpochDone) and event.job_id is not None:
            for index, (other, _run) in enumerate(self._entries):
                if other.job_id == event.job_id and isinstance(other.body, EpochDone):
                    del self._entries[index]
                    break
        self._entries.append((event, of_this_run))

    def all(self) -> tuple[Event, ...]:
        """Return them, the oldest first."""
        return tuple(event for event, _run in self._entries)

    def of_this_run(self) -> tuple[Event, ...]:
        return tuple(event for event, of_this_run in self._entries if of_this_run)


def _logged(event: Event) -> str:
    """Return an event as the log has it: what to do about it stands on a line of its own."""
    with in_english():
        remedy = remedy_of(event)
    return english(event.body) + (f"\n{REMEDY_MARK}{remedy}" if remedy else "")


class EventLog:
    """Stores events and passes them to subscribers."""

    def __init__(self, table: EventTable, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now
        self._recent = RecentEvents(table.recent(RECENT_EVENTS, but=EpochDone.kind))
        self._subscriptions: list[Subscription] = []

    def publish(
        self,
        body: EventBody,
        *,
        job_id: JobId | None = None,
        severity: Severity | None = None,
    ) -> Event:
        """Store and log what happened, and pass it to every subscriber.

        `severity` overrides the body's own.
        """
        event = Event(self._now(), severity or body.severity, body, job_id)
        try:
            self._table.add(event)
        except EmethError as error:  # a full disk must not silence the event about it
            logger.error("an event could not be stored: %s", error)
        self._recent.add(event)
        logger.log(_LOG_LEVELS[event.severity], "%s%s", f"{job_id} " if job_id else "", _logged(event))
        for subscription in self._subscriptions:
            subscription.offer_event(event)
        return event

    def progress(self, progress: JobProgress) -> None:
        """Pass a worker's progress on; it is not stored."""
        for subscription in self._subscriptions:
            subscription.offer_progress(progress)

    def subscribe(self, *, from_start: bool = False) -> Subscription:
        """Return a stream of everything from now on; `from_start` puts this run's events so far before it.

        Of those, the newest RECENT_EVENTS are remembered, and of a job's epochs the newest.
        """
        subscription = Subscription(self._subscriptions.remove)
        if from_start:
            for event in self._recent.of_this_run():
                subscription.offer_event(event)
        self._subscriptions.append(subscription)
        return subscription

    def recent(self) -> tuple[Event, ...]:
        """Return the newest events, oldest first, at most RECENT_EVENTS; of a job's epochs the newest."""
        return self._recent.all()

    def close(self) -> None:
        """End every subscriber's stream."""
        for subscription in tuple(self._subscriptions):
            subscription.close()
