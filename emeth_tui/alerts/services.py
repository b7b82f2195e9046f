"""Every other service, through apprise: the `notify` extra. A URL of its own is a secret."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING

from emeth_tui.alerts.alert import Message
from emeth_tui.alerts.channel import NotDelivered
from emeth_tui.alerts.texts import body_of, title_of
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.network.alerts import NotifyExtraMissing, ServiceRefused, ServiceUrlUnknown
from emeth_tui.settings.alert_secrets import ServiceUrl

if TYPE_CHECKING:
    import apprise


class ServiceChannel:
    """Sends messages to one service."""

    keeps_trying = True

    def __init__(self, service: ServiceUrl) -> None:
        self._service = service
        url = service.url.get_secret_value()
        self.key = f"service-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
        self.name = one_line(url.partition(":")[0], 20)  # the scheme; the rest is secret

    async def deliver(self, message: Message) -> None:
        """Send a message once. Raise NotDelivered."""
        title, body = title_of(message), body_of(message)
        if not await asyncio.to_thread(self._send, title, body):
            raise NotDelivered(ServiceRefused(self.name))

    def _send(self, title: str, body: str) -> bool:
        return bool(self._opened().notify(title=title, body=body, body_format="text"))

    def _opened(self) -> apprise.Apprise:
        """Return what speaks with the service. Raise NotDelivered."""
        try:
            import apprise
        except ImportError:
            raise NotDelivered(NotifyExtraMissing()) from None
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines show parts of URLs
        services = apprise.Apprise()
        if not services.add(self._service.url.get_secret_value()):
            raise NotDelivered(ServiceUrlUnknown(self._service.line, self._service.path))
        return services
