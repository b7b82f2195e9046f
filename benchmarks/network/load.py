"""Nodes that poll, uploads side by side, and a service that is killed among them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.network.place import Place, place_of
from benchmarks.report import narrate
from benchmarks.rounds import Machine, this_machine
from emeth_tui.clients.http.retry import Retry
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.info_server import InfoServer
from emeth_tui.errors import InfoServerError
from emeth_tui.model import JobId
from emeth_tui.protocol.info_api import JOBS_PATH
from tests.cli.network.serving import Served

TEXT_BYTES = 5_000
SAMPLE_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """How much load."""

    parts: str
    jobs: int
    pollers: int
    poll_every_s: float
    uploads: int
    upload_bytes: int
    waves: int  # of uploads, before the one in which the service is killed


@dataclass(slots=True)
class Polls:
    """What polling nodes saw."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Everything measured. Memory is the service's resident set."""

    plan: Plan
    machine: Machine
    rest_bytes: int
    peaks_bytes: Sequence[int]  # of each wave
    ends_bytes: Sequence[int]
    wave_s: Sequence[float]
    cpu_s: float  # of the service, until it was killed
    polls: int
    median_poll_s: float
    slowest_poll_s: float  # 99 of 100 are faster
    away_s: float  # from the kill to the first answer
    failed_polls: int  # while it was away
    stored: int  # results that came back as they were sent, those of the kill among them
    listed: int  # jobs, at the end


async def measure(plan: Plan, directory: Path | None = None) -> LoadResult:
    """Measure one plan."""
    async with place_of(plan.parts, directory) as place:
        result = place.world.directory / "result.pt"
        digest = await asyncio.to_thread(_write_result, result, plan.upload_bytes)
        polls, names, waves = Polls(), dict[JobId, str](), list[_Wave]()
        async with place.serving() as running:
            narrate(f"requesting {plan.jobs:,} jobs")
            await _request_all(place, plan.jobs)
            rest_bytes = resident_bytes(running.process.pid)
            async with _polling(place, plan, polls):
                for number in range(plan.waves):
                    narrate(f"wave {number + 1} of {plan.waves} of uploads")
                    waves.append(await _wave(place, plan, number, result, running, names))
                cpu_s = _cpu_s(running.process.pid)
                calm = Polls(list(polls.seconds), polls.failed)
                narrate("the wave with the kill")
                away_s = await _killed_wave(place, plan, result, running, names)
        async with place.serving() as again:
            stored = await _count_stored(place, names, digest)
            listed = len((await place.party.http.get(JOBS_PATH)).json())
            await again.stop()
    ordered = sorted(calm.seconds)
    return LoadResult(
        plan,
        this_machine(),
        rest_bytes,
        [wave.peak_bytes for wave in waves],
        [wave.end_bytes for wave in waves],
        [wave.seconds for wave in waves],
        cpu_s,
        len(ordered),
        statistics.median(ordered),
        ordered[len(ordered) * 99 // 100],
        away_s,
        polls.failed - calm.failed,
        stored,
        listed,
    )


@dataclass(frozen=True, slots=True)
class _Wave:
    seconds: float
    peak_bytes: int
    end_bytes: int


async def _request_all(place: Place, count: int) -> None:
    for number in range(count):
        await place.party.request(_job_id(number), _text(number))


async def _wave(
    place: Place, plan: Plan, number: int, result: Path, running: Served, names: dict[JobId, str]
) -> _Wave:
    """Upload side by side, and look at the service's memory meanwhile."""
    peak_bytes, began_s = 0, time.monotonic()
    uploading = asyncio.create_task(_upload_all(place, plan, number, result, names))
    while not uploading.done():
        peak_bytes = max(peak_bytes, resident_bytes(running.process.pid))
        await asyncio.wait([uploading], timeout=SAMPLE_EVERY_S)
    await uploading
    return _Wave(time.monotonic() - began_s, peak_bytes, resident_bytes(running.process.pid))


async def _killed_wave(
    place: Place, plan: Plan, result: Path, running: Served, names: dict[JobId, str]
) -> float:
    """Kill the service when half is sent, and serve again; return how long it was away, in seconds."""
    is_half_sent = asyncio.Event()
    uploading = asyncio.create_task(_upload_all(place, plan, plan.waves, result, names, is_half_sent))
    await is_half_sent.wait()
    await running.kill()
    killed_s = time.monotonic()
    async with place.serving() as again:
        away_s = time.monotonic() - killed_s
        await uploading
        await again.stop()
    return away_s


async def _upload_all(
    place: Place,
    plan: Plan,
    wave: int,
    result: Path,
    names: dict[JobId, str],
    is_half_sent: asyncio.Event | None = None,
) -> None:
    jobs = [_job_id(wave * plan.uploads + index) for index in range(plan.uploads)]
    sent = dict.fromkeys(jobs, 0)
    for job_id in jobs:
        await place.party.claim(job_id)

    async def one(job_id: JobId) -> None:
        def on_progress(done: int, _size: int) -> None:
            sent[job_id] = done
            if is_half_sent and sum(sent.values()) * 2 > plan.upload_bytes * plan.uploads:
                is_half_sent.set()

        names[job_id] = await place.party.upload(job_id, result, on_progress)

    await asyncio.gather(*map(one, jobs))
    for job_id in jobs:
        await place.party.send("submit", job_id, names[job_id])


@asynccontextmanager
async def _polling(place: Place, plan: Plan, polls: Polls) -> AsyncIterator[None]:
    """Let nodes look for work, each with connections of its own."""
    tasks = [asyncio.create_task(_poll(place, plan, polls)) for _ in range(plan.pollers)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _poll(place: Place, plan: Plan, polls: Polls) -> None:
    async with open_transport(Retry(attempts=1)) as transport:
        server = InfoServer(place.network, transport)
        await asyncio.sleep(random.uniform(0, plan.poll_every_s))
        while True:
            began_s = time.monotonic()
            try:
                async for _entries in server.requested_jobs():
                    pass
                polls.seconds.append(time.monotonic() - began_s)
            except InfoServerError:
                polls.failed += 1
            await asyncio.sleep(plan.poll_every_s)


async def _count_stored(place: Place, names: dict[JobId, str], digest: str) -> int:
    """Return how many results come back as they were sent."""
    stored = 0
    for job_id in names:
        stored += hashlib.sha256(await place.party.result(job_id)).hexdigest() == digest
    return stored


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds."""
    with contextlib.closing(Path(f"/proc/{pid}/statm").open("rb")) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _write_result(path: Path, size_bytes: int) -> str:
    content = os.urandom(size_bytes)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _job_id(number: int) -> JobId:
    return JobId(f"0x{number + 1:032x}")


def _text(number: int) -> bytes:
    return f"Text {number}. ".encode() * (TEXT_BYTES // 10)
