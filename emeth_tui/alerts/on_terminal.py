"""Alerts on the terminal in which a front end runs. They are of what happens while it does; none is kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from emeth_tui.alerts.alert import alert_of
from emeth_tui.alerts.courier import Courier
from emeth_tui.alerts.mailbox import Mailbox
from emeth_tui.alerts.quiet import QuietHours
from emeth_tui.alerts.repeats import Repeats
from emeth_tui.alerts.rules import topic_of
from emeth_tui.alerts.terminal import TerminalChannel
from emeth_tui.engine.events import Subscription
from emeth_tui.notices.event import Event
from emeth_tui.settings import Settings
from emeth_tui.words.translation import in_language, language_of_locale


class Subscribable(Protocol):
    """Whatever has a stream of a node's events."""

    def subscribe(self) -> Subscription: ...


@asynccontextmanager
async def alerts_on_terminal(
    settings: Callable[[], Settings],
    source: Subscribable,
    write: Callable[[str], None],
    now: Callable[[], float] = time.time,
) -> AsyncIterator[None]:
    """Show alerts by control sequences while inside, in the ways that the settings name, if any.

    All but the ways is as in the settings in effect.
    """
    ways = settings().alerts.terminal
    if not ways:
        yield
        return
    channel = TerminalChannel(ways, write)
    courier = Courier(
        Mailbox(),
        channel,
        lambda: settings().alerts,
        QuietHours(settings, now),
        language=lambda: _language(settings()),
    )
    stream = source.subscribe()
    tasks = [
        asyncio.create_task(_follow(stream, settings, courier, Repeats())),
        asyncio.create_task(courier.run()),
    ]
    try:
        yield
    finally:
        stream.close()
        for task in tasks:
            task.cancel()
        channel.close()  # before anything is waited for: a screen that ends soon takes no more output
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(tasks)


async def _follow(
    stream: Subscription, settings: Callable[[], Settings], courier: Courier, repeats: Repeats
) -> None:
    async for item in stream:
        if not isinstance(item, Event):
            continue
        topic = topic_of(item)
        if topic is not None and topic.value in settings().alerts.topics and repeats.is_new(item):
            with in_language(_language(settings())):
                courier.put(alert_of(item, topic))


def _language(settings: Settings) -> str:
    return settings.screen.language or language_of_locale()
