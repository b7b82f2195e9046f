"""A worker whose epochs take their time by the moved clock, on a GPU that NVML's stand-in knows."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from emeth_tui.training import reports
from emeth_tui.workers.link import WorkerConfig
from tests.day.cards import UUIDS
from tests.faults.stage.quick_training import EPOCH_TOKENS, STEP_S, QuickDevice, QuickJob, run_worker
from tests.faults.stage.settings import Layout, follow_clock, ledger_of


def main(link: socket.socket, config: WorkerConfig) -> None:
    """Run the worker; the target of the spawned process."""
    follow_clock(Layout(ledger_of(Path(config.jobs_dir)).parent).clock)
    run_worker(link, config, SteadyJob, lambda name: QuickDevice(name, UUIDS[name]))


class SteadyJob(QuickJob):
    """Trains for as long as its device works, and notes when it rests."""

    _worked_s = 0.0

    def _epoch(self) -> reports.Work:
        at = time.time()
        while self._worked_s < self._training.epoch_s:
            time.sleep(STEP_S)
            self._worked_s, at = self._worked_s + time.time() - at, time.time()
            if self._control.attention:
                at = self._rest()
        self._worked_s -= self._training.epoch_s
        self._trained += 1
        return reports.Work(
            trained_tokens=self._trained * EPOCH_TOKENS, trained_s=self._trained * self._training.epoch_s
        )

    def _rest(self) -> float:
        """Rest while the job is paused; return when it goes on."""
        self._control.check()
        self._report(reports.Paused(self._done, 0))
        self._save()
        self._note("rests", self._done)
        self._control.wait_while_paused()
        self._note("goes on", self._done)
        self._report(reports.Resumed(self._done, 0))
        return time.time()
