"""What the node records of a training: each epoch once, whatever was trained twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.engine.estimates.forecasts import Forecasts, Measurements
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.hosts.far_places import FarPlaces
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.steps import train
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.errors import TrainingError, WorkerError
from emeth_tui.model import JobState
from emeth_tui.notices.events import job as job_events
from emeth_tui.notices.reasons.worker import WorkerClosed
from emeth_tui.protocol.hash_chain import links_from_digest
from emeth_tui.settings import Settings
from emeth_tui.store.database import Store
from emeth_tui.training.reports import (
    BackToBest,
    Diverged,
    EpochDone,
    OutOfMemory,
    Prepared,
    Skipped,
    TrainRequest,
    Untrained,
    WentBack,
)
from emeth_tui.workers.job_files import LocalJobFiles
from emeth_tui.workers.supervisor import TrainedResult
from tests.factories import JOB_ID, make_job

DIGEST = "5e" * 32
EPOCHS = 6
KEY = "the network's key"


class ScriptedWorker:
    """Says these messages, then asks for the hash of so many epochs."""

    kind = "a device"
    host = ""

    def __init__(self, messages: list[object], epochs: int = EPOCHS) -> None:
        self._messages = messages
        self._epochs = epochs
        self.request: TrainRequest | None = None
        self.hash_hex = ""

    async def train(
        self,
        request: TrainRequest,
        *,
        hash_for: Callable[[str, int], str],
        on_message: Callable[[object], None],
    ) -> TrainedResult:
        self.request = request
        for message in self._messages:
            on_message(message)
        self.hash_hex = hash_for(DIGEST, self._epochs)
        return TrainedResult("checkpoint.pt", 1, self._epochs, 2.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


@pytest.fixture
def context(tmp_path: Path, store: Store) -> Any:
    """As much of a node as a training needs, with one job downloaded."""
    book = JobBook(store.jobs, lambda: 1_000.0)
    book.add(make_job(epochs=EPOCHS, state=JobState.PREPARING))
    files = LocalJobFiles(tmp_path / "jobs")
    files.directory(JOB_ID).mkdir()
    (files.directory(JOB_ID) / "dataset.txt").write_text("some text")
    (files.directory(JOB_ID) / "checkpoint.pt").write_bytes(b"x")  # as its worker leaves it
    return SimpleNamespace(
        settings=Settings(),
        network=SimpleNamespace(
            verification="chain", verification_key=SimpleNamespace(get_secret_value=lambda: KEY)
        ),
        book=book,
        disk=SimpleNamespace(files=files),
        far=FarPlaces(),
        store=store,
        events=EventLog(store.events, lambda: 1_000.0),
        forecasts=Forecasts(Measurements(store.measurements, lambda: 1_000.0), WorkerLeases([]), "storage"),
    )


def prepared(resumed_epoch: int) -> Prepared:
    return Prepared(DIGEST, tokens=100, steps_per_epoch=5, resumed_epoch=resumed_epoch, resumed_step=0)


def done(epoch: int, train_loss: float = 3.0) -> EpochDone:
    return EpochDone(epoch, train_loss, valid_loss=3.1, seconds=0.5)


async def test_epochs_trained_again_count_once_and_make_the_right_hash(context: Any, store: Store) -> None:
    # Killed after the fifth epoch, whose checkpoint was not written yet; diverged in the sixth.
    worker = ScriptedWorker(
        [
            prepared(0),
            *(done(epoch) for epoch in (1, 2, 3, 4, 5)),
            prepared(3),
            *(done(epoch) for epoch in (4, 5)),
            Diverged(6, "the training loss is 20.00"),
            WentBack(4, 2),
            done(5, train_loss=2.5),
            done(6),
        ]
    )

    await train.train(context, JOB_ID, worker)  # type: ignore[arg-type]

    links = links_from_digest(DIGEST, KEY, EPOCHS)
    job = context.book.get(JOB_ID)
    assert worker.hash_hex == links[-1]
    assert (job.state, job.epochs_done) == (JobState.UPLOADING, EPOCHS)
    epochs = store.jobs.epochs(JOB_ID)
    assert [(each.epoch, each.link) for each in epochs] == list(enumerate(links, start=1))
    assert epochs[4].train_loss == 2.5


@pytest.mark.parametrize(
    "messages",
    [
        [prepared(0), *map(done, range(1, EPOCHS))],
        [prepared(0), *map(done, range(1, EPOCHS + 1)), WentBack(4, 0)],
        [prepared(0), *map(done, range(1, EPOCHS + 1)), prepared(5)],
    ],
    ids=["an epoch missing", "gone back", "resumed"],
)
async def test_no_result_is_made_of_epochs_that_were_not_trained(
    context: Any, messages: list[object]
) -> None:
    with pytest.raises(TrainingError, match=r"its worker reports 6 epochs and [45] were seen"):
        await train.train(context, JOB_ID, ScriptedWorker(messages))  # type: ignore[arg-type]


async def test_trouble_in_training_is_reported_as_warnings(context: Any, store: Store) -> None:
    trouble = [Skipped(2, 3), OutOfMemory(2, 4), Diverged(2, "the training loss is 20.00"), WentBack(0, 0)]
    worker = ScriptedWorker([prepared(0), done(1), *trouble, *map(done, range(1, EPOCHS + 1))])

    await train.train(context, JOB_ID, worker)  # type: ignore[arg-type]

    warnings = {
        event.kind: event.body for event in store.events.recent(100) if event.severity.value == "warning"
    }
    assert set(warnings) == {"steps_skipped", "out_of_memory", "diverged"}
    assert warnings["out_of_memory"] == job_events.OutOfMemory(4)


async def test_a_worker_is_asked_for_what_the_settings_say(context: Any) -> None:
    context.settings = Settings.model_validate(
        {
            "training": {"learning_rate": 1e-3, "release_on_pause": True, "checkpoint_gb_a_day": 5},
            "network": "devnet",
        }
    )
    worker = ScriptedWorker([prepared(0), *map(done, range(1, EPOCHS + 1))])

    await train.train(context, JOB_ID, worker)  # type: ignore[arg-type]

    assert worker.request is not None
    assert (worker.request.learning_rate, worker.request.release_on_pause) == (1e-3, True)
    assert worker.request.checkpoint_bytes_a_day == 5e9
    assert worker.request.directory == JOB_ID


@pytest.mark.parametrize(("host", "wanted"), [("", True), ("b", False)])
async def test_only_checkpoints_of_hosts_may_come_without_moments(
    context: Any, host: str, wanted: bool
) -> None:
    context.settings = Settings.model_validate({"training": {"moments_on_hosts": False}, "network": "devnet"})
    worker = ScriptedWorker([prepared(0), *map(done, range(1, EPOCHS + 1))])
    worker.host = host

    await train.train(context, JOB_ID, worker)  # type: ignore[arg-type]

    assert worker.request is not None
    assert worker.request.checkpoint_moments is wanted


async def test_the_batch_of_the_claim_holds_whatever_the_settings_say_now(context: Any) -> None:
    context.settings = Settings.model_validate({"training": {"batch_size": 24}, "network": "devnet"})
    context.book.update(JOB_ID, batch_size=5)
    worker = ScriptedWorker([prepared(0), *map(done, range(1, EPOCHS + 1))])

    await train.train(context, JOB_ID, worker)  # type: ignore[arg-type]

    assert worker.request is not None
    assert worker.request.batch_size == 5


async def test_the_losses_before_the_training_and_at_best_are_kept(context: Any, store: Store) -> None:
    epochs = (EpochDone(epoch, 3.0, 3.1, 0.5, best_loss=2.9) for epoch in range(1, EPOCHS + 1))
    worker = ScriptedWorker([prepared(0), Untrained(3.5), *epochs, BackToBest(EPOCHS, 2, 2.9)])

    await train.train(context, JOB_ID, worker)  # type: ignore[arg-type]

    job = context.book.get(JOB_ID)
    assert (job.start_loss, job.best_loss) == (3.5, 2.9)
    assert job_events.BackToBest(EPOCHS, 2, 2.9) in [event.body for event in store.events.recent(100)]


async def test_a_result_that_is_lost_on_its_way_home_is_made_again(context: Any) -> None:
    (context.disk.files.directory(JOB_ID) / "checkpoint.pt").unlink()
    epochs = (EpochDone(epoch, 3.0, 3.1, 0.5) for epoch in range(1, EPOCHS + 1))

    await train.train(context, JOB_ID, ScriptedWorker([prepared(0), *epochs]))  # type: ignore[arg-type]

    assert context.book.get(JOB_ID).state is JobState.TRAINING


async def test_a_job_whose_files_are_removed_under_its_worker_is_downloaded_again(context: Any) -> None:
    class BereftWorker(ScriptedWorker):
        async def train(self, request: TrainRequest, **_: Any) -> TrainedResult:
            shutil.rmtree(context.disk.files.directory(JOB_ID))
            raise WorkerError(WorkerClosed(0, "cpu"))

    await train.train(context, JOB_ID, BereftWorker([]))  # type: ignore[arg-type]

    assert context.book.get(JOB_ID).state is JobState.DOWNLOADING


async def test_a_worker_that_fails_beside_whole_files_is_told(context: Any) -> None:
    class FailingWorker(ScriptedWorker):
        async def train(self, request: TrainRequest, **_: Any) -> TrainedResult:
            raise WorkerError(WorkerClosed(0, "cpu"))

    with pytest.raises(WorkerError):
        await train.train(context, JOB_ID, FailingWorker([]))  # type: ignore[arg-type]

    assert context.book.get(JOB_ID).state is JobState.PREPARING
