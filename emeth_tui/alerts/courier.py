"""A courier carries one mailbox's messages to its channel, until each has arrived."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable

import anyio

from emeth_tui.alerts.alert import Alert, Message
from emeth_tui.alerts.channel import Channel, NotDelivered
from emeth_tui.alerts.mailbox import Mailbox
from emeth_tui.alerts.quiet import QuietHours
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.events.alerts import AlertsDelivered, AlertsNotDelivered
from emeth_tui.notices.notice import EventBody
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.settings.sections import AlertSettings
from emeth_tui.words.translation import in_language

LOOK_EVERY_S = 0.5  # while something waits
logger = logging.getLogger(__name__)


class Courier:
    """Delivers what is put into its mailbox. `changed` is called when what waits is another than before."""

    def __init__(
        self,
        mailbox: Mailbox,
        channel: Channel,
        settings: Callable[[], AlertSettings],
        quiet: QuietHours,
        *,
        language: Callable[[], str],
        report: Callable[[EventBody], object] = lambda _body: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.mailbox = mailbox
        self.channel = channel
        self._settings = settings
        self._quiet = quiet
        self._language = language
        self._report = report
        self._changed = changed
        self._wake = asyncio.Event()
        self._ending = asyncio.Event()
        self._broken = False
        if not mailbox.is_empty:
            self._wake.set()

    def put(self, alert: Alert) -> None:
        self.mailbox.put(alert, _now())
        self._wake.set()

    async def run(self) -> None:
        """Deliver what there is until the end."""
        while not self._ending.is_set():
            if not await self.deliver_due():
                with anyio.move_on_after(LOOK_EVERY_S):
                    await self._ending.wait()
            if self.mailbox.is_empty and not self._ending.is_set():
                self._wake.clear()
            await self._wake.wait()

    def begin_to_end(self) -> None:
        """Let `run` end once what is on its way has arrived: most receivers would take it twice."""
        self._ending.set()
        self._wake.set()

    async def deliver_due(self) -> bool:
        """Send the message that is due; return whether there was one."""
        settings = self._settings()
        message = self.mailbox.due(_now(), quiet=self._quiet.now(), urgent=settings.urgent)
        if message is None:
            return False
        self._changed()  # its id is kept before anybody sees it
        try:
            await self._send(message)
        except NotDelivered as error:
            self._note_failed(error)
            return True
        self.mailbox.note_delivered(_now(), settings.gather_s)
        self._changed()
        if self._broken:
            self._broken = False
            self._report(AlertsDelivered(self.channel.name))
        return True

    async def _send(self, message: Message) -> None:
        """Send a message once. Raise NotDelivered, also for what a library raises."""
        try:
            with in_language(self._language()):
                await self.channel.deliver(message)
        except NotDelivered:
            raise
        except Exception as error:  # noqa: BLE001 - it must not end the task, and its text may be a secret
            where = "".join(traceback.format_tb(error.__traceback__))
            name = type(error).__name__
            logger.error("alerts to %s: internal error: %s\n%s", self.channel.name, name, where)
            raise NotDelivered(Foreign(one_line(name))) from None

    async def end(self, limit_s: float) -> None:
        """Try once more to deliver what is due."""
        with anyio.move_on_after(limit_s):
            self.mailbox.settle()
            await self.deliver_due()

    def _note_failed(self, error: NotDelivered) -> None:
        logger.info("alerts to %s: %s", self.channel.name, error)
        if self.channel.keeps_trying:
            self.mailbox.note_failed(_now(), error.again_in_s)
        else:
            self.mailbox.note_delivered(_now(), self._settings().gather_s)
            self._changed()
        if not self._broken:
            self._broken = True
            self._report(AlertsNotDelivered(self.channel.name, error.reason))


def _now() -> float:
    return asyncio.get_running_loop().time()
