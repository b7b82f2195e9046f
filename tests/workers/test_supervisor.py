"""The supervisor with a real worker process: jobs through kills, silence, pauses and cancellation."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from emeth_tui.backoff import Backoff
from emeth_tui.engine.estimates.durations import Task
from emeth_tui.engine.estimates.meters import TrainingMeter
from emeth_tui.errors import DatasetError, TrainingError, WorkerError
from emeth_tui.model import Language, WorkerPhase
from emeth_tui.notices.reasons.worker import LeftBetweenJobs, ProcessKilled, ProcessSilent
from emeth_tui.store.measurements import Measurement, Quantity
from emeth_tui.training.reports import (
    CheckpointKept,
    EpochDone,
    Paused,
    Prepared,
    Preparing,
    Progress,
    Resumed,
    Trained,
)
from emeth_tui.workers.supervisor import DeviceStarted, Limits, PoolEvent, Worker, WorkerPool, WorkerSilent
from emeth_tui.workers.views import WorkerView
from tests.workers.conftest import Views
from tests.workers.jobs import HASH, QUICK, Listener, hash_for, in_directories, make_request, once

pytestmark = pytest.mark.asyncio(loop_scope="module")


def epoch_done(epoch: int) -> Any:
    return lambda message: isinstance(message, EpochDone) and message.epoch == epoch


def pid_of(worker: Worker) -> int:
    assert worker.view.pid is not None
    return worker.view.pid


def size_of(path: Path) -> int:
    return path.stat().st_size


def text_of(path: str) -> str:
    return Path(path).read_text()


def mode_of(path: str) -> int:
    return Path(path).stat().st_mode


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


async def test_a_job_is_trained_to_its_result(tmp_path: Path, worker: Worker, views: Views) -> None:
    request = make_request(tmp_path)
    listener = Listener()
    asked: list[tuple[str, int]] = []

    def hash_chain(dataset_digest: str, epochs: int) -> str:
        asked.append((dataset_digest, epochs))
        return hashlib.sha256(dataset_digest.encode()).hexdigest()

    result = await worker.train(request, hash_for=hash_chain, on_message=listener)

    prepared, trained = listener.of_type(Prepared)[0], listener.of_type(Trained)[0]
    assert asked == [(prepared.dataset_digest, 4)]
    content = load(tmp_path / result.name)
    assert content["hash"] == hashlib.sha256(prepared.dataset_digest.encode()).hexdigest()
    assert content["epoch"].tolist() == [4.0]
    assert (result.epochs, result.valid_loss) == (4, trained.valid_loss)
    assert result.size_bytes == size_of(tmp_path / result.name)
    phases = list(dict.fromkeys(view.phase for view in views.seen))
    assert [phase for phase in phases if phase is not WorkerPhase.SAVING] == [
        WorkerPhase.IDLE,  # the job is shown before the worker begins
        WorkerPhase.PREPARING,
        WorkerPhase.TRAINING,
        WorkerPhase.WRITING_RESULT,
    ]
    assert {view.job_id for view in views.seen[:-1]} == {request.job_id}
    assert (worker.busy, worker.view.phase, worker.view.job_id) == (False, WorkerPhase.IDLE, None)


async def test_a_job_on_a_real_worker_leaves_all_its_measurements(tmp_path: Path, worker: Worker) -> None:
    request = make_request(tmp_path)
    size_bytes = size_of(tmp_path / "dataset.txt")
    meter = TrainingMeter(Task(size_bytes, request.epochs, Language.EN, request.model, 2), worker.kind)
    kept: list[Measurement] = []

    await worker.train(
        request, hash_for=hash_for, on_message=lambda message: kept.extend(meter.take(message))
    )

    assert worker.kind.startswith(worker.view.device_name)
    assert worker.kind.endswith(" threads")
    others = {Quantity.DOWNLOAD, Quantity.UPLOAD, Quantity.AVERAGING, Quantity.SENDING, Quantity.FETCHING}
    assert {one.gauge.quantity for one in kept} == set(Quantity) - others
    assert {one.gauge.place for one in kept} == {worker.kind, ""}
    assert meter.remaining().epochs == 0.0


async def test_a_killed_worker_is_replaced_and_goes_on_from_its_checkpoint(
    tmp_path: Path, worker: Worker, views: Views
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = await worker.train(make_request(whole), hash_for=hash_for, on_message=Listener())
    first_pid = pid_of(worker)
    listener = Listener(once(epoch_done(2), lambda: os.kill(pid_of(worker), signal.SIGKILL)))

    result = await worker.train(make_request(killed), hash_for=hash_for, on_message=listener)

    _first, resumed = listener.of_type(Prepared)
    before = listener.heard[: listener.heard.index(resumed)]
    # It trains on until the signal reaches it: what it told meanwhile is heard.
    assert resumed.resumed_epoch <= max(each.epoch for each in before if isinstance(each, EpochDone))
    assert views.restarts == 1
    assert pid_of(worker) != first_pid
    assert any(
        isinstance(view.detail, ProcessKilled) and view.detail.signal == "SIGKILL" for view in views.seen
    )
    weights, expected_weights = (
        load(killed / result.name)["model_state_dict"],
        load(whole / expected.name)["model_state_dict"],
    )
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected_weights.items())


@pytest.mark.slow
async def test_deaths_do_not_add_up_while_the_job_gets_further(
    tmp_path: Path, worker: Worker, views: Views
) -> None:
    checkpoints = tmp_path / "checkpoints"
    killed_after: list[Path] = []

    def kill(message: object) -> None:
        if not isinstance(message, EpochDone) or len(killed_after) == QUICK.deaths + 2:
            return
        newest = max(checkpoints.glob("*.pt"), default=None)
        if newest and newest not in killed_after:
            killed_after.append(newest)
            os.kill(pid_of(worker), signal.SIGKILL)

    await worker.train(make_request(tmp_path, epochs=60), hash_for=hash_for, on_message=Listener(kill))

    assert views.restarts == QUICK.deaths + 2


async def test_a_worker_that_never_gets_further_is_given_up(tmp_path: Path, worker: Worker) -> None:
    pids: list[int] = []

    def kill(message: object) -> None:
        if isinstance(message, Preparing) and pid_of(worker) not in pids:
            pids.append(pid_of(worker))
            os.kill(pids[-1], signal.SIGKILL)

    with pytest.raises(
        WorkerError, match=r"died 2 times without getting further.*its log is .*worker-0\.log"
    ):
        await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener(kill))

    assert len(pids) > QUICK.deaths  # one that had prepared the job before the signal reached it got further
    assert (worker.busy, worker.view.phase) == (False, WorkerPhase.DOWN)


async def test_an_idle_worker_says_nothing_of_its_last_job(
    tmp_path: Path, worker: Worker, views: Views
) -> None:
    await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener())

    assert any(view.train_loss and view.epoch == view.epochs for view in views.seen)
    view = worker.view
    kept = {"pid": view.pid, "device_name": view.device_name, "detail": view.detail}
    assert view == WorkerView(worker.index, "cpu", phase=WorkerPhase.IDLE, **kept)  # type: ignore[arg-type]


async def test_a_worker_that_died_idle_is_replaced_for_the_next_job(
    tmp_path: Path, worker: Worker, views: Views
) -> None:
    await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener())
    os.kill(pid_of(worker), signal.SIGKILL)
    await views.reach(WorkerPhase.DOWN)
    other = tmp_path / "other"
    other.mkdir()

    result = await worker.train(make_request(other, epochs=1), hash_for=hash_for, on_message=Listener())

    assert size_of(other / result.name) > 0
    assert worker.view.phase is WorkerPhase.IDLE


async def test_a_paused_job_waits_to_be_resumed(tmp_path: Path, worker: Worker) -> None:
    paused = asyncio.Event()

    def look(message: object) -> None:
        if isinstance(message, EpochDone) and message.epoch == 1:
            worker.pause()
            worker.pause()  # once is enough
        if isinstance(message, Paused):
            paused.set()

    listener = Listener(look)
    training = asyncio.create_task(
        worker.train(make_request(tmp_path, epochs=30), hash_for=hash_for, on_message=listener)
    )
    await paused.wait()
    (position,) = listener.of_type(Paused)
    assert worker.view.phase is WorkerPhase.PAUSED

    worker.resume()
    await training

    after = listener.heard[listener.heard.index(position) + 1 :]
    assert next(each for each in after if not isinstance(each, CheckpointKept)) == Resumed(
        position.epoch, position.step
    )
    assert len(listener.of_type(EpochDone)) == 30


async def test_a_paused_job_stays_paused_when_its_worker_dies(tmp_path: Path, worker: Worker) -> None:
    pauses = asyncio.Queue[Paused]()
    looks = once(epoch_done(1), worker.pause)

    def look(message: object) -> None:
        looks(message)
        if isinstance(message, Paused):
            pauses.put_nowait(message)

    training = asyncio.create_task(
        worker.train(make_request(tmp_path, epochs=30), hash_for=hash_for, on_message=Listener(look))
    )
    before = await pauses.get()

    os.kill(pid_of(worker), signal.SIGKILL)
    after = await pauses.get()
    worker.resume()
    await training

    assert (before.epoch, before.step) >= (after.epoch, after.step)


async def test_a_cancelled_job_has_its_checkpoint_before_the_cancellation_goes_on(
    tmp_path: Path, worker: Worker, views: Views
) -> None:
    request = make_request(tmp_path, epochs=500)
    reached = asyncio.Event()
    pid = worker.view.pid
    training = asyncio.create_task(
        worker.train(request, hash_for=hash_for, on_message=Listener(once(epoch_done(2), reached.set)))
    )
    await reached.wait()

    training.cancel()
    with pytest.raises(asyncio.CancelledError):
        await training

    newest = max((tmp_path / "checkpoints").iterdir())
    state = torch.load(newest, weights_only=True)
    assert views.seen[-2].phase is WorkerPhase.STOPPING
    assert (worker.busy, worker.view.phase, worker.view.pid) == (False, WorkerPhase.IDLE, pid)
    resumed = asyncio.Event()
    listener = Listener(once(lambda message: isinstance(message, EpochDone), resumed.set))
    again = asyncio.create_task(worker.train(request, hash_for=hash_for, on_message=listener))
    await resumed.wait()
    again.cancel()
    with pytest.raises(asyncio.CancelledError):
        await again
    prepared = listener.of_type(Prepared)[0]
    assert (prepared.resumed_epoch, prepared.resumed_step) == (state["epoch"], -(-state["blocks_done"] // 2))


async def test_a_cancelled_pause_ends_too(tmp_path: Path, worker: Worker) -> None:
    paused = asyncio.Event()
    pause = once(epoch_done(1), worker.pause)

    def look(message: object) -> None:
        pause(message)
        if isinstance(message, Paused):
            paused.set()

    training = asyncio.create_task(
        worker.train(make_request(tmp_path, epochs=500), hash_for=hash_for, on_message=Listener(look))
    )
    await paused.wait()

    training.cancel()
    with pytest.raises(asyncio.CancelledError):
        await training

    assert worker.view.phase is WorkerPhase.IDLE


async def test_an_error_in_a_listener_stops_the_job_and_comes_out(tmp_path: Path, worker: Worker) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await worker.train(
            make_request(tmp_path, epochs=500),
            hash_for=hash_for,
            on_message=Listener(once(epoch_done(1), fail)),
        )

    assert worker.view.phase is WorkerPhase.IDLE


async def test_a_worker_takes_one_job_at_a_time(tmp_path: Path, worker: Worker) -> None:
    errors: list[str] = []

    async def train_too() -> None:
        try:
            await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener())
        except WorkerError as error:
            errors.append(str(error))

    others: list[asyncio.Task[None]] = []
    look = once(lambda message: True, lambda: others.append(asyncio.create_task(train_too())))

    await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener(look))
    await others[0]

    assert len(errors) == 1
    assert "is busy with job 0x6f" in errors[0]


async def test_a_bad_dataset_is_the_jobs_fault(tmp_path: Path, worker: Worker) -> None:
    (tmp_path / "dataset.txt").write_bytes(b"\xff" * 5000)
    request = make_request(tmp_path)
    pid = worker.view.pid

    with pytest.raises(DatasetError, match="the dataset is not UTF-8"):
        await worker.train(request, hash_for=hash_for, on_message=Listener())

    assert (worker.view.phase, worker.view.pid) == (WorkerPhase.IDLE, pid)


async def test_a_hopeless_training_is_the_jobs_fault(tmp_path: Path, worker: Worker) -> None:
    request = make_request(tmp_path, learning_rate=1e6)

    with pytest.raises(TrainingError, match="training diverged in epoch"):
        await worker.train(request, hash_for=hash_for, on_message=Listener())


async def test_an_unexpected_error_is_tried_again_in_a_fresh_process(
    tmp_path: Path, worker: Worker, views: Views
) -> None:
    request = make_request(tmp_path)
    (tmp_path / "checkpoints").write_text("a file where the directory should be")

    with pytest.raises(WorkerError, match=r"died 2 times.*(FileExistsError|NotADirectoryError)"):
        await worker.train(request, hash_for=hash_for, on_message=Listener())

    assert views.restarts == QUICK.deaths


async def test_the_terminals_signals_do_not_reach_a_worker(
    tmp_path: Path, worker: Worker, views: Views
) -> None:
    await worker.train(make_request(tmp_path, epochs=1), hash_for=hash_for, on_message=Listener())
    pid = pid_of(worker)

    def disturb() -> None:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGHUP)

    other = tmp_path / "other"
    other.mkdir()
    await worker.train(
        make_request(other), hash_for=hash_for, on_message=Listener(once(epoch_done(1), disturb))
    )

    assert (views.restarts, worker.view.pid) == (0, pid)
    assert os.getsid(pid) == pid


async def test_what_a_worker_prints_is_in_its_log(tmp_path: Path, worker: Worker) -> None:
    request = make_request(tmp_path, epochs=1)

    await worker.train(request, hash_for=hash_for, on_message=Listener())

    path = worker._config.log_path
    assert f"job {request.job_id}: devnet-small, en, 1 epochs" in text_of(path)
    assert mode_of(path) & 0o077 == 0


async def test_a_silent_worker_is_killed_and_replaced(tmp_path: Path) -> None:
    limits = Limits(training_s=3.0, saving_s=30.0, first_step_s=30.0, restart=Backoff(0.01, 30.0))
    views = Views()
    pool = WorkerPool(["cpu"], in_directories(tmp_path / "logs"), views, limits)
    await pool.start()
    (worker,) = pool.workers
    pid = pid_of(worker)

    result = await worker.train(
        make_request(tmp_path),
        hash_for=hash_for,
        on_message=Listener(once(epoch_done(2), lambda: os.kill(pid, signal.SIGSTOP))),
    )
    await pool.close(5.0)

    assert load(tmp_path / result.name)["hash"] == HASH
    assert any(view.detail == ProcessSilent(3.0) for view in views.seen)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_an_idle_worker_answers_and_a_silent_one_is_started_again(tmp_path: Path) -> None:
    limits = Limits(answer_s=60.0, restart=Backoff(0.01, 30.0))
    pool = WorkerPool(["cpu"], in_directories(tmp_path / "logs"), limits=limits)
    events: list[PoolEvent] = []
    started = asyncio.Event()

    def note(event: PoolEvent) -> None:
        events.append(event)
        started.set()

    await pool.start()
    (worker,) = pool.workers
    pid = pid_of(worker)
    pool.subscribe(note)
    await pool.call_roll(pool.workers)
    assert (worker.usable, events) == (True, [])

    worker._limits = dataclasses.replace(limits, answer_s=1.0)
    os.kill(pid, signal.SIGSTOP)
    await pool.call_roll(pool.workers)

    assert not worker.usable
    assert events == [WorkerSilent(worker, ProcessSilent(1.0))]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    started.clear()
    await started.wait()
    assert events[1:] == [DeviceStarted(worker)]
    assert worker.usable
    result = await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener())
    assert load(tmp_path / result.name)["hash"] == HASH
    await pool.close(5.0)


async def test_a_worker_at_work_answers_by_its_progress(tmp_path: Path) -> None:
    pool = WorkerPool(["cpu"], in_directories(tmp_path / "logs"), limits=QUICK)
    await pool.start()
    (worker,) = pool.workers
    asked: list[asyncio.Task[None]] = []

    def ask() -> None:
        asked.append(asyncio.create_task(pool.call_roll(pool.workers)))

    result = await worker.train(
        make_request(tmp_path), hash_for=hash_for, on_message=Listener(once(epoch_done(2), ask))
    )
    await asked[0]

    assert load(tmp_path / result.name)["hash"] == HASH
    assert worker.usable
    await pool.close(5.0)


async def test_a_process_that_ended_between_jobs_is_replaced_before_the_next_one(tmp_path: Path) -> None:
    pool = WorkerPool(["cpu"], in_directories(tmp_path / "logs"), limits=QUICK)
    await pool.start()
    (worker,) = pool.workers
    events: list[PoolEvent] = []
    started = asyncio.Event()

    def note(event: PoolEvent) -> None:
        events.append(event)
        if isinstance(event, DeviceStarted):
            started.set()

    pool.subscribe(note)
    os.kill(pid_of(worker), signal.SIGKILL)
    await pool.call_roll(pool.workers)
    await started.wait()

    assert isinstance(events[0], WorkerSilent)
    assert isinstance(events[0].reason, (LeftBetweenJobs, ProcessKilled))
    assert worker.usable
    await pool.close(5.0)


async def test_a_worker_that_gets_a_job_and_says_nothing_is_replaced(tmp_path: Path) -> None:
    limits = Limits(first_s=2.0, first_step_s=30.0, training_s=30.0, restart=Backoff(0.01, 30.0))
    views = Views()
    pool = WorkerPool(["cpu"], in_directories(tmp_path / "logs"), views, limits)
    await pool.start()
    (worker,) = pool.workers
    pid = pid_of(worker)
    os.kill(pid, signal.SIGSTOP)

    result = await worker.train(make_request(tmp_path), hash_for=hash_for, on_message=Listener())

    assert load(tmp_path / result.name)["hash"] == HASH
    assert any(view.detail == ProcessSilent(2.0) for view in views.seen)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await pool.close(5.0)


async def test_closing_saves_a_running_job_and_ends_every_process(tmp_path: Path) -> None:
    pool = WorkerPool(["cpu", "cpu"], in_directories(tmp_path / "logs"), limits=QUICK)
    await pool.start()
    pids = [pid_of(worker) for worker in pool.workers]
    running = asyncio.Event()
    request = make_request(tmp_path, epochs=10_000)
    training = asyncio.create_task(
        pool.workers[0].train(
            request, hash_for=hash_for, on_message=Listener(once(epoch_done(3), running.set))
        )
    )
    await running.wait()

    await pool.close(20.0)

    with pytest.raises(WorkerError, match="is closed; its job goes on from its checkpoint"):
        await training
    assert [worker.view.phase for worker in pool.workers] == [WorkerPhase.CLOSED] * 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    state = torch.load(max((tmp_path / "checkpoints").iterdir()), weights_only=True)
    assert state["epoch"] >= 3
    with pytest.raises(WorkerError, match="is closed"):
        await pool.workers[1].train(request, hash_for=hash_for, on_message=Listener())


async def test_a_worker_that_does_not_leave_is_killed(tmp_path: Path) -> None:
    pool = WorkerPool(["cpu"], in_directories(tmp_path / "logs"), limits=QUICK)
    await pool.start()
    pid = pid_of(pool.workers[0])
    os.kill(pid, signal.SIGSTOP)

    await pool.close(0.1)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_without_any_device_the_start_fails_with_the_logs_path(tmp_path: Path) -> None:
    pool = WorkerPool(["cuda:98", "cuda:99"], in_directories(tmp_path / "logs"), limits=QUICK)

    with pytest.raises(WorkerError, match=r"worker \d on cuda:9\d does not start: .*worker-\d\.log"):
        await pool.start()

    assert [worker.view.phase for worker in pool.workers] == [WorkerPhase.CLOSED] * 2


async def test_the_event_loop_goes_on_while_a_worker_starts_and_stands_still(tmp_path: Path) -> None:
    log = tmp_path / "logs/worker-0.log"
    log.parent.mkdir()
    os.mkfifo(log)  # the process waits here for a reader
    pool = WorkerPool(["cpu"], in_directories(log.parent), limits=QUICK)
    starting = asyncio.create_task(pool.start())
    await other_things_happen()
    assert not starting.done()

    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    await starting
    (worker,) = pool.workers
    stands_still = asyncio.Event()

    def stop() -> None:
        os.kill(pid_of(worker), signal.SIGSTOP)
        stands_still.set()

    training = asyncio.create_task(
        worker.train(
            make_request(tmp_path), hash_for=hash_for, on_message=Listener(once(epoch_done(1), stop))
        )
    )
    await stands_still.wait()
    await other_things_happen()
    assert not training.done()

    os.kill(pid_of(worker), signal.SIGCONT)
    await training
    await pool.close(20.0)
    os.close(reader)


async def other_things_happen() -> None:
    """Give the event loop many turns; one that waits for a process never returns from here."""
    for _ in range(20):
        await asyncio.sleep(0.005)


async def test_progress_comes_at_most_four_times_a_second(tmp_path: Path, worker: Worker) -> None:
    loop, listener = asyncio.get_running_loop(), Listener()
    began = loop.time()

    await worker.train(make_request(tmp_path, 8192, epochs=12), hash_for=hash_for, on_message=listener)

    assert 0 < len(listener.of_type(Progress)) <= 1 + (loop.time() - began) / 0.25
