"""A program for a pseudo-terminal: the real screen over a node of simulated workers.

`python -m tests.tui.busy_screen WORKERS EVENTS_A_SECOND SECONDS`; what it took goes, as JSON, to the file
that $REPORT names.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

from emeth_tui.engine.events import JobProgress
from emeth_tui.headless import let_the_terminal_go
from emeth_tui.model import JobId
from emeth_tui.tui.ports import ScreenOptions
from emeth_tui.tui.run import run_screen
from emeth_tui.workers.messages import Progress
from tests.tui.stand_in import StandInNode, snapshot, training_job, training_worker


class BusyNode(StandInNode):
    """Reports `rate` times a second of each of its workers; an event now and then."""

    def __init__(self, workers: int, rate: float) -> None:
        self._ids = [JobId(f"0x{number:032x}") for number in range(workers)]
        jobs = tuple(replace(training_job(), job_id=job_id) for job_id in self._ids)
        views = tuple(
            training_worker(index=number, device=f"cuda:{number}", job_id=job_id)
            for number, job_id in enumerate(self._ids)
        )
        super().__init__(snapshot(workers=views, jobs=jobs, at_unix_s=time.time()))
        self._rate = rate
        self.reports = 0

    async def work(self, seconds: float) -> None:
        """Train, as far as anyone can see."""
        began = time.monotonic()
        step = 0
        while (elapsed := time.monotonic() - began) < seconds:
            step += 1
            views = []
            for number, view in enumerate(self.picture.workers):
                message = Progress(
                    13,
                    30,
                    step % 1_000,
                    1_000,
                    2.4 + step % 7 / 100,
                    31_000.0 + step * 13 % 997,
                    2_640 - elapsed,
                )
                views.append(
                    replace(
                        view,
                        step=message.step,
                        train_loss=message.train_loss,
                        tokens_per_s=message.tokens_per_s,
                        seconds_left=message.seconds_left,
                    )
                )
                self.subscription.offer_progress(JobProgress(self._ids[number], message))
                self.reports += 1
            self.picture = replace(self.picture, workers=tuple(views), at_unix_s=time.time())
            await asyncio.sleep(1 / self._rate)


async def show(workers: int, rate: float, seconds: float) -> None:
    node = BusyNode(workers, rate)
    engine = asyncio.create_task(node.work(seconds))
    options = ScreenOptions(themes_directory=Path(os.devnull), language="en")
    cpu_before, began = time.process_time(), time.monotonic()
    ending = await run_screen(node, engine, options, let_the_terminal_go=let_the_terminal_go)
    cpu_screen, shown_s = time.process_time() - cpu_before, time.monotonic() - began
    cpu_before, began = time.process_time(), time.monotonic()
    await engine
    cpu_after, after_s = time.process_time() - cpu_before, max(0.001, time.monotonic() - began)
    report = {
        "ending": ending.name,
        "cpu_percent": round(100 * cpu_screen / shown_s, 2),
        "cpu_percent_afterwards": round(100 * cpu_after / after_s, 2),
        "seconds": round(shown_s, 2),
        "reports": node.reports,
        "snapshots": node.snapshots_taken,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    Path(os.environ["REPORT"]).write_text(json.dumps(report), "utf-8")  # noqa: ASYNC240 - all is over


if __name__ == "__main__":
    asyncio.run(show(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
