"""A program for a pseudo-terminal: the real screen over a node of simulated workers.

`python -m tests.tui.busy_screen WORKERS REPORTS_A_SECOND SECONDS [EVENTS]`; WORKERS are a number, or `16@4`
for sixteen on four hosts. What it took goes, as JSON, to the file that $REPORT names. With EVENTS, so many
events follow in a row, and their memory is measured. A node whose screen is gone works as many seconds more
as $SECONDS_AFTERWARDS says, where that is given. It counts seconds by its reports: a busy machine makes
them longer, and no report is left out.
SIGTERM ends the work, as it ends a node.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emeth_tui.engine.events import EventLog, JobProgress, Subscription
from emeth_tui.engine.hosts.view import HostView
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.headless import detach_from_terminal
from emeth_tui.hosts.node.traffic import Traffic
from emeth_tui.model import JobId
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import EpochDone
from emeth_tui.process import signals
from emeth_tui.process.signals import on_signal
from emeth_tui.training.reports import Progress
from emeth_tui.tui.node_front import ScreenOptions
from emeth_tui.tui.run import run_screen
from emeth_tui.tui.terminal import needs_ascii
from tests.tui.screens.far_hosts import host
from tests.tui.stand_in import StandInNode, snapshot, training_job, training_worker

STEPS = 1_000  # of an epoch
REPORTS_AN_EVENT = 100  # of one worker
WARM_UP_EVENTS = 2_000
EVENTS_A_SECOND = 1_000


@dataclass
class ForgetfulTable:
    """Keeps no event beyond what the event log itself has at hand."""

    added: int = 0

    def add(self, _event: Event) -> None:
        self.added += 1

    def recent(self, _limit: int, *, but: str) -> Sequence[Event]:
        return []


class BusyNode(StandInNode):
    """Reports `rate` times a second of each of its workers; an event now and then."""

    def __init__(self, workers: int, rate: float, hosts: int = 0) -> None:
        self._ids = [JobId(f"0x{number:032x}") for number in range(workers)]
        jobs = tuple(replace(training_job(), job_id=job_id) for job_id in self._ids)
        views = tuple(
            training_worker(index=number, job_id=job_id, **_place(number, workers, hosts))
            for number, job_id in enumerate(self._ids)
        )
        there = tuple(
            host(f"host-{number}", [view.job_id for view in views if view.host == f"host-{number}"])
            for number in range(hosts)
        )
        super().__init__(snapshot(workers=views, jobs=jobs, hosts=there, at_unix_s=time.time()))
        self._began_s = time.monotonic()
        self._rate = rate
        self._step = 0
        self._log = EventLog(ForgetfulTable(), time.time)  # type: ignore[arg-type]
        self.reports = 0
        self.turns_left = 0
        self.growth_bytes: int | None = None

    def subscribe(self) -> Subscription:
        return self._log.subscribe()

    async def work(self, seconds: float, events: int) -> None:
        """Pretend to train; then publish many events, and measure the memory that they leave behind."""
        self.turns_left = round(seconds * self._rate)
        while self.turns_left > 0:
            self.turns_left -= 1
            self._report()
            await asyncio.sleep(1 / self._rate)
        if events:
            await self._tell(WARM_UP_EVENTS)
            before_bytes = resident_bytes()
            await self._tell(events)
            self.growth_bytes = resident_bytes() - before_bytes

    def _report(self) -> None:
        """Have every worker report a step."""
        self._step += 1
        message = _progress(self._step)
        for job_id in self._ids:
            self._log.progress(JobProgress(job_id, message))
            self.reports += 1
        if self._step % REPORTS_AN_EVENT == 0:
            self._publish(self._step)

    def snapshot(self) -> Snapshot:
        """Return the newest picture, made when it is asked for, as the engine makes it."""
        message = _progress(self._step)
        views = tuple(
            replace(
                view,
                step=message.step,
                train_loss=message.train_loss,
                tokens_per_s=message.tokens_per_s,
            )
            for view in self.picture.workers
        )
        hosts = tuple(map(self._aged, self.picture.hosts))
        self.picture = replace(self.picture, workers=views, hosts=hosts, at_unix_s=time.time())
        return super().snapshot()

    def _aged(self, host: HostView) -> HostView:
        """Let a host's figures go on as they do while its checkpoints come home."""
        age_s = time.monotonic() - self._began_s
        jobs = tuple(replace(job, checkpoint_age_s=age_s) for job in host.jobs)
        traffic = Traffic(61_000_000, int(age_s * 103e6), 0.0, 100e6 + 1e6 * (int(age_s) % 7))
        return replace(host, joined_s=age_s, jobs=jobs, traffic=traffic)

    async def _tell(self, events: int) -> None:
        burst = EVENTS_A_SECOND // 100
        for first in range(0, events, burst):
            for number in range(first, first + burst):
                self._publish(number)
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.0)  # until all is painted

    def _publish(self, number: int) -> None:
        self._log.publish(
            EpochDone(number, epochs=30, seconds=63.1, train_loss=2.5, valid_loss=2.63),
            job_id=self._ids[number % len(self._ids)],
        )
        self.picture = replace(self.picture, events=self._log.recent())


def _place(number: int, workers: int, hosts: int) -> dict[str, str]:
    """Return where a worker is: here, or on one of the hosts, which have as many each."""
    if not hosts:
        return {"device": f"cuda:{number}"}
    each = workers // hosts
    name = f"host-{number // each}"
    return {"device": f"{name} · cuda:{number % each}", "host": name}


def _progress(step: int) -> Progress:
    speed = 31_000.0 + step * 13 % 997
    return Progress(13, 30, step % STEPS, STEPS, 2.4 + step % 7 / 100, speed)


def resident_bytes() -> int:
    """This process's resident memory, garbage collected."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


async def show(workers: str, rate: float, seconds: float, events: int = 0) -> None:
    number, _at, hosts = workers.partition("@")
    node = BusyNode(int(number), rate, int(hosts or 0))
    engine = asyncio.create_task(node.work(seconds, events))
    on_signal(signal.SIGTERM, engine.cancel)
    options = ScreenOptions(themes_directory=Path(os.devnull), language="en", ascii_only=needs_ascii())
    ending = await run_screen(node, engine, options, detach_from_terminal=detach_from_terminal)
    if not engine.done() and "SECONDS_AFTERWARDS" in os.environ:
        node.turns_left = round(float(os.environ["SECONDS_AFTERWARDS"]) * rate)
    reports_before = node.reports
    cpu_before, began = time.process_time(), time.monotonic()
    await asyncio.wait({engine})
    cpu_after, after_s = time.process_time() - cpu_before, max(0.001, time.monotonic() - began)
    report = {
        "ending": ending.name,
        "cpu_percent_afterwards": round(100 * cpu_after / after_s, 2),
        "reports": node.reports,
        "reports_afterwards": node.reports - reports_before,
        "snapshots": node.snapshots_taken,
        "growth_bytes": node.growth_bytes,
    }
    Path(os.environ["REPORT"]).write_text(json.dumps(report), "utf-8")  # noqa: ASYNC240 - all is over


if __name__ == "__main__":
    signals.STUCK_AFTER_S = float(os.environ.get("STUCK_AFTER_S", signals.STUCK_AFTER_S))
    given_workers, given_rate, given_seconds, *given_events = sys.argv[1:]
    asyncio.run(show(given_workers, float(given_rate), float(given_seconds), *map(int, given_events)))
