"""A worker process that trains nothing: the real process and its link, with torch left out.

It reads the dataset, makes the digest, keeps checkpoints and writes a result that holds the hash, all on the
disk and at the moments at which training does. Every epoch is noted in a ledger beside the node's directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emeth_tui.errors import DatasetError
from emeth_tui.files import disk_full_translated, write_atomically
from emeth_tui.notices.reasons.training.data import DatasetNotUtf8
from emeth_tui.protocol.hash_chain import RESULT_NAME, dataset_digest
from emeth_tui.training import reports
from emeth_tui.training.job_control import Control, StopRequested
from emeth_tui.workers import process
from emeth_tui.workers.link import WorkerConfig
from tests.faults.stage.settings import Training, ledger_of

CHECKPOINTS_KEPT = 2
STEP_S = 0.02
EPOCH_TOKENS = 1_000


def main(link: socket.socket, config: WorkerConfig) -> None:
    """Run the worker; the target of the spawned process."""
    run_worker(link, config, QuickJob, lambda name: QuickDevice())


@dataclass(frozen=True)
class QuickDevice:
    """A device as a worker knows it."""

    name: str = "quick"
    gpu_uuid: str = ""

    def free_cache(self) -> None:
        pass


def run_worker(
    link: socket.socket,
    config: WorkerConfig,
    job: type[QuickJob],
    open_device: Callable[[str], QuickDevice],
) -> None:
    """Run a worker that trains each job as `job` does."""

    def run(
        request: reports.TrainRequest,
        jobs_dir: Path,
        device: Any,
        report: reports.Report,
        control: Control,
        **_: Any,
    ) -> None:
        with contextlib.suppress(StopRequested):
            job(request, jobs_dir, report, control).run()

    _put_in("devices", open_device=open_device, preload=lambda _: None, set_threads=lambda threads: None)
    _put_in("job", run=run, make_model_ready=_make_model_ready)
    process.main(link, config)


def checkpoint_name(epoch: int) -> str:
    """Name an epoch's checkpoint as training does, without torch."""
    return f"epoch-{epoch:06d}-block-{0:09d}.pt"


def _put_in(name: str, **members: Any) -> None:
    module = types.ModuleType(f"emeth_tui.training.{name}")
    vars(module).update(members)
    sys.modules[module.__name__] = module
    setattr(sys.modules["emeth_tui.training"], name, module)


def _make_model_ready(request: reports.ModelRequest, report: reports.Report, control: Control) -> None:
    report(reports.ModelReady(request.model))


class QuickJob:
    """Trains a job as `emeth_tui.training.job.run` does, but for the training."""

    _trained = 0  # epochs, in this process

    def __init__(
        self, request: reports.TrainRequest, jobs_dir: Path, report: reports.Report, control: Control
    ) -> None:
        self._request = request
        self._jobs_dir = jobs_dir
        self._directory = jobs_dir / request.directory
        self._report = report
        self._control = control
        self._training = Training.read(jobs_dir)
        self._done = 0

    def run(self) -> None:
        digest = self._digest()
        self._done = self._kept_epochs()
        self._note("resumed", self._done)
        self._report(
            reports.Prepared(digest, EPOCH_TOKENS, 1, self._done, 0, valid_tokens=100, tokenised_s=0.01)
        )
        try:
            while self._done < self._request.epochs:
                self._end_epoch(self._epoch())
        except StopRequested:
            self._save()
            self._report(reports.Stopped(self._done, 0))
            raise
        self._report(reports.Trained(self._request.epochs, 2.5))
        self._write_result(self._control.wait_for_hash())

    def _digest(self) -> str:
        self._report(reports.Preparing(0.5, reports.Stage.TOKENISING))
        content = (self._directory / self._request.dataset).read_bytes()
        try:
            return dataset_digest(content.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise DatasetError(DatasetNotUtf8(error.start, len(content))) from error

    def _kept_epochs(self) -> int:
        paths = self._checkpoints()
        return int(json.loads(paths[-1].read_text().partition("\n")[0])["epoch"]) if paths else 0

    def _checkpoints(self) -> list[Path]:
        return sorted((self._directory / "checkpoints").glob("epoch-*-block-*.pt"))

    def _epoch(self) -> reports.Work:
        """Let an epoch's time go by; return the work that is reported."""
        ends_s = time.monotonic() + self._training.epoch_s
        while time.monotonic() < ends_s:
            self._control.wait_while_paused()
            time.sleep(STEP_S)
        self._trained += 1
        return reports.Work(
            trained_tokens=self._trained * EPOCH_TOKENS, trained_s=self._trained * self._training.epoch_s
        )

    def _end_epoch(self, work: reports.Work) -> None:
        self._done += 1
        self._note("epoch", self._done)
        self._report(reports.EpochDone(self._done, 3.0, 3.0 - self._done / 100, self._training.epoch_s, work))
        if self._done % self._training.checkpoint_every == 0:
            self._save()

    def _save(self) -> None:
        self._report(reports.Saving(self._done, 0))
        content = json.dumps({"epoch": self._done}) + "\n" + "x" * self._training.checkpoint_bytes
        path = self._directory / "checkpoints" / checkpoint_name(self._done)
        path.parent.mkdir(exist_ok=True)
        with disk_full_translated(path):
            write_atomically(path, content.encode())
        os.utime(path, (time.time(), time.time()))  # as the machine's clock has it, which a run may set
        for old in self._checkpoints()[:-CHECKPOINTS_KEPT]:
            old.unlink()
        self._report(reports.CheckpointKept(self._done, 0, len(content)))

    def _write_result(self, hash_hex: str) -> None:
        head = json.dumps({"epochs": self._request.epochs, "hash": hash_hex}) + "\n"
        path = self._directory / RESULT_NAME
        with disk_full_translated(path):
            write_atomically(path, head.encode() + bytes(self._training.result_bytes))
        self._report(reports.ResultWritten(path.name, path.stat().st_size))

    def _note(self, kind: str, epoch: int) -> None:
        line = {
            "kind": kind,
            "job": self._request.job_id,
            "epoch": epoch,
            "epochs": self._request.epochs,
            "pid": os.getpid(),
            "at": time.time(),
            "at_s": time.monotonic(),  # the same clock in every process
        }
        with ledger_of(self._jobs_dir).open("a") as ledger:
            ledger.write(json.dumps(line) + "\n")
