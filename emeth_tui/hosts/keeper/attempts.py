"""The worker processes that a keeper owns: one attempt each, with its outbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any

from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.keeper.orphan import Orphan
from emeth_tui.hosts.keeper.outbox import Outbox, OutboxFull
from emeth_tui.hosts.keeper.place import KeeperPlace
from emeth_tui.hosts.messages import MAX_ATTEMPTS, Down, Ended, FarDevice, Open, Taken, Up
from emeth_tui.notices.notice import Reason, to_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.host import KeeperEnded, NoSuchDevice, OutboxOverflows, TooManyAttempts
from emeth_tui.notices.reasons.worker import NoProcess
from emeth_tui.training.reports import CheckpointKept, Preparing, Progress, Saving, Validating
from emeth_tui.workers.link import LinkFactory, ProcessDied, WorkerConfig, WorkerLink
from emeth_tui.workers.local import LocalProcess
from emeth_tui.workers.messages import Shutdown, ToChild, ToParent
from emeth_tui.workers.wire import Reader, Writer

SAVE_WITHIN_S = 60.0  # for the last checkpoint of an attempt that the node has given up
# What the next of its kind makes worthless: while nobody listens, only the newest is kept, in memory.
_NEWS = (Progress, Preparing, Validating, Saving, CheckpointKept)
_OUTDATED_BY_OTHERS = (Progress, Preparing, Validating, Saving)
Say = Callable[[object], None]
log = logging.getLogger(__name__)


class Attempt:
    """One worker process, or what is left to say of one."""

    def __init__(
        self, name: str, device: str, outbox: Outbox, say: Say, listening: Callable[[], bool]
    ) -> None:
        """`say` sends to whoever is connected, and `listening` says whether somebody keeps up with it."""
        self.name, self.device = name, device
        self._outbox = outbox
        self._say = say
        self._listening = listening
        self._writer = Writer()
        self._reader: Reader[ToChild] = Reader(ToChild)
        self._taken = 0
        self._early: list[ToChild] = []  # for a process that waits for another to leave its device
        self._news: dict[type, ToParent] = {}
        self._link: WorkerLink | None = None
        self._orphan: Orphan | None = None
        self._failure: Reason | None = None  # for which the process is killed
        self.over = asyncio.Event()
        if outbox.ended is not None:
            self.over.set()

    async def follow(self, link: WorkerLink) -> None:
        """Keep and pass on what the process says, to its end."""
        self._link = link
        for message in self._early:
            link.send(message)
        self._early.clear()
        await self._follow(link)

    def take(self, line: bytes) -> None:
        """Hand a line of the node's to the process, once and in order. Raise BadMessage."""
        for message in self._reader.take(line.rstrip(b"\n")):
            self._taken += 1
            if self._link is None:
                self._early.append(message)
            else:
                self._link.send(message)
        self._say(Taken(self.name, self._taken))

    def heard(self, lines: int) -> None:
        """Forget what the node has acted on."""
        self._outbox.forget(lines)

    def repeat(self) -> None:
        """Say again on a new connection what the node has not acted on. Raise OutboxFull or OSError."""
        self._say(Taken(self.name, self._taken))
        for line in self._outbox.lines:
            self._say(Up(self.name, line))
        self._flush()
        if (reason := self._outbox.ended) is not None:
            self._say(Ended(self.name, reason))

    async def kill(self, failure: Reason | None = None) -> None:
        """End the process now, for a failure here if there is one; do nothing for one that has ended."""
        self._failure = failure
        if self._link is not None:
            await self._link.kill()
        elif self._orphan is None:
            self._end(KeeperEnded())

    async def stop(self) -> None:
        """Have the process save and leave."""
        if self._link is not None:
            self._link.send(Shutdown())
            await self._link.end(SAVE_WITHIN_S)
            await self.over.wait()
        elif self._orphan is not None:
            await self.over.wait()
        else:
            self._end(KeeperEnded())

    def forget(self) -> None:
        """Delete the outbox of a process that has ended."""
        self.over.set()
        self._outbox.delete()

    async def outlive(self, orphan: Orphan) -> None:
        """Wait for a process of an earlier keeper's to leave; its attempt has ended then."""
        self._orphan = orphan
        await orphan.gone(SAVE_WITHIN_S)
        self._end(KeeperEnded())

    def cannot_start(self, reason: Reason) -> None:
        """End an attempt that never had a process."""
        self._end(reason)

    async def _follow(self, link: WorkerLink) -> None:
        reason: Reason | None = None
        try:
            self._outbox.began(Orphan.of(self.device, link.pid))
            while True:
                self._hear(await link.receive())
        except ProcessDied as error:
            reason = self._failure or error.reason
        except (OutboxFull, OSError) as error:
            reason = _why_not_kept(error)
            await link.kill()
        finally:
            self._end(reason or KeeperEnded())

    def _hear(self, message: ToParent) -> None:
        if isinstance(message, _NEWS) and not self._listening():
            self._news.pop(type(message), None)  # so that it comes last
            self._news[type(message)] = message
            return
        if not isinstance(message, _NEWS):
            for kind in _OUTDATED_BY_OTHERS:
                self._news.pop(kind, None)
        self._flush()
        self._keep(message)

    def _flush(self) -> None:
        news, self._news = self._news, {}
        for message in news.values():
            self._keep(message)

    def _keep(self, message: ToParent) -> None:
        line = self._writer.line(message)
        self._outbox.add(line)
        self._say(Up(self.name, line))

    def _end(self, reason: Reason) -> None:
        if self.over.is_set():
            return
        log.info("attempt %s on %s has ended: %s", self.name, self.device, reason)
        data = to_data(reason)
        self._news.clear()  # where the process was: no line comes after its end
        try:
            self._outbox.end(data)
        except OSError as error:
            log.error("the end of attempt %s cannot be kept: %s", self.name, error)
        self.over.set()
        self._say(Ended(self.name, data))


class Attempts:
    """All attempts of a keeper; a device has one process at a time."""

    def __init__(
        self,
        place: KeeperPlace,
        devices: Iterable[FarDevice],
        say: Say,
        listening: Callable[[], bool],
        open_link: LinkFactory = LocalProcess,
    ) -> None:
        """Take up what an earlier keeper left to say: its processes have ended with it."""
        self._place = place
        self._devices = {device.name: device for device in devices}
        self._say = say
        self._listening = listening
        self._open_link = open_link
        self._tasks: set[asyncio.Task[None]] = set()
        self._attempts: dict[str, Attempt] = {}
        for path in place.outboxes.iterdir():
            self._take_up(path.name)

    @property
    def at_work(self) -> bool:
        """Whether any process lives."""
        return any(not attempt.over.is_set() for attempt in self._attempts.values())

    def open(self, wanted: Open) -> None:
        """Begin an attempt, or say again what a known one has to say."""
        name, device = wanted.attempt, wanted.device
        if (known := self._attempts.get(name)) is not None:
            try:
                known.repeat()
            except (OutboxFull, OSError) as error:  # what else trains here goes on
                self._run(known.kill(_why_not_kept(error)))
            return
        if len(self._attempts) >= MAX_ATTEMPTS:
            self._say(Ended(name, to_data(TooManyAttempts(MAX_ATTEMPTS))))
            return
        try:
            outbox = Outbox(self._place.outboxes / name)
        except OSError as error:  # the disk is full: what else trains here goes on
            self._say(Ended(name, to_data(Foreign(one_line(error)))))
            return
        attempt = self._attempts[name] = Attempt(name, device, outbox, self._say, self._listening)
        if wanted.begun:
            attempt.cannot_start(KeeperEnded())
        elif device not in self._devices:
            attempt.cannot_start(NoSuchDevice(device))
        else:
            self._run(self._begin(attempt))

    def take(self, down: Down) -> None:
        """Hand a line to an attempt's process; one that was given up gets nothing. Raise BadMessage."""
        if (attempt := self._attempts.get(down.attempt)) is not None and not attempt.over.is_set():
            attempt.take(down.line)

    def heard(self, name: str, lines: int) -> None:
        """Forget what the node has acted on."""
        if (attempt := self._attempts.get(name)) is not None:
            attempt.heard(lines)

    def kill(self, name: str) -> None:
        """End an attempt; forget one that has ended."""
        attempt = self._attempts.get(name)
        if attempt is None:
            return
        if attempt.over.is_set():
            del self._attempts[name]
            attempt.forget()
        else:
            self._run(attempt.kill())

    def retire_all_but(self, names: Collection[str]) -> Awaitable[object]:
        """Have every other attempt save and leave, and forget it; await the result for when they have."""
        others = [self._attempts[name] for name in self._attempts if name not in names]
        return asyncio.ensure_future(asyncio.gather(*(self._retire(attempt) for attempt in others)))

    async def _retire(self, attempt: Attempt) -> None:
        await attempt.stop()
        attempt.forget()
        self._attempts.pop(attempt.name, None)

    async def stop_all(self) -> None:
        """Have every process save and leave; what they said is kept for the node."""
        await asyncio.gather(*(attempt.stop() for attempt in self._attempts.values()))

    async def _begin(self, attempt: Attempt) -> None:
        """Start a process once its device is free: two may not train the same job in one directory."""
        before = [other for other in self._attempts.values() if other.device == attempt.device]
        for other in before[: before.index(attempt)]:
            await other.over.wait()
        if attempt.over.is_set():  # given up meanwhile
            return
        log.info("attempt %s on %s begins", attempt.name, attempt.device)
        try:
            link = self._open_link(self._config(self._devices[attempt.device]), _nothing)
        except OSError as error:
            attempt.cannot_start(NoProcess(one_line(error)))
        else:
            await attempt.follow(link)

    def _config(self, device: FarDevice) -> WorkerConfig:
        name = f"worker-{device.name.replace(':', '-')}"
        return WorkerConfig(
            name=name,
            device=device.name,
            log_path=str(self._place.logs / f"{name}.log"),
            threads=device.threads,
            jobs_dir=str(self._place.jobs),
            devices_dir=str(self._place.devices),
            forked=device.name == "cpu",
        )

    def _take_up(self, name: str) -> None:
        """Take up what an earlier keeper left: its processes save and leave by themselves."""
        outbox = Outbox(self._place.outboxes / name)
        orphan = outbox.process
        device = orphan.device if orphan else ""
        attempt = self._attempts[name] = Attempt(name, device, outbox, self._say, self._listening)
        if orphan is not None and orphan.lives:
            self._run(attempt.outlive(orphan))
        else:
            attempt.cannot_start(KeeperEnded())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _why_not_kept(error: Exception) -> Reason:
    """Return why a message cannot be kept: too much is, or the disk is full."""
    return OutboxOverflows() if isinstance(error, OutboxFull) else Foreign(one_line(error))


def _nothing() -> None:
    """Do nothing at the end of a process: `receive` says so too."""
