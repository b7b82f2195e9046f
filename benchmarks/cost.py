"""`cost`: what metrics and alerts add to a node with eight workers, in percent of a core.

One process makes real snapshots over a full cache and a long history, and publishes what eight workers do. In
turn it serves nothing, and serves metrics and alerts to another process, which scrapes it and receives its
webhook. What is measured is the CPU time of the first process, of all its threads.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import multiprocessing
import statistics
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from benchmarks.report import Goal, Report, json_option, narrate, show
from benchmarks.rounds import Machine, this_machine
from benchmarks.screen.snapshot import OPEN_JOBS, old_node
from emeth_tui.alerts.alerting import serve_alerts
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.engine.view.snapshot_maker import SnapshotMaker
from emeth_tui.metrics.server import serve_metrics
from emeth_tui.model import JobId, WorkerPhase
from emeth_tui.notices.events.job import EpochDone, Failed
from emeth_tui.notices.events.metrics import MetricsServed
from emeth_tui.settings import Settings
from emeth_tui.settings.alert_secrets import AlertSecrets, Webhook
from emeth_tui.store.database import Store
from emeth_tui.workers.views import WorkerView
from tests.alerts.receiver import SECRET, Receiver

SCRAPE_EVERY_S = 15.0  # Prometheus asks once a minute, most set-ups four times
EVENT_EVERY_S = 1.25  # eight workers with an epoch each in ten seconds
ALERT_EVERY = 12  # events: one in fifteen seconds
GOAL_PERCENT = 0.5


@dataclass(frozen=True, slots=True)
class CostResult:
    """Percent of a core in each round, without and with metrics and alerts."""

    seconds: float
    scrape_every_s: float
    machine: Machine
    without_percent: list[float]
    with_percent: list[float]
    scrapes: int
    messages: int

    @property
    def added_percent(self) -> float:
        return statistics.median(
            served - bare for served, bare in zip(self.with_percent, self.without_percent, strict=True)
        )


class _Node:
    """A node with eight workers on as many GPUs."""

    def __init__(self, maker: SnapshotMaker) -> None:
        self._maker = maker
        devices = [f"cuda:{index}" for index in range(OPEN_JOBS)]
        self._workers = tuple(
            WorkerView(index, device, phase=WorkerPhase.TRAINING, epoch=3, steps=900, tokens_per_s=9e4)
            for index, device in enumerate(devices)
        )
        self._gpus = tuple(GpuReading(device, 97, 8 * 10**9, 71, 251.0) for device in devices)

    def snapshot(self) -> Snapshot:
        return replace(self._maker.make(stopping=""), workers=self._workers, gpus=self._gpus)


def measure(seconds: float, rounds: int, scrape_every_s: float = SCRAPE_EVERY_S) -> CostResult:
    """Measure both in turn, so many times."""
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as place, _other_end(scrape_every_s) as other:
        return asyncio.run(_measure(Path(place), other, seconds, rounds, scrape_every_s))


async def _measure(
    place: Path, other: Connection, seconds: float, rounds: int, scrape_every_s: float
) -> CostResult:
    webhook_url, percents = other.recv(), {False: list[float](), True: list[float]()}
    with old_node(place) as (maker, events, store):
        node = _Node(maker)
        await _share(1.0, events)  # what is loaded late is loaded
        async with _served(node, events, store, webhook_url, other):
            await _share(scrape_every_s / 10, events)
        for _round in range(rounds):
            percents[False].append(await _share(seconds, events))
            async with _served(node, events, store, webhook_url, other):
                percents[True].append(await _share(seconds, events))
            narrate(f"{percents[False][-1]:.3f} % of a core without, {percents[True][-1]:.3f} % with")
    other.send("")
    scrapes, messages = await asyncio.to_thread(other.recv)
    return CostResult(
        seconds, scrape_every_s, this_machine(), percents[False], percents[True], scrapes, messages
    )


async def _share(seconds: float, events: EventLog) -> float:
    """Publish what workers do for a while; return the share of a core that the process took, in percent."""
    began, cpu = time.monotonic(), time.process_time()
    for number in itertools.count():
        at = began + number * EVENT_EVERY_S
        if at >= began + seconds:
            break
        await asyncio.sleep(at - time.monotonic())
        job_id = JobId(f"0x{number % OPEN_JOBS:032x}")
        is_alert = number % ALERT_EVERY == ALERT_EVERY // 2
        events.publish(Failed(number) if is_alert else EpochDone(3, 30, 10.0, 2.9, 3.0), job_id=job_id)
    await asyncio.sleep(began + seconds - time.monotonic())
    return 100.0 * (time.process_time() - cpu) / (time.monotonic() - began)


@asynccontextmanager
async def _served(
    node: _Node, events: EventLog, store: Store, webhook_url: str, other: Connection
) -> AsyncIterator[None]:
    settings = Settings.model_validate({"alerts": {"gather_s": 0}})
    secrets = AlertSecrets(Webhook(SecretStr(webhook_url), SecretStr(SECRET)))
    alerts = serve_alerts(
        secrets,
        lambda: settings,
        address="0xabc",
        network="devnet",
        events=events,
        store=store,
        now=time.time,
    )
    async with serve_metrics("127.0.0.1:0", node, events), alerts:
        bodies = [event.body for event in events.recent() if isinstance(event.body, MetricsServed)]
        other.send(bodies[-1].address)
        await asyncio.to_thread(other.recv)  # the first scrape, which loads what the others do not
        yield


@contextmanager
def _other_end(scrape_every_s: float) -> Any:
    """Start the process that scrapes and receives."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_scrape_and_receive, args=(theirs, scrape_every_s), daemon=True
    )
    process.start()
    try:
        yield ours
    finally:
        process.terminate()
        process.join()


def _scrape_and_receive(connection: Connection, scrape_every_s: float) -> None:
    """Scrape each address that is sent until the next comes; answer "" with what there was of both."""
    receiver, scrapes, address, is_new = Receiver(), 0, "", False
    connection.send(receiver.url)
    while True:
        if connection.poll(scrape_every_s if address else None):
            address = connection.recv()
            if not address:
                connection.send((scrapes, len(receiver.seen)))
                return
            is_new = True
        try:
            urllib.request.urlopen(address, timeout=10.0).read()  # noqa: S310 - of this benchmark's own node
            scrapes += 1
        except OSError:
            address = ""  # it serves no more
        if is_new:
            connection.send(scrapes)
            is_new = False


@click.command("cost", help="What metrics and alerts add to a node with eight workers.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=30.0, show_default=True, help="Of a turn.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--scrape-every", type=click.FloatRange(min=0.1), default=SCRAPE_EVERY_S, show_default=True)
@json_option
def command(as_json: bool, seconds: float, rounds: int, scrape_every: float) -> None:
    show(report(measure(seconds, rounds, scrape_every)), as_json)


def report(result: CostResult) -> Report:
    """Format a result for people and machines."""
    lines = [
        f"{OPEN_JOBS} workers, {result.scrapes} scrapes, {result.messages} messages; percent of a core:",
        f"without metrics and alerts {_numbers(result.without_percent)}",
        f"with both                  {_numbers(result.with_percent)}",
    ]
    goal = Goal(
        "cost: metrics and alerts, of a core", GOAL_PERCENT, result.added_percent, "%", at_least=False
    )
    return Report(dataclasses.asdict(result), lines, result.machine, [goal])


def _numbers(percents: Sequence[float]) -> str:
    return "  ".join(f"{percent:.3f}" for percent in percents)
