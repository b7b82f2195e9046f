"""The course of a day: what happens when, and what the node must have done before the clock moves on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import anyio

from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.errors import ExitCode
from emeth_tui.model import JobId, JobState, WorkerPhase
from tests.day.calendar import hour_of, next_noon
from tests.day.world import (
    AT_WORK_W,
    CLAIMS_FROM,
    CLAIMS_UNTIL,
    COOL_C,
    DEVICES,
    HOT_C,
    IDLE_W,
    QUIET_DEVICE,
    QUIET_FROM,
    QUIET_UNTIL,
    DayWorld,
)
from tests.faults.stage.parties import Offer

STEP_S = 1_800
_TEXT = "A lamp is lit. The boat comes home! Who waits there? " * 100
_LOOK_EVERY_S = 0.15
_SETTLES_S = 60.0  # bounds a hang
_GOES_ON_S = 6.0  # without waiting longer for what goes on at the pace of the network
_REAL_TIME = frozenset(  # what a job does at the pace of the network, and not of the moved clock
    {
        JobState.CLAIMING,
        JobState.CLAIMED,
        JobState.DOWNLOADING,
        JobState.UPLOADING,
        JobState.SUBMITTING,
        JobState.SUBMITTED,
    }
)


def offer(number: int, *, hours: float, fee_emt: int = 20) -> Offer:
    """Return a job that has to be submitted within some hours."""
    text = f"Day {number}. {_TEXT}".encode()
    return Offer(JobId(f"0x{number:032x}"), text, fee_emt=fee_emt, lifetime_s=round(hours * 3_600))


class Day:
    """Plays a day. `steps` counts those that the node was seen in, `scrapes` its scrapes."""

    def __init__(self, world: DayWorld) -> None:
        self.world = world
        self.start_unix_s = self.now = world.start_unix_s
        self.steps = self.scrapes = 0
        self.hot_device = ""
        self._runs = False

    async def play(self) -> None:
        """Play from noon to noon, and stop the node."""
        await self._start_node()
        for number in range(round((next_noon(self.start_unix_s) - self.start_unix_s) / STEP_S)):
            await self._begin(self.start_unix_s + number * STEP_S)
            await self._happen(number * STEP_S / 3_600)
            if self._runs:
                await self._settle()
        await self._begin(next_noon(self.start_unix_s))
        await self._settle()
        assert await self.world.stop_node(0, _SETTLES_S) == ExitCode.OK

    async def _start_node(self) -> None:
        await self.world.start_node()
        await self.world.snapshot()
        self._runs = True

    async def _begin(self, unix_s: float) -> None:
        self.now = unix_s
        await self.world.move_clock(unix_s)

    # ---- what happens

    async def _happen(self, hours: float) -> None:
        """Do what is due so many hours after the day began."""
        world, receiver = self.world, self.world.receiver
        match hours:
            case 0:
                world.parties.offers += [offer(1, hours=30), offer(2, hours=30)]
                await self._until(lambda snapshot: _under_way(snapshot) == 2)
            case 1:
                world.change_card(QUIET_DEVICE, temperature_c=HOT_C)
            case 2:
                world.change_card(QUIET_DEVICE, temperature_c=COOL_C)
            case 2.5:
                world.parties.to_refuse = 1
            case 3:
                world.change_card(DEVICES[1], others=((os.getpid(), 10**9),))
                receiver.down = 503
            case 4.5:
                world.change_card(DEVICES[1], others=())
            case 5:
                await world.look_away()
                world.nodes[0].send(signal.SIGKILL)
                await world.nodes[0].wait(_SETTLES_S)
                self._runs = False
            case 5.5:
                await self._start_node()
            case 6:
                world.change_card(QUIET_DEVICE, temperature_c=HOT_C)
            case 6.5:
                world.change_card(QUIET_DEVICE, temperature_c=COOL_C)
            case 7:
                receiver.down = None
            case 8.5:
                world.parties.offers.append(offer(3, hours=6.5, fee_emt=30))
                await self._until(lambda snapshot: _job(snapshot, 3) is not None)
                world.parties.offers.append(offer(4, hours=30))
                await self._until(lambda snapshot: _under_way(snapshot) == 2)
            case 9:
                await self._heat_the_job_with_the_deadline()
            case 14:
                world.change_card(self.hot_device, temperature_c=COOL_C)
            case 15:
                world.parties.offers.append(offer(5, hours=30))

    async def _heat_the_job_with_the_deadline(self) -> None:
        snapshot = await self.world.snapshot()
        (self.hot_device,) = (worker.device for worker in snapshot.workers if _is(worker.job_id, 3))
        self.world.change_card(self.hot_device, temperature_c=HOT_C)

    # ---- what must have come of it

    async def _settle(self) -> None:
        """Wait until the node has done what is due at this moment, and what it shows agrees."""
        snapshot = await self._until(self._is_settled)
        with anyio.move_on_after(_GOES_ON_S):
            snapshot = await self._until(lambda seen: self._is_settled(seen) and not self._waits(seen))
        for worker in snapshot.workers:
            at_work = worker.job_id is not None and worker.phase is WorkerPhase.TRAINING
            self.world.change_card(worker.device, power_mw=1_000 * (AT_WORK_W if at_work else IDLE_W))
        await self._scrape(snapshot)
        self.steps += 1

    def _is_settled(self, snapshot: Snapshot) -> bool:
        """Whether exactly those devices are held that must be, and no worker rests without a reason."""
        held = {device.worker: device for device in snapshot.held}
        by_device = {worker.device: worker for worker in snapshot.workers}
        must = {by_device[device].index for device in DEVICES if self._must_rest(device)}
        if held.keys() != must or snapshot.head is None or snapshot.head.timestamp_unix_s < self.now:
            return False
        for worker in snapshot.workers:
            rests = worker.index in held and held[worker.index].finishing != worker.job_id
            if worker.phase is (WorkerPhase.TRAINING if rests else WorkerPhase.PAUSED):
                return False
        return True

    def _must_rest(self, device: str) -> bool:
        """Whether the owner's hours and rules want a device to rest now."""
        card, hour = self.world.cards[device], hour_of(self.now)
        at_night = device == QUIET_DEVICE and not QUIET_UNTIL <= hour < QUIET_FROM
        return at_night or card.temperature_c >= HOT_C or bool(card.others)

    def _waits(self, snapshot: Snapshot) -> bool:
        """Whether something goes on at the pace of the network."""
        wanted = CLAIMS_FROM <= hour_of(self.now) < CLAIMS_UNTIL and any(
            offer.refusal is None for offer in snapshot.offers
        )
        return wanted or any(job.state in _REAL_TIME and not job.paused for job in snapshot.jobs)

    async def _scrape(self, snapshot: Snapshot) -> None:
        """Compare the metrics with what the snapshot before them shows of the same moment."""
        samples = await self.world.metrics()
        held = {device.worker: device.reason.kind for device in snapshot.held}
        for worker in snapshot.workers:
            labels = frozenset((str(worker.index), worker.device))
            assert samples["emeth_worker_held", labels] == (worker.index in held)
            if (reason := held.get(worker.index)) is not None:
                assert ("emeth_worker_held_since_timestamp_seconds", labels | {reason}) in samples
        assert samples["emeth_node_clock_timestamp_seconds", frozenset()] >= self.now
        self.scrapes += 1

    async def _until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        """Wait for a snapshot of which something holds, and return it."""
        snapshot = None
        try:
            with anyio.fail_after(_SETTLES_S):
                while True:
                    snapshot = await self.world.snapshot()
                    if holds(snapshot):
                        return snapshot
                    await anyio.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            raise AssertionError(f"at {hour_of(self.now)}: {_shown(snapshot)}") from None


def _under_way(snapshot: Snapshot) -> int:
    return sum(job.state is JobState.TRAINING for job in snapshot.jobs)


def _is(job_id: str | None, number: int) -> bool:
    return job_id is not None and int(job_id, 16) == number


def _job(snapshot: Snapshot, number: int) -> object:
    return next((job for job in snapshot.jobs if _is(job.job_id, number)), None)


def _shown(snapshot: Snapshot | None) -> object:
    if snapshot is None:
        return None
    workers = [(worker.device, worker.phase, worker.job_id) for worker in snapshot.workers]
    jobs = [(job.job_id[-3:], job.state, job.error) for job in snapshot.jobs]
    refusals = [(offer.job.job_id[-3:], offer.refusal) for offer in snapshot.offers]
    return workers, snapshot.held, jobs, refusals, snapshot.standstill, snapshot.claims_paused
