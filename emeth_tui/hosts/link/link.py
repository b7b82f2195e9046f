"""What a link does for one host, whatever carries its lines to the keeper.

It keeps a line to the keeper, checks every frame that comes over it, and passes on to the node what concerns
workers. Files it moves itself.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import anyio

from emeth_tui.backoff import Backoff
from emeth_tui.hosts.frames import BadFrame, FrameReader, FramesEnded, FrameWriter
from emeth_tui.hosts.link.files import NearEnd
from emeth_tui.hosts.link.line import Line, LineFailed, OpenLine
from emeth_tui.hosts.messages import (
    PASSED_ON_DOWN,
    PASSED_ON_UP,
    PROTOCOL,
    Away,
    Beat,
    Bring,
    Cancel,
    FromKeeper,
    Joined,
    KeeperHello,
    Put,
    ToLink,
)
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.network.breaches import SecondHello, SentInPlaceOf
from emeth_tui.notices.reasons.network.host import HostLineDropped, HostRulesBroken, OtherHostProtocol
from emeth_tui.notices.reasons.worker import ProcessSilent

BEAT_EVERY_S = 2.0
SILENT_AFTER_S = 15.0
HELLO_LIMIT_S = 90.0  # the relay may have to start a keeper first
AGAIN = Backoff(0.5, 30.0)
AGAIN_AFTER_REFUSAL_S = 300.0  # many tries would lock the user out


class Link:
    """One host's link."""

    def __init__(self, open_line: OpenLine, jobs_dir: Path, to_node: FrameWriter) -> None:
        self._open_line = open_line
        self._to_node = to_node
        self._near_end = NearEnd(jobs_dir, to_node.send)
        self._writer: FrameWriter | None = None
        self._failures = 0  # since a line lasted

    async def run(self, from_node: FrameReader[ToLink]) -> None:
        """Keep a line until the node's messages end."""
        tasks = {asyncio.create_task(self._keep_line()), asyncio.create_task(self._listen(from_node))}
        try:
            done, _running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, from_node: FrameReader[ToLink]) -> None:
        try:
            while True:
                self._obey(await from_node.read())
        except FramesEnded:
            pass

    def _obey(self, message: ToLink) -> None:
        if isinstance(message, (Put, Bring)):
            self._near_end.begin(message)
        elif isinstance(message, Cancel):
            self._near_end.cancel(message.request)
        elif isinstance(message, PASSED_ON_DOWN) and self._writer is not None:
            self._writer.send(message)  # without a line it is lost: the node says it again when there is one

    async def _keep_line(self) -> None:
        while True:
            began = time.monotonic()
            try:
                async with self._open_line() as line:
                    await self._use(line)
            except LineFailed as error:
                failure = error
            # A host that greets and then breaks the rules is asked ever more seldom as well.
            self._failures = 1 if time.monotonic() - began > AGAIN.longest_s else self._failures + 1
            self._to_node.send(Away(to_data(failure.reason), failure.final))
            delay_s = AGAIN_AFTER_REFUSAL_S if failure.final else AGAIN.delay_s(self._failures)
            with anyio.move_on_after(delay_s):
                await (failure.until or asyncio.Event()).wait()

    async def _use(self, line: Line) -> None:
        """Speak with the keeper until the line fails. Raise LineFailed."""
        try:
            hello: FromKeeper | None = None
            with anyio.move_on_after(HELLO_LIMIT_S):
                hello = await line.frames.read()
            if hello is None:
                raise LineFailed(ProcessSilent(HELLO_LIMIT_S))
            self._greet(hello, line.writer)
            await self._speak(line)
        except FramesEnded as error:
            raise await line.failure() from error
        except BadFrame as error:
            raise LineFailed(HostRulesBroken(error.reason)) from error
        finally:
            self._writer = None
            self._near_end.dropped()

    def _greet(self, hello: FromKeeper, writer: FrameWriter) -> None:
        if not isinstance(hello, KeeperHello):
            raise BadFrame(SentInPlaceOf(type(hello).__name__, KeeperHello.__name__))
        if hello.protocol != PROTOCOL:
            version = hello.versions.emeth_tui
            raise LineFailed(OtherHostProtocol(hello.protocol, PROTOCOL, version), final=True)
        self._writer = writer
        self._near_end.connected(writer)
        self._to_node.send(Joined(hello))

    async def _speak(self, line: Line) -> None:
        beating = asyncio.create_task(_beat(line.writer))
        try:
            while True:
                with anyio.move_on_after(SILENT_AFTER_S) as limit:
                    await self._pass_on(await line.frames.read())
                if limit.cancelled_caught:
                    raise LineFailed(HostLineDropped())
        finally:
            beating.cancel()

    async def _pass_on(self, message: FromKeeper) -> None:
        if isinstance(message, PASSED_ON_UP):
            await self._to_node.send_slowly(message)
        elif isinstance(message, KeeperHello):
            raise BadFrame(SecondHello())
        elif not isinstance(message, Beat):
            await self._near_end.take(message)


async def _beat(writer: FrameWriter) -> None:
    while True:
        writer.send(Beat())
        await anyio.sleep(BEAT_EVERY_S)
