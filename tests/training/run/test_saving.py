"""Checkpoints written beside the training: when they are due, that nothing waits for them, what errors do."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from emeth_tui.errors import DiskFull
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.training import host_copy
from emeth_tui.training.devices import Device, open_device
from emeth_tui.training.files.checkpoint import CheckpointStore
from emeth_tui.training.files.models import JobModel
from emeth_tui.training.host_copy import HostCopy
from emeth_tui.training.job_control import Control
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.reports import (
    CheckpointKept,
    EpochDone,
    Event,
    Paused,
    Prepared,
    Progress,
    ResultWritten,
    Resumed,
    Saving,
    Stopped,
    Trained,
)
from emeth_tui.training.run import metrics
from emeth_tui.training.run.saving import Cost, Saver, SavingPace, expected_cost
from emeth_tui.training.run.state import SavingLimits
from tests.training.jobs import (
    Observed,
    Run,
    assert_same_weights,
    directory_of,
    make_request,
    result_weights,
    was_stopped,
)
from tests.training.run.test_metrics import Clock
from tests.training.texts import english

LIMIT_S = 120.0  # bounds a hang


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_checkpoints_cost_at_most_their_share_of_the_time(clock: Clock) -> None:
    pace = SavingPace(SavingLimits(every_s=300.0, cost_share=0.01), Cost(2.0), clock)

    clock.now += 199.0
    assert not pace.due_after_epoch(), "2 s are more than 1 % of it"
    clock.now += 1.0
    assert pace.due_after_epoch()
    assert not pace.due_within_epoch()
    clock.now += 100.0
    assert pace.due_within_epoch()

    pace.saved()
    pace.cost(Cost(0.1))

    assert not pace.due_after_epoch()
    clock.now += 10.0
    assert pace.due_after_epoch(), "it cost less than expected"


def test_a_costly_checkpoint_is_rare_within_an_epoch_too(clock: Clock) -> None:
    pace = SavingPace(SavingLimits(every_s=300.0, cost_share=0.01), Cost(6.0), clock)

    clock.now += 599.0
    assert not pace.due_within_epoch()
    clock.now += 1.0
    assert pace.due_within_epoch()


GB = 1_000_000_000


@pytest.mark.parametrize(
    ("gap_s", "gb_a_day", "size_bytes", "rest_s"),
    [
        (10.0, 1_000, 4 * GB, 345.6),  # gpt2-medium's on a GPU, whose copy costs next to nothing
        (10.0, 1_000, GB // 100, 10.0),
        (10.0, 100, 4 * GB, 400.0),  # no checkpoint is older
        (1e9, 1_000, 4 * GB, 400.0),
    ],
)
def test_a_disk_is_spared_as_long_as_no_checkpoint_gets_too_old(
    clock: Clock, gap_s: float, gb_a_day: int, size_bytes: int, rest_s: float
) -> None:
    limits = SavingLimits(every_s=400.0, cost_share=0.01, gap_s=gap_s, bytes_a_day=gb_a_day * GB)
    pace = SavingPace(limits, Cost(0.01, size_bytes), clock)

    for _ in range(2):  # as expected, and as measured
        clock.now += rest_s - 0.1
        assert not pace.due_after_epoch()
        clock.now += 0.2
        assert pace.due_after_epoch()
        assert pace.due_within_epoch() is (rest_s == 400.0)
        pace.saved()
        pace.cost(Cost(0.01, size_bytes))


def test_a_day_of_short_epochs_keeps_the_budget(clock: Clock) -> None:
    pace = SavingPace(
        SavingLimits(every_s=400.0, cost_share=0.01, gap_s=10.0, bytes_a_day=1_000 * GB),
        Cost(0.05, 4_260_000_000),
        clock,
    )
    written_bytes = 0
    for _epoch in range(86_400 // 12):
        clock.now += 12.0
        if pace.due_after_epoch() or pace.due_within_epoch():
            pace.saved()
            written_bytes += 4_260_000_000

    assert 0.9 * 1_000 * GB < written_bytes <= 1_000 * GB


def test_a_share_of_nothing_means_never(clock: Clock) -> None:
    pace = SavingPace(SavingLimits(cost_share=0.0), Cost(0.1), clock)

    clock.now += 1e9

    assert not pace.due_after_epoch()
    assert not pace.due_within_epoch()


def test_a_larger_model_is_expected_to_cost_more() -> None:
    cpu = open_device("cpu")

    assert expected_cost([torch.empty(0)], cpu).seconds < 0.1
    medium = torch.empty(355_000_000, device="meta")
    cost = expected_cost([medium], cpu)
    assert cost.size_bytes == 4_260_000_000  # 355 M in fp32, three times
    assert cost.seconds == pytest.approx(4.3, abs=0.1)


def test_a_copy_stays_as_it_was_and_its_memory_is_used_again() -> None:
    copies = HostCopy(open_device("cpu"))
    weight, step = torch.ones(4), torch.tensor(1.0)
    first = copies.take({"model": {"weight": weight}, "steps": [step, "adam"], "epoch": 1})
    weight.zero_()
    step.zero_()

    assert first["model"]["weight"].tolist() == [1.0] * 4
    assert (first["steps"][0].item(), first["steps"][1], first["epoch"]) == (1.0, "adam", 1)

    second = copies.take({"model": {"weight": weight}, "steps": [step, "adam"], "epoch": 2})

    assert second["model"]["weight"].data_ptr() == first["model"]["weight"].data_ptr()
    assert second["model"]["weight"].tolist() == [0.0] * 4


class PinnedOnTheHost(Device):
    """The CPU as a GPU, whose copies want pinned memory."""

    @property
    def is_cuda(self) -> bool:
        return True

    def make_current(self) -> None:
        current.append(threading.current_thread().name)


current: list[str] = []


@pytest.fixture
def pinned_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads that pinned memory, in order."""
    threads: list[str] = []

    def pinned(like: torch.Tensor) -> torch.Tensor:
        threads.append(threading.current_thread().name)
        return torch.empty_like(like)

    monkeypatch.setattr(host_copy, "pinned", pinned)
    current.clear()
    return threads


def pinning_saver(directory: Path) -> Saver:
    cpu = open_device("cpu")
    device = PinnedOnTheHost(cpu.torch_device, cpu.name, cpu.compute_dtype)
    pace = SavingPace(SavingLimits(cost_share=0.01), Cost(0.0))
    return Saver(CheckpointStore(directory, {"job": "a"}), pace, device, timer=StandInTimer(0.0))


def test_memory_for_copies_is_pinned_beside_the_training_on_its_own_gpu(
    tmp_path: Path, pinned_by: list[str]
) -> None:
    saver = pinning_saver(tmp_path)
    weights = [torch.ones(4, 4), torch.ones(4)]

    saver.reserve(weights)
    saver.start(1, 0, {"model": weights, "optimiser": [weights, weights], "one more": torch.ones(4)})
    saver.wait()
    saver.close()

    beside, training = pinned_by[:6], pinned_by[6:]
    assert set(beside) == {"checkpoint_0"}
    assert training == ["MainThread"], "nothing was there for the seventh"
    assert current == ["checkpoint_0"]


def test_a_host_without_much_memory_pins_none_of_it(
    tmp_path: Path,
    pinned_by: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(host_copy, "available_bytes", lambda: 4 << 20)
    saver = pinning_saver(tmp_path)
    weights = [torch.ones(100_000)]

    saver.reserve(weights)
    saver.start(1, 0, {"model": weights})
    saver.wait()
    saver.close()

    assert not pinned_by
    assert "4 MB of the host's memory are too little" in caplog.text


class GatedStore(CheckpointStore):
    """Writes when it is let through; `written` are the positions whose writing began."""

    def __init__(self, directory: Path, error: Exception | None = None) -> None:
        super().__init__(directory, {"job": "a"})
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.left = threading.Event()
        self.written: list[tuple[int, int]] = []
        self.error = error

    def save(self, epoch: int, blocks_done: int, state: Mapping[str, Any]) -> Path:
        self.written.append((epoch, blocks_done))
        self.entered.set()
        assert self.gate.wait(LIMIT_S)
        if self.error is not None:
            raise self.error
        path = super().save(epoch, blocks_done, state)
        self.left.set()
        return path


def saver_of(store: CheckpointStore) -> Saver:
    return Saver(store, SavingPace(SavingLimits(cost_share=0.01), Cost(0.0)), open_device("cpu"))


def test_a_checkpoint_is_written_while_its_tensors_change(tmp_path: Path) -> None:
    store = GatedStore(tmp_path)
    saver = saver_of(store)
    weight = torch.ones(1000)

    saver.start(1, 0, {"weight": weight})
    assert store.entered.wait(LIMIT_S)
    assert saver.busy
    assert not saver.wait(0.0)
    weight.zero_()
    store.gate.set()
    assert saver.wait()

    state = store.load_newest()
    assert state is not None
    assert state["weight"].sum().item() == 1000.0
    assert not saver.busy
    assert saver.pace.interval_s > 0.0, "its cost was measured"
    saver.close()


class PretendsToBeAGpu(Device):
    """The CPU; that it were a GPU makes only a checkpoint's cost another."""

    @property
    def is_cuda(self) -> bool:
        return True

    def make_current(self) -> None:
        pass


class StandInTimer:
    """Says that the device copied for so long; `marks` are what it was asked, in order."""

    def __init__(self, copied_s: float) -> None:
        self.marks: list[str] = []
        self._copied_s = copied_s

    def start(self) -> None:
        self.marks.append("start")

    def end(self) -> None:
        self.marks.append("end")

    def wait_s(self) -> float:
        self.marks.append("wait")
        return self._copied_s


@pytest.mark.parametrize("copied_s", [0.0, 1_000.0])
def test_on_a_gpu_a_checkpoint_costs_what_its_copy_holds_up(tmp_path: Path, copied_s: float) -> None:
    store, timer, cpu = GatedStore(tmp_path), StandInTimer(copied_s), open_device("cpu")
    gpu = PretendsToBeAGpu(cpu.torch_device, cpu.name, cpu.compute_dtype)
    saver = Saver(store, SavingPace(SavingLimits(cost_share=0.01), Cost(0.0)), gpu, timer=timer)
    started = time.monotonic()

    saver.start(1, 0, {"weight": torch.ones(1000)})
    blocked_s = time.monotonic() - started
    assert store.entered.wait(LIMIT_S)
    assert timer.marks == ["start", "end", "wait"], "what is written has arrived"
    store.gate.set()
    saver.wait()
    saver.close()

    cost_s = 0.01 * saver.pace.interval_s
    if copied_s:
        assert cost_s == pytest.approx(copied_s), "enqueueing the copies is next to nothing"
    else:
        assert 0.0 < cost_s <= blocked_s, "the host was held up longer"


def test_an_error_of_the_writing_comes_out_at_the_next_look(tmp_path: Path) -> None:
    store = GatedStore(tmp_path, DiskFull(Foreign("no room left")))
    saver = saver_of(store)
    saver.start(1, 0, {})
    saver.check()  # nothing has happened yet

    store.gate.set()
    with pytest.raises(DiskFull):
        saver.wait()

    saver.check()  # reported once
    saver.close()


def test_closing_finishes_the_last_checkpoint(tmp_path: Path) -> None:
    store = GatedStore(tmp_path)
    saver = saver_of(store)
    saver.start(3, 7, {"weight": torch.ones(1)})
    store.gate.set()

    saver.close()

    assert store.load_newest() is not None


def test_an_error_of_the_last_checkpoint_does_not_outlive_the_job(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = GatedStore(tmp_path, DiskFull(Foreign("no room left")))
    saver = saver_of(store)
    saver.start(3, 7, {})
    store.gate.set()

    saver.close()

    assert "the last checkpoint was not written: no room left" in caplog.text


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> list[GatedStore]:
    """The store of the next job, once it has begun: its checkpoints wait at the gate."""
    stores: list[GatedStore] = []

    def make(directory: Path, fingerprint: object) -> GatedStore:
        stores.append(GatedStore(directory))
        return stores[-1]

    monkeypatch.setattr("emeth_tui.training.job.CheckpointStore", make)
    return stores


@pytest.mark.slow
def test_training_goes_on_while_a_checkpoint_is_written_and_skips_those_due_meanwhile(
    tmp_path: Path, gated: list[GatedStore]
) -> None:
    def let_through(event: Event, control: Control) -> None:
        if isinstance(event, EpochDone) and event.epoch == 4:
            gated[0].gate.set()
            assert gated[0].left.wait(LIMIT_S)

    request = make_request(tmp_path, epochs=12, checkpoint_every_s=0.0, checkpoint_share=math.inf)
    run = Run(let_through)

    run.go(request)

    assert len(run.of_type(EpochDone)) == 12
    first, second, *_rest = gated[0].written
    assert first == (0, 0)
    assert second >= (3, 0)
    assert not run.of_type(Saving)


@pytest.mark.slow
def test_every_checkpoint_is_reported_when_it_has_reached_the_disk(
    tmp_path: Path, gated: list[GatedStore]
) -> None:
    def look(event: Event, control: Control) -> None:
        if isinstance(event, Prepared):
            gated[0].gate.set()
        if isinstance(event, CheckpointKept):
            path = tmp_path / f"checkpoints/epoch-{event.epoch:06d}-block-{event.blocks:09d}.pt"
            assert path.stat().st_size == event.size_bytes

    run = Run(look)

    run.go(make_request(tmp_path, epochs=4, checkpoint_every_s=0.0, checkpoint_share=math.inf))

    assert [(event.epoch, event.blocks) for event in run.of_type(CheckpointKept)] == gated[0].written
    assert isinstance(run.events[-1], ResultWritten), "nothing is reported of a job that is over"


def test_a_full_disk_breaks_the_job_off_with_the_earlier_checkpoint_kept(
    tmp_path: Path, gated: list[GatedStore]
) -> None:
    def fill_the_disk(event: Event, control: Control) -> None:
        if isinstance(event, Prepared):
            gated[0].gate.set()
        if isinstance(event, EpochDone) and gated[0].error is None and list(tmp_path.glob("c*/e*")):
            gated[0].error = DiskFull(Foreign("no room left to write"))

    request = make_request(tmp_path, epochs=500, checkpoint_share=math.inf)

    with pytest.raises(DiskFull, match="no room left"):
        Run(fill_the_disk).go(request)

    assert list((tmp_path / "checkpoints").iterdir())


def test_a_stop_waits_for_the_writer_and_keeps_the_very_last_step(
    tmp_path: Path, gated: list[GatedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "REPORT_EVERY_S", 0.0)

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, Progress) and (event.epoch, event.step) == (2, 2):
            control.stop()
        if isinstance(event, Saving):
            gated[0].gate.set()

    request = make_request(tmp_path, checkpoint_every_s=0.0, checkpoint_share=math.inf)
    run = Run(stop)
    run.go(request)

    assert run.events[-1] == Stopped(1, 2)
    state = gated[0].load_newest()
    assert state is not None
    assert (state["epoch"], state["blocks_done"]) == (1, 4)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    request = make_request(tmp_path_factory.mktemp("uninterrupted"))
    Run().go(request)
    return result_weights(request)


def stop_after_the_first_epoch(event: Event, control: Control) -> None:
    if isinstance(event, EpochDone) and event.epoch == 1:
        control.stop()


@pytest.mark.slow
def test_a_checkpoint_without_moments_is_smaller_and_what_goes_on_from_it_begins_them_anew(
    tmp_path: Path, uninterrupted: dict[str, torch.Tensor]
) -> None:
    whole = make_request(tmp_path / "whole")
    lean = make_request(tmp_path / "lean", checkpoint_moments=False)
    for request in (whole, lean):
        run = Run(stop_after_the_first_epoch)
        run.go(request)
        assert was_stopped(run)
    newest = [max((directory_of(each) / "checkpoints").iterdir()) for each in (whole, lean)]
    assert newest[1].stat().st_size < 0.4 * newest[0].stat().st_size

    gone_on = [Run(), Run()]
    for run, request in zip(gone_on, (whole, lean), strict=True):
        run.go(request)

    assert_same_weights(result_weights(whole), uninterrupted)
    changed = result_weights(lean)
    assert any(not torch.equal(changed[name], weight) for name, weight in uninterrupted.items())
    losses = [run.of_type(Trained)[0].valid_loss for run in gone_on]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("pause_at", [(1, 1), (2, 2)])
def test_a_paused_job_frees_its_memory_and_comes_back_exactly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    uninterrupted: dict[str, torch.Tensor],
    pause_at: tuple[int, int],
    stop: bool,
) -> None:
    monkeypatch.setattr(metrics, "REPORT_EVERY_S", 0.0)
    freed: list[int] = []
    monkeypatch.setattr(Device, "free_cache", lambda self: freed.append(1))
    held_bytes: list[int] = []
    trained: list[Gpt2] = []

    build = JobModel.build

    def build_and_keep(self: JobModel, shape: Gpt2Shape, **options: bool) -> Gpt2:
        trained.append(build(self, shape, **options))
        return trained[-1]

    monkeypatch.setattr(JobModel, "build", build_and_keep)

    def look() -> None:
        held_bytes.append(sum(each.untyped_storage().nbytes() for each in trained[0].parameters()))

    def pause(event: Event, control: Control) -> None:
        if isinstance(event, Progress) and (event.epoch, event.step) == pause_at:
            control.pause()

    request = make_request(tmp_path, release_on_pause=True)
    run = Run(pause)
    run.control = Observed(look, stop)

    run.go(request)
    if stop:
        assert was_stopped(run)
        Run().go(request)

    assert held_bytes == [0]
    assert freed
    assert len(run.of_type(Paused)) == 1
    assert len(run.of_type(Resumed)) == (not stop)
    assert_same_weights(result_weights(request), uninterrupted)


def test_a_pause_in_the_validation_is_heeded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: dict[str, torch.Tensor]
) -> None:
    monkeypatch.setattr("emeth_tui.training.run.evaluation._MAX_BLOCKS_AT_ONCE", 1)
    from emeth_tui.training.run import evaluation

    measure, paused = evaluation.mean_loss, False

    def pause_once(*arguments: Any) -> float:
        nonlocal paused
        if not paused:
            paused = True
            run.control.pause()
        return measure(*arguments)

    monkeypatch.setattr("emeth_tui.training.run.loop.mean_loss", pause_once)
    request = make_request(tmp_path, release_on_pause=True)
    run = Run()
    run.control = Observed()

    run.go(request)

    (event,) = run.of_type(Paused)
    assert (event.epoch, event.step) == (0, run.of_type(Prepared)[0].steps_per_epoch)
    assert_same_weights(result_weights(request), uninterrupted)


def test_a_pause_is_told_before_its_checkpoint_is_written(
    tmp_path: Path, gated: list[GatedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "REPORT_EVERY_S", 0.0)

    def pause(event: Event, control: Control) -> None:
        if isinstance(event, Progress) and (event.epoch, event.step) == (1, 1):
            control.pause()
        if isinstance(event, Resumed):
            gated[0].gate.set()

    run = Run(pause)
    run.control = Observed()

    run.go(make_request(tmp_path, english(4096)))

    assert gated[0].written[0] == (0, 2)
    assert len(run.of_type(EpochDone)) == 3
