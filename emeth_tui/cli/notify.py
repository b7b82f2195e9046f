"""`emeth-tui notify`: whether alerts arrive."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.settings import options_of, settings_of
from emeth_tui.cli.output.printing import example
from emeth_tui.errors import ExitCode, SettingsError
from emeth_tui.streams import is_terminal, narrate

if TYPE_CHECKING:
    from emeth_tui.alerts.alert import Message
    from emeth_tui.alerts.channel import Channel
    from emeth_tui.notices.notice import Reason
    from emeth_tui.settings import Settings


@click.group()
def notify() -> None:
    """Try the ways by which a node sends alerts."""


@notify.command("test", epilog=example("emeth-tui notify test"))
@click.pass_context
def notify_test(context: click.Context) -> ExitCode:
    """Send a test message by every way that the settings name, and say whether it arrived.

    No node needs to run. Quiet hours do not hold it back.
    """
    from emeth_tui.hardening import pass_on_nothing_else, take_out
    from emeth_tui.settings import START_VARIABLES
    from emeth_tui.words.sentences import text_of
    from emeth_tui.words.translation import speak

    environment = take_out(START_VARIABLES)
    settings = settings_of(options_of(context))
    pass_on_nothing_else()
    speak(settings.screen.language)
    results = asyncio.run(_try(settings, environment))
    if not results:
        from emeth_tui.notices.reasons.network.alerts import NoAlertChannel

        raise SettingsError(NoAlertChannel())
    for name, reason in results:
        if reason is None:
            print(f"{name}: sent")
        else:
            narrate(f"emeth-tui: {name}: {text_of(reason)}")
    return ExitCode.SERVICE if any(reason for _name, reason in results) else ExitCode.OK


async def _try(settings: Settings, environment: Mapping[str, str]) -> list[tuple[str, Reason | None]]:
    """Send a test message by each way; return why it did not arrive, None where it did."""
    from emeth_tui.alerts.alert import Message, new_id
    from emeth_tui.alerts.channels import open_channels
    from emeth_tui.settings.alert_secrets import load_alert_secrets

    secrets, message = load_alert_secrets(settings, environment), Message(new_id())
    opening = open_channels(secrets, settings.alerts, address="", network=settings.network)
    async with opening as channels:
        tried: list[Channel] = [*channels, *_terminal(settings)]
        reasons = await asyncio.gather(*(_reason_against(channel, message) for channel in tried))
    return [(channel.name, reason) for channel, reason in zip(tried, reasons, strict=True)]


async def _reason_against(channel: Channel, message: Message) -> Reason | None:
    from emeth_tui.alerts.channel import NotDelivered

    try:
        await channel.deliver(message)
    except NotDelivered as error:
        return error.reason
    return None


def _terminal(settings: Settings) -> list[Channel]:
    """Return this terminal as a way, where there is one and the settings want it."""
    from emeth_tui.alerts.terminal import TerminalChannel

    ways = [way for way in settings.alerts.terminal if way != "title"]  # which would stay
    if not ways or not is_terminal(sys.stdout.fileno()):
        return []

    def write(sequence: str) -> None:
        sys.stdout.write(sequence)
        sys.stdout.flush()

    return [TerminalChannel(ways, write)]
