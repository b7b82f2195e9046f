"""One run: set up, broken by plan, healed, left alone until it has settled, stopped, judged."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from emeth_tui.errors import EmethError, ExitCode
from emeth_tui.protocol.contracts import JobStatus
from tests.faults import judge
from tests.faults.injected.disks import mount_disk, unmount_disk
from tests.faults.injected.faults import CATALOGUE
from tests.faults.injected.host_faults import HOST_FAULTS
from tests.faults.judge import ENDED
from tests.faults.plan import LEAVES_JOBS, TAKES_STATE, Plan, Step, hostile_name
from tests.faults.stage.processes import Record, children, is_alive, living
from tests.faults.stage.settings import Layout
from tests.faults.stage.world import World

FAULTS = CATALOGUE | HOST_FAULTS
# These decide what a run tries, and never what is right.
SILENCE_S = 12.0  # of the node: the stage that is waited for does not come
CLAIMED_WITHIN_S = 15.0  # where claiming may have stopped
# These bound a hang: the node looks at everything once a minute.
HANG_S = 150.0  # without any change
GONE_WITHIN_S = 120.0
_LEAVES_WITHIN_S = 180.0
_RESTART_S = 0.5
_LOOK_EVERY_S = 0.5


@dataclass
class Report:
    """What came of a run."""

    seed: int
    faults: list[Record] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    starts: int = 0
    exit_codes: list[int] = field(default_factory=list)
    jobs: dict[str, str] = field(default_factory=dict)
    trained: dict[str, int] = field(default_factory=dict)  # epochs, or real jobs, by machine
    in_vain: list[str] = field(default_factory=list)  # what was waited for until nothing changed any more
    set_up: int = 1  # times


class NotSetUp(Exception):
    """A run's own infrastructure did not start: nothing has been judged."""


async def play(
    plan: Plan, layout: Layout, deployed: Path, *, small_disk: bool, own_network: bool = False
) -> Report:
    """Play a run and return its report; the run's directory is kept when something was wrong."""
    began = time.monotonic()
    report = Report(plan.seed)
    world = World(layout, plan.setup, own_network=own_network)
    layout.root.mkdir(parents=True)
    disks = [layout.home(), *(host.home for host in world.hosts)] if small_disk else []
    for disk in disks:
        mount_disk(disk)
    try:
        await _set_up(world, deployed)
        await _Run(plan, world, report).play()
    finally:
        await world.stop()
        report.seconds = round(time.monotonic() - began, 1)
        layout.verdict.write_text(json.dumps(vars(report), indent=1))
        for disk in disks:
            unmount_disk(disk, keep=bool(report.violations))
    if not report.violations:
        shutil.rmtree(layout.root)
    return report


async def _set_up(world: World, deployed: Path) -> None:
    try:
        await world.start(deployed)
    except (EmethError, OSError) as error:  # a TimeoutError is an OSError
        raise NotSetUp(f"{type(error).__name__}: {error}") from error


class _Run:
    def __init__(self, plan: Plan, world: World, report: Report) -> None:
        self._plan = plan
        self._world = world
        self._report = report
        self._seen: dict[str, asyncio.Event] = {}
        self._leaving = False
        self._healed_s = 0.0
        self._ended_at: int | None = None  # the block by which every job had ended

    async def play(self) -> None:
        world = self._world
        helpers = [asyncio.create_task(work()) for work in (self._listen, self._keep_node)]
        try:
            await self._post()
            await asyncio.gather(*(self._step(number, step) for number, step in enumerate(self._plan.steps)))
            await world.heal()
            self._healed_s = time.monotonic()
            await self._settle()
            self._leaving = True
            left = await self._leave()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        self._report.faults += [
            {"fault": hostile_name(offer), "stage": "posted", "detail": offer.job_id, "at": 0.0}
            for offer in self._plan.offers
            if offer.hopeless
        ]
        self._report.starts = world.starts
        self._report.trained = judge.trained(world)
        self._report.exit_codes = world.nodes[0].exit_codes
        self._report.violations += left + await judge.violations(world, self._plan, self._report.jobs)

    async def _post(self) -> None:
        """Post the jobs: where the plan says so, once every host has joined."""
        hosts = len(self._world.hosts) if self._plan.setup.joined_first else 0
        with anyio.move_on_after(HANG_S):
            while self._world.count("host_joined") < hosts:  # noqa: ASYNC110 - the node prints it
                await asyncio.sleep(_LOOK_EVERY_S)
        self._world.parties.offers += self._plan.offers

    # ---- faults

    async def _step(self, number: int, step: Step) -> None:
        await self._wait_for(step.stage)
        await asyncio.sleep(step.delay_s)
        at_s = round(time.time(), 2)
        try:
            detail = await FAULTS[step.fault](self._world, self._plan.chance(number))
        except EmethError as error:  # the network was down
            detail = f"did not happen: {error}"
        self._report.faults.append({"fault": step.fault, "stage": step.stage, "detail": detail, "at": at_s})

    async def _wait_for(self, stage: str) -> None:
        """Wait for a stage of a job; where the node has nothing more to say, it does not come."""
        reached, records = self._stage(stage), self._world.nodes[0].records
        said, silent_since_s = len(records), time.monotonic()
        while not reached.is_set():
            with anyio.move_on_after(_LOOK_EVERY_S):
                await reached.wait()
            if len(records) != said:
                said, silent_since_s = len(records), time.monotonic()
            elif time.monotonic() - silent_since_s > (SILENCE_S if said else HANG_S):
                return

    def _stage(self, name: str) -> asyncio.Event:
        return self._seen.setdefault(name, asyncio.Event())

    async def _listen(self) -> None:
        while True:
            self._stage("started").set()
            record = await self._world.printed.get()
            self._stage(str(record.get("event"))).set()

    async def _keep_node(self) -> None:
        """Start the node, and start it again whenever it has ended, as its owner's supervisor does."""
        while not self._leaving:
            await self._world.start_node()
            code = None
            while code is None:
                code = await self._world.nodes[0].wait(3_600.0)
            if code in (ExitCode.STORE, ExitCode.STORE_DAMAGED) and any(
                step.fault in TAKES_STATE for step in self._plan.steps
            ):
                await self._owner_restores_the_database()
            await asyncio.sleep(_RESTART_S)

    async def _owner_restores_the_database(self) -> None:
        """Go back to the newest copy; without one, begin anew."""
        if await self._ask_node(0, "store", "restore"):
            shutil.rmtree(self._world.layout.home() / "state", ignore_errors=True)

    # ---- the end

    async def _settle(self) -> None:
        """Wait until no job is under way, all is final, and the nodes have seen it and cleaned up."""
        so_far = await self._until(self._all_final, "every job to end")
        if so_far and self._may_be_left:  # else a job may be claimed after all that seemed to be left
            so_far = await self._until(self._claims_are_stopped, "claiming to stop")
            so_far = so_far and await self._until(self._all_final, "the last claims")
        if so_far:
            await self._until(self._all_seen, "the nodes to see it")

    async def _until(self, is_so: Callable[[], Awaitable[bool]], what: str) -> bool:
        """Wait until something is so, as long as anything changes on the chain or in the nodes.

        What is not so in the end is for the judge to find.
        """
        seen, changed_s = await self._signs_of_life(), time.monotonic()
        while not await is_so():
            await asyncio.sleep(_LOOK_EVERY_S)
            now = await self._signs_of_life()
            if now != seen:
                seen, changed_s = now, time.monotonic()
            elif time.monotonic() - changed_s > HANG_S:
                self._report.in_vain.append(what)
                return False
        return True

    async def _signs_of_life(self) -> object:
        """Return what changes as long as anything goes on."""
        printed = [len(node.records) for node in self._world.nodes]
        try:
            jobs = await self._world.parties.jobs()
        except EmethError:  # the network is down for a moment
            return printed
        return printed, sorted((job_id, job.status, job.node) for job_id, job in jobs.items())

    async def _all_final(self) -> bool:
        """Whether every job has ended so long ago that it is final."""
        if not await self._all_ended():
            self._ended_at = None
            return False
        head = await self._head()
        self._ended_at = self._ended_at or head
        return head >= self._ended_at + self._plan.setup.confirmations + 2

    async def _all_seen(self) -> bool:
        """Whether the nodes' books and files say what the chain says."""
        try:
            return not await judge.still_open(self._world, self._plan)
        except (EmethError, sqlite3.Error):  # the network, or the node, is down for a moment
            return False

    async def _claims_are_stopped(self) -> bool:
        """Have the owner pause claiming; return whether every node has heard of it."""
        for number, node in enumerate(self._world.nodes):
            runs = number == 0 or node.pid  # the first one is started again whenever it ends
            if runs and await self._ask_node(number, "pause", "--claims"):
                return False
        return True

    async def _ask_node(self, number: int, *command: str) -> int:
        """Run a command of the program with a node's settings; return its exit code."""
        settings = str(self._world.layout.settings(number))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "emeth_tui", "--config", settings, *command),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()

    async def _head(self) -> int:
        try:
            return (await self._world.chain.head()).number
        except EmethError:  # the network is down for a moment
            return 0

    async def _all_ended(self) -> bool:
        try:
            jobs = await self._world.parties.jobs()
            if await self._world.sends_something():
                return False
        except EmethError:
            return False
        ends = ENDED | ({JobStatus.REQUESTED} if self._may_be_left_by_now() else set())
        offers = [offer for offer in self._plan.offers if not offer.hopeless]
        return all(offer.job_id in jobs and jobs[offer.job_id].status in ends for offer in offers)

    @property
    def _may_be_left(self) -> bool:
        return self._plan.setup.published or any(step.fault in LEAVES_JOBS for step in self._plan.steps)

    def _may_be_left_by_now(self) -> bool:
        """Whether jobs that nobody has taken yet are not waited for any longer."""
        return self._may_be_left and time.monotonic() - self._healed_s > CLAIMED_WITHIN_S

    async def _leave(self) -> list[str]:
        """Have every node leave, and look for what it leaves behind."""
        wrong = []
        workers = [pid for number in range(len(self._world.nodes)) for pid in self._world.workers(number)]
        for number, node in enumerate(self._world.nodes):
            if node.pid and await self._world.stop_node(number, _LEAVES_WITHIN_S) is None:
                wrong.append(f"{node.name} does not leave")
                await node.kill()
        for host in self._world.hosts:
            if left_there := await host.leave(GONE_WITHIN_S):
                wrong.append(f"processes are left on {host.name}: {left_there}")
        if left := await self._left_over(workers):
            wrong.append(f"processes are left: {left}")
        return wrong

    async def _left_over(self, workers: list[int]) -> list[int]:
        """Return the processes that do not end, a moment after the nodes have."""
        give_up_s = time.monotonic() + GONE_WITHIN_S
        services = (self._world.network, *self._world.services.values())
        network = {pid for service in services for pid in (service.pid, *children(service.pid))}
        network |= {pid for host in self._world.hosts for pid in host.serving}
        while (
            left := {pid for pid in (*living(self._world.layout.root), *workers) if is_alive(pid)} - network
        ):
            if time.monotonic() > give_up_s:
                return sorted(left)
            await asyncio.sleep(0.1)
        return []
