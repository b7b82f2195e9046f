"""Every fault that a run can be given, by name: what it does to the world, and how long."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from emeth_tui.settings import DEVNET
from tests.faults.injected import link_faults
from tests.faults.injected.chain_faults import CHAIN_FAULTS
from tests.faults.injected.disks import fill_disk, free_disk
from tests.faults.injected.rpc_lies import LIES
from tests.faults.stage.proxy import Matches, Message, Rule
from tests.faults.stage.settings import set_clock
from tests.faults.stage.world import APART, World

Fault = Callable[[World, random.Random], Awaitable[str]]  # returns what exactly was done
DATABASE = Path("state", DEVNET, "node.sqlite3")
DISK_FULL_AT = {  # the stage after which nothing else is written there
    "disk full: downloading": "claimed",
    "disk full: checkpointing": "epoch_done",
    "disk full: uploading": "trained",
    "disk full: writing the database": "submitted",
}


# ---- links


def _link(service: str, kind: str) -> Fault:
    async def fault(world: World, chance: random.Random) -> str:
        make = link_faults.EVERYWHERE[kind]
        rule = Rule(make(chance), left=chance.choice((1, 2, 5, 1_000)), seconds=chance.uniform(0.5, 4.0))
        return _put_in(world, service, rule)

    return fault


def _storage(make: Callable[[random.Random], link_faults.Act], matches: Matches) -> Fault:
    async def fault(world: World, chance: random.Random) -> str:
        return _put_in(world, "storage", Rule(make(chance), matches, left=chance.randint(1, 4), seconds=8.0))

    return fault


def _lie(name: str) -> Fault:
    async def fault(world: World, chance: random.Random) -> str:
        return _put_in(world, "rpc", Rule(LIES[name](chance), seconds=chance.uniform(1.0, 5.0)))

    return fault


def _put_in(world: World, service: str, rule: Rule) -> str:
    world.proxies[service].rules.append(rule)
    return f"{min(rule.left, 1_000)} times at most, {rule.seconds:.1f} s at most"


def _is_download(request: Message) -> bool:
    return request.method == "GET" and request.path.startswith("/objects/")


def _is_upload(request: Message) -> bool:
    return request.method == "PUT" and request.path.startswith("/uploads/")


def _is_transfer(request: Message) -> bool:
    return _is_download(request) or _is_upload(request)


def _is_complete(request: Message) -> bool:
    return request.path.endswith("/completeUpload")


# ---- processes


async def _kill_node(world: World, chance: random.Random) -> str:
    await _running(world)
    world.nodes[0].send(signal.SIGKILL)
    return "SIGKILL"


async def _running(world: World) -> int:
    """Wait until the first node runs; return its process id."""
    while not (pid := world.nodes[0].pid):  # noqa: ASYNC110 - it may be between two starts
        await asyncio.sleep(0.05)
    return pid


async def _stop_node(world: World, chance: random.Random) -> str:
    return await _stopped(await _running(world), chance)


async def _ask_node_to_leave(world: World, chance: random.Random) -> str:
    await _running(world)
    world.nodes[0].send(signal.SIGTERM)
    return "SIGTERM"


async def _kill_worker(world: World, chance: random.Random) -> str:
    pid = world.worker(chance)
    if pid:
        os.kill(pid, signal.SIGKILL)
    return f"process {pid}"


async def _stop_worker(world: World, chance: random.Random) -> str:
    return await _stopped(world.worker(chance), chance)


async def _kill_network(world: World, chance: random.Random) -> str:
    return await _restart(world, chance.uniform(0.1, 2.0), list(world.services))


async def _kill_chain(world: World, chance: random.Random) -> str:
    return await _restart(world, chance.uniform(0.1, 2.0), [])


async def _restart(world: World, down_s: float, services: list[str]) -> str:
    if world.setup.chain == "anvil":
        return "did not happen: anvil keeps nothing when it is killed"
    restarts = [world.restart_service(name, down_s) for name in services]
    await asyncio.gather(world.restart_network(down_s), *restarts)
    return f"{down_s:.1f} s down, with its mempool lost"


async def _stop_network(world: World, chance: random.Random) -> str:
    return await _stopped(world.network.pid, chance)


def _kill_service(name: str) -> Fault:
    async def fault(world: World, chance: random.Random) -> str:
        down_s = chance.uniform(0.1, 3.0)
        await world.restart_service(name, down_s)
        return f"{down_s:.1f} s down"

    return fault


def _stop_service(name: str) -> Fault:
    async def fault(world: World, chance: random.Random) -> str:
        return await _stopped(world.services[name].pid, chance)

    return fault


async def _stopped(pid: int, chance: random.Random) -> str:
    seconds = chance.uniform(0.5, 5.0)
    try:
        if pid:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
            os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass
    return f"process {pid}, {seconds:.1f} s"


# ---- the machine


async def _clock_off(world: World, chance: random.Random) -> str:
    offset_s, seconds = chance.choice((-3_600.0, -90.0, 90.0, 1_800.0)), chance.uniform(1.0, 5.0)
    set_clock(world.layout.clock, offset_s)
    await asyncio.sleep(seconds)
    set_clock(world.layout.clock, 0.0)
    return f"{offset_s:+.0f} s for {seconds:.1f} s"


async def _disk_full(world: World, chance: random.Random) -> str:
    """Fill the node's file system for a while: state, cache and logs lie on it."""
    home, seconds = world.layout.home(), chance.uniform(0.5, 4.0)
    left_bytes = chance.choice((0, 0, 4_096, 30_000))
    fill_disk(home, left_bytes)
    try:
        await asyncio.sleep(seconds)
    finally:
        free_disk(home)
    return f"{left_bytes} bytes left for {seconds:.1f} s"


async def _flip_database(world: World, chance: random.Random) -> str:
    """Kill the node and change bytes of its database."""
    world.nodes[0].send(signal.SIGKILL)
    path = world.layout.home() / DATABASE
    if not path.exists():
        return "no database yet"
    content = bytearray(path.read_bytes())
    places = [chance.randrange(len(content)) for _ in range(chance.choice((1, 4, 64)))]
    for place in places:
        content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    return f"{len(places)} bytes"


async def _overwrite_database(world: World, chance: random.Random) -> str:
    """Write something else over the database, under the running node, which has kept a copy."""
    await _running(world)
    path = world.layout.home() / DATABASE
    kept = sorted((path.parent / "backups").glob("*.sqlite3"))
    if not kept or kept[-1].stat().st_ctime < world.started_unix_s:
        return "did not happen: no copy yet"
    raw = path.read_bytes()
    what, content = chance.choice(
        (("nothing", b""), ("zeros", bytes(40_960)), ("an older copy", kept[0].read_bytes()), ("itself", raw))
    )
    if what == "itself":  # as it was a moment ago: what the node has written since is to be missing
        seconds = chance.uniform(0.5, 4.0)
        await asyncio.sleep(seconds)
        what = f"itself, {seconds:.1f} s later"
    path.write_bytes(content)
    return what


async def _lose_state(world: World, chance: random.Random) -> str:
    """Remove the state directory under the running node, and kill the node a little later."""
    shutil.rmtree(world.layout.home() / "state", ignore_errors=True)
    seconds = chance.uniform(0.0, 3.0)
    await asyncio.sleep(seconds)
    world.nodes[0].send(signal.SIGKILL)
    return f"killed {seconds:.1f} s later"


async def _state_gone(world: World, chance: random.Random) -> str:
    """Kill the node and remove its state: nothing remembers its jobs but the chain and the cache."""
    world.nodes[0].send(signal.SIGKILL)
    shutil.rmtree(world.layout.home() / "state", ignore_errors=True)
    return "SIGKILL first"


async def _cache_lost(world: World, chance: random.Random) -> str:
    """Remove the files of every job under the running node."""
    directories = list((world.layout.home() / "cache" / DEVNET / "jobs").glob("0x*"))
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
    return f"{len(directories)} jobs"


async def _two_nodes(world: World, chance: random.Random) -> str:
    await world.start_node(1)
    return "a second node with the same key"


CATALOGUE: dict[str, Fault] = {
    **{
        f"{service}: {kind}": _link(service, kind)
        for service in ("rpc", "storage", "info")
        for kind in link_faults.EVERYWHERE
    },
    "storage: expired URLs": _storage(link_faults.expired, _is_transfer),
    "storage: wrong ETag": _storage(link_faults.wrong_etag, _is_upload),
    "storage: an upload corrupted": _storage(link_faults.corrupt_request, _is_upload),
    "storage: half a dataset": _storage(link_faults.wrong_size, _is_download),
    "storage: HTML for a dataset": _storage(link_faults.html, _is_download),
    "storage: a dataset cut": _storage(link_faults.cut, _is_download),
    "storage: an upload's answer lost": _storage(link_faults.lose_answer, _is_upload),
    "storage: completeUpload's answer lost": _storage(link_faults.lose_answer, _is_complete),
    **{f"rpc: {name}": _lie(name) for name in LIES},
    "node killed": _kill_node,
    "node stopped": _stop_node,
    "node asked to leave": _ask_node_to_leave,
    "worker killed": _kill_worker,
    "worker stopped": _stop_worker,
    "network killed": _kill_network,
    "network stopped": _stop_network,
    "chain killed": _kill_chain,
    "chain stopped": _stop_network,
    **{f"{name} killed": _kill_service(name) for name in APART},
    **{f"{name} stopped": _stop_service(name) for name in APART},
    **CHAIN_FAULTS,
    "node's clock off": _clock_off,
    "disk full": _disk_full,
    **dict.fromkeys(DISK_FULL_AT, _disk_full),
    "database flipped": _flip_database,
    "database overwritten": _overwrite_database,
    "state lost": _lose_state,
    "state gone": _state_gone,
    "cache lost": _cache_lost,
    "two nodes": _two_nodes,
}
