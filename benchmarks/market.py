"""`market`: what a look at the info server's list costs the node, by the number of jobs that are requested.

An HTTP server in a process of its own serves the list; this process reads and judges it as a node does whose
workers are all busy. The list is served anew each time, with a few jobs gone and a few more.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import multiprocessing
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

from benchmarks.report import Goal, Report, json_option, narrate, show
from benchmarks.rounds import Machine, this_machine
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.info_server import InfoServer
from emeth_tui.engine.clock import ChainClock
from emeth_tui.engine.estimates.forecasts import Forecasts, Measurements
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.market.market import Market
from emeth_tui.engine.pauses.schedule import Schedule
from emeth_tui.engine.service_health import ServiceHealth
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.model import token_to_wei
from emeth_tui.settings import Network, Settings
from emeth_tui.store.database import Store
from tests.tui.stand_in import StandInWorker, snapshot

_MB = 1_000_000
CHANGED_A_LOOK = 20
CPU_GOAL_S = 0.3
HOLD_GOAL_S = 0.05


@dataclass(frozen=True, slots=True)
class Listed:
    """One length of the list: CPU seconds of a look (the first, then the median of the rest), the longest
    time for which the event loop was held, and what the process's peak memory grew by.
    """

    jobs: int
    list_bytes: int
    first_cpu_s: float
    cpu_s: float
    wall_s: float
    longest_hold_s: float
    grown_bytes: int


@dataclass(frozen=True, slots=True)
class MarketResult:
    """Everything measured."""

    looks: int
    machine: Machine
    lists: list[Listed]


def measure(sizes: Sequence[int], looks: int) -> MarketResult:
    """Measure each length in a process of its own, the shortest first."""
    lists = []
    for jobs in sizes:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_look_at, args=(theirs, jobs, looks))
        process.start()
        theirs.close()
        lists.append(ours.recv())
        process.join()
        narrate(_row(lists[-1]))
    return MarketResult(looks, this_machine(), lists)


def _look_at(connection: Connection, jobs: int, looks: int) -> None:
    with _served(jobs) as url, tempfile.TemporaryDirectory(prefix="emeth-bench-") as directory:
        connection.send(asyncio.run(_look(url, jobs, looks, Path(directory))))


async def _look(url: str, jobs: int, looks: int, directory: Path) -> Listed:
    with Store(directory) as store:
        async with open_transport() as transport:
            info = InfoServer(Network(name="test", chain_id=1, models={}, info_url=url), transport)
            market = Market(_context(info, store), workers=lambda: 0, claims_wanted=None, on_claim=print)
            before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            cpu_s, wall_s, holds_s = [], [], []
            for _ in range(1 + looks):
                began, cpu = time.monotonic(), time.process_time()
                looking = asyncio.create_task(market.look())
                holds_s.append(await _longest_hold(looking))
                cpu_s.append(time.process_time() - cpu)
                wall_s.append(time.monotonic() - began)
            assert market.listed == jobs
            grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    size_bytes = len(json.dumps([_entry(number) for number in range(1_000)])) * jobs // 1_000
    median_s = statistics.median
    return Listed(
        jobs, size_bytes, cpu_s[0], median_s(cpu_s[1:]), median_s(wall_s[1:]), max(holds_s), grown_kb * 1_024
    )


async def _longest_hold(task: asyncio.Task[None]) -> float:
    """Return the longest time in which nothing else got a turn, until a task is done."""
    longest_s, before = 0.0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.001)
        now = time.monotonic()
        longest_s, before = max(longest_s, now - before), now
    task.result()
    return longest_s


def _context(info: InfoServer, store: Store) -> Any:
    """The parts of a node that judge a list: one that is busy, with measurements of its own."""
    clock = ChainClock()
    picture = snapshot()
    worker: Any = StandInWorker(picture.workers[0])
    events = EventLog(store.events, clock.now_unix_s)
    leases = WorkerLeases([worker])
    hours = Settings().schedule
    return SimpleNamespace(
        network=Network(name="test", chain_id=1, models={}, safety_margin_s=600),
        rates=picture.rates,
        settings=Settings(),
        claim_interval_s=60.0,
        info=info,
        store=store,
        book=JobBook(store.jobs, clock.now_unix_s),
        events=events,
        clock=clock,
        health=ServiceHealth(events, clock.now_unix_s),
        forecasts=Forecasts(Measurements(store.measurements, clock.now_unix_s), leases, "storage"),
        models=SimpleNamespace(refusal=lambda _model: None),
        schedule=Schedule(lambda: hours, clock.now_unix_s),
        model_for=lambda _language: "gpt2-medium",
        batch_size_for=lambda _model, _bytes: 16,
    )


@contextmanager
def _served(jobs: int) -> Iterator[str]:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, jobs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(connection: Connection, jobs: int) -> None:
    entries = [json.dumps(_entry(number)) for number in range(jobs)]
    made = jobs

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal made
            for _ in range(CHANGED_A_LOOK):
                entries[random.randrange(jobs)] = json.dumps(_entry(made))
                made += 1
            body = f"[{','.join(entries)}]".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    connection.send(server.server_port)
    server.serve_forever()


def _entry(number: int) -> dict[str, Any]:
    """A job as a server lists it, half of them fit to be claimed."""
    return {
        "id": f"0x{number:032x}",
        "owner": f"0x{number:040x}",
        "status": 0,
        "programId": 5,
        "datasetPath": f"{number:032x}.txt",
        "param": '{"language": "en", "epoch": 30}',
        "datasetSize": 10_000 + number % 90_000,
        "fee": str(token_to_wei(5 + number * 7_919 % 60)),
        "deadline": 2_000_000_000 + number,
        "node": None,
        "deposit": None,
        "requestedAt": 1_790_000_000,
        "startedAt": None,
        "submittedAt": None,
        "verifiedAt": None,
    }


@click.command("market", help="What a look at a long list of jobs costs.")
@click.option("--jobs", default="10000,45000,100000", show_default=True, help="Lengths of the list.")
@click.option("--looks", type=click.IntRange(min=1), default=7, show_default=True)
@json_option
def command(as_json: bool, jobs: str, looks: int) -> None:
    try:
        sizes = tuple(int(size) for size in jobs.split(","))
    except ValueError:
        raise click.BadParameter("numbers with commas between them", param_hint="--jobs") from None
    show(report(measure(sizes, looks)), as_json)


def report(result: MarketResult) -> Report:
    """Format a result for people and machines."""
    longest = result.lists[-1]
    lines = [
        f"{'jobs':>8} {'list MB':>8} {'first CPU s':>12} {'CPU s a look':>13} {'wall s':>7} "
        f"{'longest hold ms':>16} {'grown MB':>9}",
        *map(_row, result.lists),
    ]
    goals = [
        Goal(f"CPU of a look, {longest.jobs:,} jobs", CPU_GOAL_S, longest.cpu_s, "s", at_least=False),
        Goal("longest hold of the event loop", HOLD_GOAL_S, longest.longest_hold_s, "s", at_least=False),
    ]
    return Report(dataclasses.asdict(result), lines, result.machine, goals)


def _row(listed: Listed) -> str:
    return (
        f"{listed.jobs:>8,} {listed.list_bytes / _MB:>8.1f} {listed.first_cpu_s:>12.3f} "
        f"{listed.cpu_s:>13.3f} {listed.wall_s:>7.2f} {1_000 * listed.longest_hold_s:>16.1f} "
        f"{listed.grown_bytes / _MB:>9.1f}"
    )
