"""Every other service, through apprise: the `notify` extra. A URL of its own is a secret."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING

import anyio

from emeth_tui.alerts.alert import Message
from emeth_tui.alerts.channel import NotDelivered
from emeth_tui.alerts.texts import body_of, title_of
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.network.alerts import NotifyExtraMissing, ServiceRefused, ServiceUrlUnknown
from emeth_tui.notices.reasons.network.exchange import AnswerTooSlow
from emeth_tui.process.threads import in_thread
from emeth_tui.settings.alert_secrets import ServiceUrl

if TYPE_CHECKING:
    import apprise


DEADLINE_S = 20.0


class ServiceChannel:
    """Sends messages to one service, one at a time: one whose answer takes too long is not sent twice."""

    keeps_trying = True

    def __init__(self, service: ServiceUrl) -> None:
        self._service = service
        url = service.url.get_secret_value()
        self.key = f"service-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
        self.name = one_line(url.partition(":")[0], 20)  # the scheme; the rest is secret
        self._under_way: tuple[str, asyncio.Future[bool]] | None = None  # a message's id, and its outcome

    async def deliver(self, message: Message) -> None:
        """Send a message once, or go on waiting for the service to take it. Raise NotDelivered."""
        try:
            with anyio.fail_after(DEADLINE_S):
                taken = await self._taken(message)
        except TimeoutError:
            raise NotDelivered(AnswerTooSlow(self.name, DEADLINE_S)) from None
        if not taken:
            raise NotDelivered(ServiceRefused(self.name))

    async def _taken(self, message: Message) -> bool:
        """Return whether the service takes a message. Raise NotDelivered."""
        if self._under_way is not None and self._under_way[0] != message.id:
            await asyncio.wait({self._under_way[1]})
            self._under_way = None
        if self._under_way is None:
            self._under_way = message.id, in_thread(self._send, title_of(message), body_of(message))
        outcome = self._under_way[1]
        await asyncio.wait({outcome})
        self._under_way = None
        return outcome.result()

    def _send(self, title: str, body: str) -> bool:
        return bool(self._opened().notify(title=title, body=body, body_format="text"))

    def _opened(self) -> apprise.Apprise:
        """Return what speaks with the service. Raise NotDelivered."""
        try:
            import apprise
        except ImportError:
            raise NotDelivered(NotifyExtraMissing()) from None
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines show parts of URLs
        # One service after the other: for several at a time it has threads of its own, which keep an exit.
        services = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
        url = self._service.url.get_secret_value()
        if not services.add(url):
            raise NotDelivered(ServiceUrlUnknown(self._service.line, self._service.path))
        if "overflow=" not in url:  # what is longer than a service takes, it would refuse each time
            for service in services:
                service.overflow_mode = apprise.OverflowMode.TRUNCATE
        return services
