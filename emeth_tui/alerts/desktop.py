"""The desktop's own notifications, by `notify-send`, which speaks D-Bus."""

from __future__ import annotations

import asyncio
import os
import shutil

import anyio

from emeth_tui.alerts.alert import Message
from emeth_tui.alerts.channel import NotDelivered
from emeth_tui.alerts.texts import body_of, title_of
from emeth_tui.foreign_text import one_line, system_text
from emeth_tui.model import Severity
from emeth_tui.notices.reasons.network.alerts import DesktopRefused, NoNotifySend
from emeth_tui.process.children import end_child, start_child
from emeth_tui.settings.credentials import BUS_VARIABLE

LIMIT_S = 10.0


class DesktopChannel:
    """Shows messages on the desktop. What cannot be shown now is not shown later."""

    key = "desktop"
    name = "the desktop"
    keeps_trying = False

    def __init__(self, bus: str = "") -> None:
        """`bus` is the session bus's address, "" where the library finds it by itself."""
        self._bus = bus

    async def deliver(self, message: Message) -> None:
        """Show a message. Raise NotDelivered."""
        program = shutil.which("notify-send")
        if program is None:
            raise NotDelivered(NoNotifySend())
        grave = any(alert.severity is Severity.ERROR for alert in message.alerts)
        arguments = [
            "--app-name=emeth-tui",
            f"--urgency={'critical' if grave else 'normal'}",
            "--",
            title_of(message),
            _escaped(body_of(message)),
        ]
        environment = {**os.environ, **({BUS_VARIABLE: self._bus} if self._bus else {})}
        try:
            process = await start_child(
                program,
                *arguments,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise NotDelivered(DesktopRefused(system_text(error))) from error
        said = await _ended(process)
        if process.returncode:
            raise NotDelivered(DesktopRefused(one_line(said.decode("utf-8", "replace"))))


async def _ended(process: asyncio.subprocess.Process) -> bytes:
    """Wait for a process, and kill one that takes too long; return what it said on stderr."""
    said = b""
    try:
        with anyio.move_on_after(LIMIT_S):
            _out, said = await process.communicate()
    finally:
        await end_child(process)
    return said


def _escaped(text: str) -> str:
    """Return text in which a desktop sees no markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
