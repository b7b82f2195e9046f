"""Follows a node's events, and sends alerts of them for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from emeth_tui.alerts.alert import alert_of
from emeth_tui.alerts.channel import Channel
from emeth_tui.alerts.channels import open_channels
from emeth_tui.alerts.courier import Courier
from emeth_tui.alerts.mailbox import BACKOFF, SETTLE_S, Mailbox, Waiting
from emeth_tui.alerts.quiet import QuietHours
from emeth_tui.alerts.repeats import REPEAT_S, Repeats
from emeth_tui.alerts.rules import topic_of
from emeth_tui.backoff import Backoff
from emeth_tui.engine.events import EventLog
from emeth_tui.errors import EmethError
from emeth_tui.foreign_text import one_line
from emeth_tui.model import AlertTopic
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.node import InternalError
from emeth_tui.settings import Settings
from emeth_tui.settings.alert_secrets import AlertSecrets
from emeth_tui.store.database import Store
from emeth_tui.store.key_values import ALERTS
from emeth_tui.words.translation import in_language, language_of_locale

MISSED_S = 86_400.0  # what happened longer ago is in the list of events
SAVE_AGAIN_S = 5.0
LAST_TRY_S = 5.0  # for what waits when the node ends
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store keeps: how far the events have been read, and what waits for each channel."""

    read_to: int  # the newest event that was looked at
    waiting: dict[str, Waiting]


class Alerting:
    """Makes alerts of a node's events, for every channel."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        channels: Sequence[Channel],
        events: EventLog,
        store: Store,
        now: Callable[[], float],
        *,
        settle_s: float = SETTLE_S,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._settings = settings
        self._store = store
        self._now = now
        kept = _read(store)
        self._stream = events.subscribe(from_start=kept is None)
        self._read_to = store.events.last_id()
        self._missed_since = self._read_to if kept is None else kept.read_to
        self._repeats = Repeats()
        if kept is not None:
            self._recall(kept.read_to)
        self._unsaved = False
        self._publish = events.publish
        self._bug_reported = False
        waiting = {} if kept is None else kept.waiting
        quiet = QuietHours(settings, now)
        self._couriers = [
            Courier(
                Mailbox(waiting.get(channel.key), settle_s=settle_s, backoff=backoff),
                channel,
                lambda: settings().alerts,
                quiet,
                language=self._language,
                report=events.publish,
                changed=self._save,
            )
            for channel in channels
        ]

    async def run(self) -> None:
        """Make alerts and deliver them until the stream of events ends; then try what is left once."""
        couriers = [asyncio.create_task(courier.run()) for courier in self._couriers]
        tasks = [*couriers, asyncio.create_task(self._keep_saving())]
        try:
            await self._follow_to_the_end()
            for courier in self._couriers:
                courier.begin_to_end()
            ended_at = _now()
            await asyncio.wait(couriers, timeout=LAST_TRY_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if (left_s := LAST_TRY_S - (_now() - ended_at)) > 0.0:
            await asyncio.gather(*(courier.end(left_s) for courier in self._couriers))
        self._save()

    def close(self) -> None:
        """End the stream: `run` then comes to its end."""
        self._stream.close()

    async def _follow_to_the_end(self) -> None:
        """Follow the stream. A bug costs the alert of one event, and no other."""
        try:
            self._take_missed()
        except Exception as error:  # noqa: BLE001 - the top of a task, whose end nobody would see
            self._report_bug(error)
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - as above
                self._report_bug(error)
            else:
                return

    def _report_bug(self, error: Exception) -> None:
        logger.error("alerts: internal error", exc_info=error)
        if not self._bug_reported:
            self._bug_reported = True
            self._publish(InternalError(__name__, one_line(repr(error))))

    async def _follow(self) -> None:
        taken = False
        async for item in self._stream:
            taken = (isinstance(item, Event) and self._take(item)) or taken
            if taken and not self._stream.backlog:
                self._note_read()
                self._save()
                taken = False
        self._note_read()

    def _note_read(self) -> None:
        """Note that every event so far was looked at."""
        try:
            self._read_to = self._store.events.last_id()
        except EmethError as error:  # what comes of a broken database is what alerts are for
            logger.warning("how far events were read for alerts is not known: %s", error)

    def _take_missed(self) -> None:
        """Take what was published after the last event that was read: the node ended in between."""
        since = self._now() - MISSED_S
        try:
            for event in self._store.events.between(self._missed_since, self._read_to, since_unix_s=since):
                self._take(event)
        except EmethError as error:
            logger.warning("events since the last run cannot be read for alerts: %s", error)
        self._save()

    def _recall(self, read_to: int) -> None:
        """Remember which lasting troubles the last runs sent alerts of."""
        try:
            for event in self._store.events.lately(read_to, since_unix_s=self._now() - REPEAT_S):
                if self._topic_of(event) is not None:
                    self._repeats.is_new(event)
        except EmethError as error:
            logger.warning("events of the last hours cannot be read for alerts: %s", error)

    def _topic_of(self, event: Event) -> AlertTopic | None:
        """Return the topic of an event that the owner wants alerts of, else None."""
        topic = topic_of(event)
        return topic if topic is not None and topic.value in self._settings().alerts.topics else None

    def _take(self, event: Event) -> bool:
        """Put an alert of an event into every mailbox; return whether there is one."""
        topic = self._topic_of(event)
        if topic is None or not self._repeats.is_new(event):
            return False
        with in_language(self._language()):
            alert = alert_of(event, topic)
        for courier in self._couriers:
            courier.put(alert)
        return True

    def _language(self) -> str:
        return self._settings().screen.language or language_of_locale()

    def _save(self) -> None:
        waiting = {one.channel.key: one.mailbox.waiting for one in self._couriers}
        try:
            kept = msgspec.json.encode(Kept(self._read_to, waiting))
            self._store.key_values.set(ALERTS, kept.decode())
            self._unsaved = False
        except EmethError as error:
            if not self._unsaved:
                logger.warning("what waits of the alerts is not kept: %s; trying again", error)
            self._unsaved = True

    async def _keep_saving(self) -> None:
        """Save again what a full disk did not take."""
        while True:
            await asyncio.sleep(SAVE_AGAIN_S)
            if self._unsaved:
                self._save()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _read(store: Store) -> Kept | None:
    """Return what the store keeps, None at the first start and where it makes no sense."""
    kept = store.key_values.get(ALERTS)
    if kept is None:
        return None
    try:
        return msgspec.json.decode(kept, type=Kept)
    except msgspec.DecodeError as error:
        logger.warning("what waited of the alerts is lost: %s", error)
        return None


@asynccontextmanager
async def serve_alerts(
    secrets: AlertSecrets | None,
    settings: Callable[[], Settings],
    *,
    address: str,
    network: str,
    events: EventLog,
    store: Store,
    now: Callable[[], float],
) -> AsyncIterator[None]:
    """Send alerts of what happens while inside, where the settings name a way for them."""
    if secrets is None:
        yield
        return
    async with open_channels(secrets, settings().alerts, address=address, network=network) as channels:
        if not channels:
            yield
            return
        alerting = Alerting(settings, channels, events, store, now)
        running = asyncio.create_task(alerting.run())
        try:
            yield
        finally:
            alerting.close()
            await running
