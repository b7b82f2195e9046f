"""A worker behind a bad network: lines are lost, late, doubled and out of order, and its process may die."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import random
from dataclasses import dataclass, field
from typing import Any

import anyio

from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.worker import ProcessSilent
from emeth_tui.training import reports
from emeth_tui.training.reports import TrainRequest
from emeth_tui.workers import messages
from emeth_tui.workers.link import NoNews, OnEnd, ProcessDied, WorkerConfig
from emeth_tui.workers.messages import ToChild, ToParent
from emeth_tui.workers.wire import BadMessage, Reader, Writer

DIGEST = hashlib.sha256(b"a dataset").hexdigest()


@dataclass(frozen=True)
class Weather:
    """How bad the network is: shares of lines, seconds of delay, deaths per epoch."""

    lost: float = 0.0
    doubled: float = 0.0
    delay_s: float = 0.0
    deaths: float = 0.0


@dataclass
class Disk:
    """What a job leaves behind, whatever happens to its processes, and its history."""

    kept_epoch: int = 0
    trained: list[tuple[int, int]] = field(default_factory=list)  # life and epoch, for every epoch trained
    hash_hex: str = ""
    at_work: set[int] = field(default_factory=set)  # lives that train at this moment


class Process:
    """A worker process as `workers.process` is one, without the training."""

    def __init__(
        self, life: int, disk: Disk, chance: random.Random, weather: Weather, link: LossyLink
    ) -> None:
        self._life = life
        self._disk = disk
        self._chance = chance
        self._weather = weather
        self._link = link
        self._reader: Reader[ToChild] = Reader(ToChild)
        self._writer = Writer()
        self._paused = False
        self._stopping = False
        self._hash_hex = ""
        self._job: asyncio.Task[None] | None = None
        self.sent: list[ToParent] = []
        self.jobs = 0

    def begin(self) -> None:
        self._send(messages.Ready(self._life + 1, "cpu", "a CPU"))

    def take(self, line: bytes) -> None:
        """Take a line of the parent's, as it arrives."""
        try:
            for message in self._reader.take(line):
                self._obey(message)
        except BadMessage:
            self._link.process_left()

    def die(self) -> None:
        self._disk.at_work.discard(self._life)
        if self._job is not None:
            self._job.cancel()

    def _send(self, message: ToParent) -> None:
        self.sent.append(message)
        self._link.to_parent(self._writer.line(message))

    def _obey(self, message: ToChild) -> None:
        match message:
            case TrainRequest():
                self.jobs += 1
                self._paused = self._stopping = False
                self._hash_hex = ""
                self._job = asyncio.create_task(self._train(message))
            case messages.WriteResult(hash_hex):
                self._hash_hex = hash_hex
            case messages.Pause():
                self._paused = True
            case messages.Resume():
                self._paused = False
            case messages.Stop():
                self._stopping = True
            case messages.Shutdown():
                self._link.process_left()

    async def _train(self, request: TrainRequest) -> None:
        disk = self._disk
        assert not disk.at_work, "two processes train the same job"
        disk.at_work.add(self._life)
        self._send(reports.Preparing(0.5, reports.Stage.READING))
        await asyncio.sleep(1.0)
        epoch = disk.kept_epoch
        self._send(reports.Prepared(DIGEST, 100, 10, epoch, 0))
        while epoch < request.epochs:
            if await self._asked_to_stop(epoch):
                return
            await asyncio.sleep(2.0)
            if self._chance.random() < self._weather.deaths:
                self._link.process_left()
                return
            epoch += 1
            disk.trained.append((self._life, epoch))
            self._send(reports.EpochDone(epoch, 2.0, 2.0, 2.0))
            if self._chance.random() < 0.5:
                self._keep(epoch)
        self._send(reports.Trained(epoch, 2.0))
        while not self._hash_hex:
            if self._stopping:
                self._stop(epoch)
                return
            await asyncio.sleep(0.1)
        disk.hash_hex = self._hash_hex
        disk.at_work.discard(self._life)
        self._send(reports.ResultWritten("checkpoint.pt", 1_000))

    async def _asked_to_stop(self, epoch: int) -> bool:
        if self._paused:
            self._send(reports.Paused(epoch, 0))
            self._send(reports.Saving(epoch, 0))
            self._keep(epoch)
            while self._paused and not self._stopping:  # noqa: ASYNC110  # as real ones, between steps
                await asyncio.sleep(0.1)
            if not self._stopping:
                self._send(reports.Resumed(epoch, 0))
        if self._stopping:
            self._stop(epoch)
        return self._stopping

    def _stop(self, epoch: int) -> None:
        self._keep(epoch)
        self._disk.at_work.discard(self._life)
        self._send(reports.Stopped(epoch, 0))

    def _keep(self, epoch: int) -> None:
        self._disk.kept_epoch = epoch
        self._send(reports.CheckpointKept(epoch, 0, 1_000))


class LossyLink:
    """The WorkerLink over that network."""

    def __init__(self, life: int, disk: Disk, chance: random.Random, weather: Weather, on_end: OnEnd) -> None:
        self._chance = chance
        self._weather = weather
        self._on_end = on_end
        self._writer = Writer()
        self._reader: Reader[ToParent] = Reader(ToParent)
        self._messages: asyncio.Queue[ToParent | None] = asyncio.Queue()
        self._cause = ""
        self.taken: list[ToParent] = []
        self.process = Process(life, disk, chance, weather, self)
        self.process.begin()

    pid = 1

    @property
    def place(self) -> str:
        return "somewhere far"

    def send(self, message: ToChild) -> None:
        self._deliver(self._writer.line(message), self._to_process)

    async def receive(self, limit_s: float = math.inf) -> ToParent:
        try:
            with anyio.fail_after(limit_s):
                message = await self._messages.get()
        except TimeoutError as error:
            raise NoNews(ProcessSilent(limit_s)) from error
        if message is None:
            self._messages.put_nowait(None)
            raise ProcessDied(Foreign(self._cause))
        self.taken.append(message)
        return message

    async def end(self, grace_s: float) -> None:
        with anyio.move_on_after(grace_s):
            while not self._cause:  # noqa: ASYNC110  # time costs nothing here
                await asyncio.sleep(0.1)
        await self.kill()

    async def kill(self) -> None:
        self._end("killed")

    def to_parent(self, line: bytes) -> None:
        self._deliver(line, self._from_process)

    def process_left(self) -> None:
        """Notice the end of a process, late like everything; until then its lines keep arriving."""
        self.process.die()
        asyncio.get_running_loop().call_later(self._delay_s(), self._end, "the process left")

    def _to_process(self, line: bytes) -> None:
        if not self._cause:
            self.process.take(line)

    def _from_process(self, line: bytes) -> None:
        if self._cause:
            return
        try:
            for message in self._reader.take(line):
                self._messages.put_nowait(message)
        except BadMessage as error:
            self._end(str(error))

    def _end(self, cause: str) -> None:
        if not self._cause:
            self._cause = cause
            self.process.die()
            self._messages.put_nowait(None)
            self._on_end()

    def _deliver(self, line: bytes, take: Any) -> None:
        copies = 2 if self._chance.random() < self._weather.doubled else 1
        for _ in range(copies):
            if self._chance.random() >= self._weather.lost:
                asyncio.get_running_loop().call_later(self._delay_s(), take, line)

    def _delay_s(self) -> float:
        return self._chance.uniform(0.0, self._weather.delay_s)


@dataclass
class Site:
    """Where a job's processes run, one after another; passed to a worker as its link factory."""

    chance: random.Random
    weather: Weather
    disk: Disk = field(default_factory=Disk)
    links: list[LossyLink] = field(default_factory=list)

    def open_link(self, config: WorkerConfig, on_end: OnEnd) -> LossyLink:
        link = LossyLink(len(self.links), self.disk, self.chance, self.weather, on_end)
        self.links.append(link)
        return link


async def sometimes(chance: random.Random, *acts: Any) -> None:
    """Do one of these now and then, until cancelled."""
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(chance.uniform(0.5, chance.choice((8.0, 90.0))))  # some pauses are long
            chance.choice(acts)()
