"""SIGKILL at any moment costs time alone: the same weights, the right number of epochs, the right hash.

The processes are forked from one that has loaded torch already; each lives until it is killed, at a moment
drawn from a seed, and the last one finishes the job.
"""

from __future__ import annotations

import math
import multiprocessing
import random
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.protocol import hash_chain
from emeth_tui.training import job
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.checkpoint import CheckpointStore, load_result
from emeth_tui.training.job_control import Control
from emeth_tui.training.reports import EpochDone, Prepared, Progress, ResultWritten, Trained, TrainRequest
from emeth_tui.training.run import metrics
from emeth_tui.training.run.evaluation import Evaluator
from tests.training.jobs import (
    JOBS_DIR,
    Run,
    assert_same_weights,
    dataset_of,
    directory_of,
    make_request,
    result_weights,
)
from tests.training.texts import english

pytestmark = pytest.mark.slow

KILLS = 20
EPOCHS = 20
INTERVAL_S = 0.05
KEY = "a key of the network"
TEXT = english(6144)


def serve(request: TrainRequest, connection: Connection) -> None:
    """Run a job in a process of its own: its events go into the pipe, with the time, and its writes too."""
    metrics.REPORT_EVERY_S = 0.0  # every step is reported
    control, lock = Control(), threading.Lock()
    save = CheckpointStore.save

    def tell(what: object) -> None:
        with lock:
            connection.send((time.monotonic(), what))

    def told_save(self: CheckpointStore, epoch: int, blocks_done: int, state: Mapping[str, Any]) -> Path:
        tell("writing")
        path = save(self, epoch, blocks_done, state)
        tell("written")
        return path

    def receive_hash() -> None:
        control.write_result(connection.recv())

    CheckpointStore.save = told_save  # type: ignore[method-assign]
    threading.Thread(target=receive_hash, daemon=True).start()
    job.run(request, JOBS_DIR, open_device("cpu"), tell, control)


class Parent:
    """Acts like the node: counts epochs as they are reported, makes their links, kills when it must."""

    def __init__(self, request: TrainRequest) -> None:
        self.epochs_done = 0
        self.lives = 0
        self.lost_s: list[float] = []
        self.longest_write_s = self.longest_step_s = 0.0
        self._request = request
        self._told_at: dict[tuple[int, int], float] = {}
        self._last_step_at = 0.0
        self._digest = ""
        self._context = multiprocessing.get_context("forkserver")

    def live(self, seconds: float) -> bool:
        """Let one process train for so long; says whether it finished the job.

        Less than nothing means a kill so long after the birth, which may come before the training begins.
        """
        connection, theirs = self._context.Pipe()
        process: ForkServerProcess = self._context.Process(target=serve, args=(self._request, theirs))
        process.start()
        theirs.close()
        self.lives += 1
        try:
            finished = self._follow(connection, seconds)
            if seconds == math.inf:
                process.join(60.0)  # it may still be writing its last checkpoint
            return finished
        finally:
            process.kill()
            process.join()
            connection.close()

    def _follow(self, connection: Connection, seconds: float) -> bool:
        end = math.inf if seconds >= 0 else time.monotonic() - seconds
        writing_since, before = math.inf, 0.0
        while connection.poll(max(0.0, min(60.0, end - time.monotonic()))):  # until `end`, or silence
            told_at, what = connection.recv()
            if isinstance(what, Prepared):
                end = min(end, told_at + seconds)
                self._resume(what, told_at)
                before = told_at
            elif isinstance(what, Progress):
                self._told_at[what.epoch - 1, what.step] = self._last_step_at = told_at
                self.longest_step_s = max(self.longest_step_s, told_at - before)
                before = told_at
            elif what == "writing":
                writing_since = told_at
            elif what == "written":
                self.longest_write_s = max(self.longest_write_s, told_at - writing_since)
                writing_since = math.inf
            elif isinstance(what, EpochDone):
                self.epochs_done = what.epoch
                self._told_at[what.epoch, 0] = told_at
            elif isinstance(what, Trained):
                assert what.epochs == self.epochs_done
                connection.send(hash_chain.links_from_digest(self._digest, KEY, what.epochs)[-1])
            elif isinstance(what, ResultWritten):
                return True
        # A write that the kill cuts short has taken this long at least.
        self.longest_write_s = max(self.longest_write_s, time.monotonic() - writing_since)
        return False

    def _resume(self, prepared: Prepared, now: float) -> None:
        place = prepared.resumed_epoch, prepared.resumed_step
        if self._last_step_at and place in self._told_at:
            self.lost_s.append(max(0.0, self._last_step_at - self._told_at[place]))
        self.epochs_done = prepared.resumed_epoch
        self._digest = prepared.dataset_digest
        self._told_at = {place: now}
        self._last_step_at = 0.0


@pytest.fixture(scope="module", autouse=True)
def torch_loaded_once() -> None:
    """Have the process from which all others are forked load what takes long."""
    multiprocessing.set_forkserver_preload(["emeth_tui.training.job", "tokenizers", __name__])


def test_twenty_kills_change_nothing_but_the_time(tmp_path: Path) -> None:
    whole = make_request(tmp_path / "whole", TEXT, epochs=EPOCHS)
    run = Run()
    run.go(whole)
    training_s = sum(event.seconds for event in run.of_type(EpochDone))
    chance = random.Random(20)
    request = make_request(
        tmp_path / "killed",
        TEXT,
        epochs=EPOCHS,
        checkpoint_every_s=INTERVAL_S,
        checkpoint_share=math.inf,
    )
    parent = Parent(request)
    longest_life_s = 2 * (training_s / KILLS + INTERVAL_S)

    while parent.lives < KILLS:
        if parent.live(chance.uniform(-longest_life_s / 4, longest_life_s)):
            (directory_of(request) / "checkpoint.pt").unlink()  # killed before anyone heard of the result
    assert parent.live(math.inf)

    evaluator = Evaluator(request.model, "en", dataset_of(request))
    result = load_result(directory_of(request) / "checkpoint.pt", evaluator.tensor_shapes)
    assert (result.epochs, parent.epochs_done) == (EPOCHS, EPOCHS)
    assert result.hash_hex == hash_chain.links(TEXT, KEY, EPOCHS)[-1]
    assert_same_weights(result_weights(request), result_weights(whole))
    assert len(list((tmp_path / "killed/checkpoints").iterdir())) <= 2
    # What is lost is what came after the last checkpoint that was written: at most an interval and the
    # writing of the next one, which a step and the copy may precede.
    allowed_s = INTERVAL_S + 2 * parent.longest_write_s + 2 * parent.longest_step_s
    assert len(parent.lost_s) >= KILLS // 4  # the others came before anything was lost, or after the end
    assert max(parent.lost_s) <= allowed_s
