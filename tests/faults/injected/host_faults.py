"""What breaks other machines that train, and the way to them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio

from emeth_tui.hosts.messages import PROTOCOL
from tests.faults.hosts.far import RunHost
from tests.faults.hosts.taking_part import clock_of
from tests.faults.injected.disks import fill_disk, free_disk
from tests.faults.stage.settings import set_clock
from tests.faults.stage.world import SAFETY_MARGIN_S, World

Fault = Callable[[World, random.Random], Awaitable[str]]
Victim = Callable[[World, RunHost, random.Random], int]  # a process; 0: there is none
AT_WORK_WITHIN_S = 150.0  # bounds a hang
SHORT_CUT_S, LONG_CUT_S, LONGEST_CUT_S = 30.0, 180.0, 1_800.0  # of what limits are scaled from
MOVED_WITHIN_S = 150.0  # bounds a hang
LEFT_S = SAFETY_MARGIN_S + 40  # before the deadline
AWAY = "host: cut until its job moves"
LONGEST_CUT = "host: cut for 30 min"  # played by hand alone: even scaled it takes minutes
DISK_FULL_THERE = "host: disk full"


async def _busy(world: World, chance: random.Random) -> RunHost:
    """Return a host that trains, or any once every job is trained."""
    good = sum(not offer.hopeless for offer in world.parties.offers)
    with anyio.move_on_after(AT_WORK_WITHIN_S):
        while not any(host.is_at_work() for host in world.hosts) and world.count("trained") < good:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    at_work = [host for host in world.hosts if host.is_at_work()]
    return chance.choice(at_work or world.hosts)


async def _process_of(world: World, chance: random.Random, victim: Victim) -> tuple[RunHost, int]:
    """Return a host that trains and a process of it, waiting until there is one; 0 where there is none."""
    while True:
        host = await _busy(world, chance)
        pid = victim(world, host, chance)
        if pid or not host.is_at_work():
            return host, pid
        await asyncio.sleep(0.05)


def _kill(victim: Victim) -> Fault:
    async def fault(world: World, chance: random.Random) -> str:
        host, pid = await _process_of(world, chance, victim)
        if not pid:
            return "did not happen: there was none"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return f"{host.name} over {host.kind}: process {pid}"

    return fault


def _stop(victim: Victim) -> Fault:
    async def fault(world: World, chance: random.Random) -> str:
        host, pid = await _process_of(world, chance, victim)
        if not pid:
            return "did not happen: there was none"
        seconds = chance.uniform(0.5, 5.0)
        return f"{host.name} over {host.kind}: {await _stopped([pid], seconds)}"

    return fault


async def _stopped(pids: list[int], seconds: float) -> str:
    for number, pause_s in ((signal.SIGSTOP, seconds), (signal.SIGCONT, 0.0)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        await asyncio.sleep(pause_s)
    return f"{len(pids)} processes for {seconds:.1f} s"


def _link(world: World, _host: RunHost, chance: random.Random) -> int:
    return world.link(chance)


def _relay(_world: World, host: RunHost, _chance: random.Random) -> int:
    return host.relay


def _keeper(_world: World, host: RunHost, _chance: random.Random) -> int:
    return host.keeper


def _worker(_world: World, host: RunHost, chance: random.Random) -> int:
    return host.worker(chance)


async def _kill_host(world: World, chance: random.Random) -> str:
    """Take a host's power away for a while."""
    host, seconds = await _busy(world, chance), chance.uniform(0.2, 6.0)
    await host.switch_off()
    await asyncio.sleep(seconds)
    host.switch_on()
    return f"{host.name} over {host.kind}: {seconds:.1f} s without power"


async def _stop_host(world: World, chance: random.Random) -> str:
    host = await _busy(world, chance)
    return f"{host.name} over {host.kind}: {await _stopped(host.pids(), chance.uniform(0.5, 5.0))}"


def _cut(real_s: float) -> Fault:
    async def fault(world: World, chance: random.Random) -> str:
        host, seconds = await _busy(world, chance), real_s * world.setup.limits
        await host.wire.cut()
        await asyncio.sleep(seconds)
        await host.wire.heal()
        return f"{host.name} over {host.kind}: {seconds:.1f} s, all limits {world.setup.limits} of theirs"

    return fault


async def _cut_while_the_node_starts_anew(world: World, chance: random.Random) -> str:
    host, seconds = await _busy(world, chance), chance.uniform(1.0, 8.0)
    await host.wire.cut()
    world.nodes[0].send(signal.SIGKILL)
    await asyncio.sleep(seconds)
    await host.wire.heal()
    return f"{host.name} over {host.kind}: {seconds:.1f} s"


async def _away_until_it_moves(world: World, chance: random.Random) -> str:
    """Cut a host off until the deadline allows no more waiting and its job goes on elsewhere."""
    host = await _busy(world, chance)
    if not host.is_at_work():
        return "did not happen: no job there"
    moved = world.count("job_moved")
    await host.wire.cut()
    began_s = time.monotonic()
    await asyncio.sleep(LONG_CUT_S * world.setup.limits)
    if world.count("job_moved") > moved:
        await host.wire.heal()
        return f"{host.name} over {host.kind}: it moved before its deadline came"
    await world.chain.rpc.call("evm_increaseTime", world.setup.lifetime_s - LEFT_S - world.age_s())
    with anyio.move_on_after(MOVED_WITHIN_S) as limit:
        while not _has_begun_elsewhere(world):  # noqa: ASYNC110 - the node prints it
            await asyncio.sleep(0.1)
    await host.wire.heal()
    how = "did not move" if limit.cancelled_caught else "goes on elsewhere"
    return f"{host.name} over {host.kind}: {how} after {time.monotonic() - began_s:.1f} s"


def _has_begun_elsewhere(world: World) -> bool:
    """Whether the job that moved last is trained again."""
    events = [(record.get("event"), record.get("job_id")) for record in world.nodes[0].records]
    moved = [number for number, (event, _job_id) in enumerate(events) if event == "job_moved"]
    return bool(moved) and ("training", events[moved[-1]][1]) in events[moved[-1] :]


async def _clock_off(world: World, chance: random.Random) -> str:
    host = await _busy(world, chance)
    offset_s, seconds = chance.choice((-86_400.0, -3_600.0, 3_600.0, 10 * 365 * 86_400.0)), 4.0
    set_clock(clock_of(host.home), offset_s)
    await asyncio.sleep(chance.uniform(1.0, seconds))
    set_clock(clock_of(host.home), chance.choice((0.0, offset_s)))
    return f"{host.name} over {host.kind}: {offset_s:+.0f} s"


async def _disk_full(world: World, chance: random.Random) -> str:
    host, seconds = await _busy(world, chance), chance.uniform(0.5, 6.0)
    left_bytes = chance.choice((0, 0, 4_096, 60_000))
    fill_disk(host.home, left_bytes)
    try:
        await asyncio.sleep(seconds)
    finally:
        free_disk(host.home)
    return f"{host.name} over {host.kind}: {left_bytes} bytes left for {seconds:.1f} s"


async def _upgraded(world: World, chance: random.Random) -> str:
    """Install another release on a host whose keeper is at work; it is started anew by and by."""
    host = await _busy(world, chance)
    host.take_part(replace(host.part, version="99.0"))
    for pid in (host.relay, host.keeper if chance.random() < 0.5 else 0):
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    return f"{host.name} over {host.kind}"


async def _upgraded_beyond(world: World, chance: random.Random) -> str:
    """Install a release there that the node does not understand, and the node's own a while later."""
    host, seconds = await _busy(world, chance), chance.uniform(1.0, 5.0)
    before = host.part
    for part in (replace(before, version="99.0", protocol=PROTOCOL + 1), before):
        host.take_part(part)
        for pid in (host.keeper, host.relay):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        await asyncio.sleep(seconds)
    return f"{host.name} over {host.kind}: for {seconds:.1f} s"


HOST_FAULTS: dict[str, Fault] = {
    **{
        f"host: {name} {what}": make(victim)
        for name, victim in (("link", _link), ("relay", _relay), ("keeper", _keeper), ("worker", _worker))
        for what, make in (("killed", _kill), ("stopped", _stop))
    },
    "host: killed": _kill_host,
    "host: stopped": _stop_host,
    "host: cut for 30 s": _cut(SHORT_CUT_S),
    "host: cut for 3 min": _cut(LONG_CUT_S),
    LONGEST_CUT: _cut(LONGEST_CUT_S),
    "host: cut, node killed": _cut_while_the_node_starts_anew,
    AWAY: _away_until_it_moves,
    "host: clock off": _clock_off,
    DISK_FULL_THERE: _disk_full,
    "host: upgraded": _upgraded,
    "host: upgraded beyond the node": _upgraded_beyond,
}
