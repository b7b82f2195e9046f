"""The channels that the settings name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from emeth_tui.alerts.channel import Channel
from emeth_tui.alerts.desktop import DesktopChannel
from emeth_tui.alerts.services import ServiceChannel
from emeth_tui.alerts.webhook import WebhookChannel
from emeth_tui.clients.http.connections import new_http_client
from emeth_tui.settings.alert_secrets import AlertSecrets
from emeth_tui.settings.sections import AlertSettings


@asynccontextmanager
async def open_channels(
    secrets: AlertSecrets, settings: AlertSettings, *, address: str, network: str
) -> AsyncIterator[Sequence[Channel]]:
    """Open every channel but the terminal, which is a front end's; close them afterwards."""
    channels: list[Channel] = [ServiceChannel(service) for service in secrets.services]
    if settings.desktop:
        channels.append(DesktopChannel(secrets.desktop_bus))
    if secrets.webhook is None:
        yield channels
        return
    async with new_http_client() as http:
        yield [WebhookChannel(http, secrets.webhook, node=address, network=network), *channels]
