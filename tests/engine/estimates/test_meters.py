"""What is measured of a job: real work only, whatever pauses, kills and restarts occur."""

from __future__ import annotations

import pytest

from emeth_tui.engine.estimates.durations import Remaining, Task, gauge_for
from emeth_tui.engine.estimates.meters import KEEP_EVERY_S, LONGEST_GAP_S, TrainingMeter, TransferMeter
from emeth_tui.model import Language
from emeth_tui.store.measurements import Gauge, Measurement, Quantity
from emeth_tui.training.reports import (
    EpochDone,
    Paused,
    Prepared,
    Progress,
    ResultWritten,
    Resumed,
    Trained,
    Validating,
    WentBack,
    Work,
)

TASK = Task(dataset_bytes=50_000, epochs=30, language=Language.JA, model="devnet-small", batch_size=8)
CPU = "a CPU, 2 threads"
SIZE = 4_000_000


class Clock:
    """A clock that moves only when asked to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def prepared(**changes: object) -> Prepared:
    values: dict[str, object] = {
        "dataset_digest": "aa",
        "tokens": 10_000,
        "steps_per_epoch": 100,
        "resumed_epoch": 0,
        "resumed_step": 0,
        "valid_tokens": 1_000,
        "tokenised_s": 0.5,
        "loading_s": 3.0,
    }
    return Prepared(**{**values, **changes})  # type: ignore[arg-type]


def epoch_done(epoch: int, work: Work) -> EpochDone:
    return EpochDone(epoch, 3.0, 3.0, 1.0, work)


def progress(epoch: int, step: int, work: Work) -> Progress:
    return Progress(epoch, 30, step, 100, 3.0, 0.0, work)


def work(epochs: float, s_per_epoch: float = 10.0) -> Work:
    """So many epochs at a steady speed; a validation takes a second, checkpoints a hundredth of the time."""
    trained_s = epochs * s_per_epoch
    return Work(int(epochs * 10_000), trained_s, int(epochs) * 1_000, float(int(epochs)), trained_s / 100)


def by_quantity(measurements: list[Measurement]) -> dict[Quantity, list[float]]:
    values: dict[Quantity, list[float]] = {}
    for one in measurements:
        assert one.gauge == gauge_for(one.gauge.quantity, TASK, device=CPU)
        values.setdefault(one.gauge.quantity, []).append(one.value)
    return values


def test_a_whole_job_leaves_all_its_figures() -> None:
    clock = Clock()
    meter = TrainingMeter(TASK, CPU, clock)
    kept = meter.take(prepared())
    for epoch in range(1, 31):
        kept += meter.take(epoch_done(epoch, work(epoch)))
    kept += meter.take(Trained(30, 3.0))
    clock.now += 2.0
    kept += meter.take(ResultWritten("/checkpoint.pt", 4_000))
    kept += meter.close()

    values = by_quantity(kept)

    assert values.pop(Quantity.TRAINING) == pytest.approx([1_000.0] * 10)  # every 30 s, and the rest
    assert values.pop(Quantity.VALIDATION) == pytest.approx([1_000.0] * 10)
    assert values == {
        Quantity.TOKENISING: [100_000.0],
        Quantity.TOKENS: [0.2],
        Quantity.VALID_TOKENS: [0.02],
        Quantity.LOADING: [3.0],
        Quantity.SAVING: [pytest.approx(0.01)],
        Quantity.WRITING: [2.0],
    }


def test_slow_first_steps_belong_to_the_start() -> None:
    meter = TrainingMeter(TASK, CPU)
    kept = meter.take(prepared())
    for step in range(1, 101):  # 100 tokens a step at 1,000 a second; compiling took 40 s more
        kept += meter.take(progress(1, step, Work(step * 100, 40.0 + step / 10)))
    kept += meter.close()

    values = by_quantity(kept)

    assert values[Quantity.LOADING] == [pytest.approx(43.0)]
    assert values[Quantity.TRAINING] == [pytest.approx(1_000.0)]


def test_a_kill_leaves_what_was_done_and_nothing_of_the_gap() -> None:
    meter = TrainingMeter(TASK, CPU)
    kept = meter.take(prepared())
    for epoch in (1, 2, 3):
        kept += meter.take(epoch_done(epoch, work(epoch)))
    # Killed after half of the fourth epoch; the new process counts from nothing.
    kept += meter.take(progress(4, 50, work(3.5)))
    kept += meter.take(prepared(resumed_epoch=3, tokenised_s=None))
    for epoch in (1, 2):
        kept += meter.take(epoch_done(3 + epoch, work(epoch)))
    kept += meter.close()

    values = by_quantity(kept)

    assert values[Quantity.TRAINING] == pytest.approx([1_000.0, 1_000.0])
    assert values[Quantity.LOADING] == [3.0, 3.0]
    assert len(values[Quantity.TOKENISING]) == 1, "tokens from the cache took no time"


def test_a_pause_leaves_no_trace() -> None:
    clock = Clock()
    meter = TrainingMeter(TASK, CPU, clock)
    kept = meter.take(prepared())
    kept += meter.take(epoch_done(1, work(1)))
    kept += meter.take(Paused(1, 0))
    clock.now += 100_000.0
    kept += meter.take(Resumed(1, 0))
    kept += meter.take(epoch_done(2, work(2)))
    kept += meter.close()

    assert by_quantity(kept)[Quantity.TRAINING] == pytest.approx([1_000.0])


def test_a_worker_that_tells_nothing_of_its_work_is_not_measured() -> None:
    meter = TrainingMeter(TASK, CPU)
    meter.take(prepared())

    assert [*meter.take(epoch_done(1, Work())), *meter.take(epoch_done(2, Work())), *meter.close()] == []


def test_what_is_left_follows_the_training() -> None:
    meter = TrainingMeter(TASK, CPU)
    before = meter.remaining()
    meter.take(prepared(resumed_epoch=9, resumed_step=50))
    resumed = meter.remaining()
    meter.take(progress(10, 75, work(0.25)))
    going_on = meter.remaining()
    meter.take(Validating(10, 0.5))
    validating = meter.remaining()
    meter.take(WentBack(8, 40))
    went_back = meter.remaining()
    meter.take(Trained(30, 3.0))
    trained = meter.remaining()
    meter.take(ResultWritten("/checkpoint.pt", 4_000))

    assert (before.tokenise_bytes, before.starts, before.epochs, before.tokens) == (50_000, 1.0, 30.0, None)
    assert (resumed.tokenise_bytes, resumed.starts, resumed.epochs, resumed.tokens) == (
        0.0,
        0.0,
        20.5,
        10_000,
    )
    assert going_on.epochs == pytest.approx(20.25)
    assert (validating.epochs, validating.validations) == (20.0, 20.5)
    assert went_back.epochs == pytest.approx(21.6)
    assert (trained.epochs, trained.validations, trained.results) == (0.0, 0.0, 1.0)
    assert meter.remaining() == Remaining(
        upload_bytes=TASK.result_bytes, fetch_bytes=TASK.result_bytes, tokens=10_000, valid_tokens=1_000
    )


def test_the_running_job_shows_its_own_speed_long_before_it_is_kept() -> None:
    meter = TrainingMeter(TASK, CPU)
    meter.take(prepared())
    kept = meter.take(progress(1, 1, work(0.01))) + meter.take(progress(1, 20, work(0.2)))

    assert [one.value for one in meter.samples(Quantity.TRAINING)] == pytest.approx([1_000.0])
    assert Quantity.TRAINING not in by_quantity(kept)
    assert work(0.2).trained_s < KEEP_EVERY_S


def test_a_transfer_counts_what_moved_while_it_moved() -> None:
    clock = Clock()
    meter = TransferMeter(Quantity.DOWNLOAD, "host", clock=clock)
    clock.now += 1.0
    meter.progress(1_000_000, SIZE)
    clock.now += 3_600.0  # the storage was gone
    meter.progress(2_000_000, SIZE)
    clock.now += 1.0

    (measured,) = meter.finished(SIZE)

    assert measured == Measurement(Gauge(Quantity.DOWNLOAD, "host"), SIZE, 2.0 + LONGEST_GAP_S)


def test_a_transfer_that_went_on_counts_only_its_own_part() -> None:
    clock = Clock()
    meter = TransferMeter(Quantity.DOWNLOAD, "host", fresh=False, clock=clock)
    clock.now += 5.0
    meter.progress(3_000_000, SIZE)
    clock.now += 2.0

    assert [(one.amount, one.per) for one in meter.finished(SIZE)] == [(1_000_000, 2.0)]


def test_a_transfer_that_was_begun_anew_is_measured_from_there() -> None:
    clock = Clock()
    meter = TransferMeter(Quantity.UPLOAD, "host", fresh=False, clock=clock)
    meter.progress(3_500_000, SIZE)
    clock.now += 5.0
    meter.progress(250_000, SIZE)  # what had arrived counts no more: its URLs have expired
    clock.now += 2.0

    assert [(one.amount, one.per) for one in meter.finished(SIZE)] == [(SIZE - 250_000, 2.0)]


def test_a_transfer_that_was_complete_is_no_measurement() -> None:
    meter = TransferMeter(Quantity.DOWNLOAD, "host", fresh=False, clock=Clock())

    assert meter.finished(SIZE) == []


def test_a_small_transfer_says_nothing_of_the_line() -> None:
    clock = Clock()
    meter = TransferMeter(Quantity.UPLOAD, "host", clock=clock)
    clock.now += 1.0

    assert meter.finished(64) == []
