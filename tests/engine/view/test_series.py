"""What workers did over time: means at even steps, gaps where nothing was known, no more than is shown."""

from __future__ import annotations

import asyncio
import json
import math
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace

import anyio
import pytest

from emeth_tui.control import wire
from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.view.series import POINTS, SPANS, STEPS_S, SeriesRecorder, Span, WorkerSeries
from emeth_tui.model import WorkerPhase
from emeth_tui.workers.views import WorkerView
from tests.engine.harness import WAIT_S, Harness

TRAINING = WorkerView(
    0, "cuda:0", phase=WorkerPhase.TRAINING, job_id="0x01", tokens_per_s=1_000.0, train_loss=2.5
)
GPU = GpuReading("cuda:0", 97, 8_000_000_000, 71, 250.0)


def recorded(
    samples: Iterable[tuple[float, WorkerView]], gpus: tuple[GpuReading, ...] = (GPU,), span: Span = "minutes"
) -> WorkerSeries:
    recorder = SeriesRecorder()
    for at_s, worker in samples:
        recorder.sample(at_s, [worker], gpus)
    series = recorder.newest(span).of(TRAINING.index)
    assert series is not None
    return series


def test_a_value_is_the_mean_of_its_step() -> None:
    fast, slow = TRAINING, replace(TRAINING, tokens_per_s=500.0)
    series = recorded([(0.0, fast), (1.0, slow), (2.0, fast), (3.0, fast), (4.0, fast)])

    assert series.tokens_per_s == (750.0, 1_000.0)
    assert series.load_percent == (97.0, 97.0)
    assert series.memory_bytes == (8e9, 8e9)
    assert series.temperature_c == (71.0, 71.0)
    assert series.power_w == (250.0, 250.0)
    assert series.loss == (2.5, 2.5)


def test_a_while_without_samples_is_a_gap() -> None:
    series = recorded([(0.0, TRAINING), (9.0, TRAINING), (10.0, TRAINING)])

    assert series.tokens_per_s == (1_000.0, None, None, None, 1_000.0)


@pytest.mark.parametrize("phase", [WorkerPhase.IDLE, WorkerPhase.PAUSED, WorkerPhase.DOWN])
def test_a_device_that_does_not_train_is_slow_and_has_no_loss(phase: WorkerPhase) -> None:
    at_rest = replace(TRAINING, phase=phase)
    series = recorded([(0.0, TRAINING), (2.0, at_rest), (4.0, at_rest)])

    assert series.tokens_per_s == (1_000.0, 0.0)
    assert series.loss == (2.5, None)


def test_workers_that_share_a_device_have_speeds_of_their_own_and_its_temperature() -> None:
    paused = replace(TRAINING, index=1, phase=WorkerPhase.PAUSED)
    slow = replace(TRAINING, index=2, tokens_per_s=10.0, train_loss=3.5)
    recorder = SeriesRecorder()
    for at_s in (0.0, 2.0):
        recorder.sample(at_s, [TRAINING, paused, slow], [GPU])

    series = recorder.newest("minutes")
    assert [(one.worker, one.tokens_per_s, one.loss) for one in series.workers] == [
        (0, (1_000.0,), (2.5,)),
        (1, (0.0,), ()),
        (2, (10.0,), (3.5,)),
    ]
    assert {one.temperature_c for one in series.workers} == {(71.0,)}


def test_of_workers_that_are_gone_nothing_is_kept() -> None:
    recorder = SeriesRecorder()

    def come_and_go(numbers: range) -> None:
        for number in numbers:
            worker = replace(TRAINING, index=number, device=f"host-{number} · cuda:0")
            recorder.sample(float(number), [worker], [GPU])

    come_and_go(range(10))
    assert [series.worker for series in recorder.newest("day").workers] == [9]
    tracemalloc.start()
    come_and_go(range(10, 300))
    kept_bytes, _most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 100_000


def test_what_a_device_never_reports_takes_no_room() -> None:
    series = recorded([(0.0, TRAINING), (2.0, TRAINING)], gpus=())

    assert series.tokens_per_s == (1_000.0,)
    assert series.load_percent == series.memory_bytes == series.temperature_c == series.power_w == ()


def test_a_loss_that_is_no_number_is_not_known() -> None:
    series = recorded([(0.0, replace(TRAINING, train_loss=math.nan)), (2.0, TRAINING), (4.0, TRAINING)])

    assert series.loss == (None, 2.5)


@pytest.mark.parametrize("span", SPANS)
def test_days_take_no_more_than_a_graph_shows(span: Span) -> None:
    step_s = STEPS_S[span]
    series = recorded(((index * step_s, TRAINING) for index in range(2 * POINTS)), span=span)

    assert len(series.tokens_per_s) == POINTS
    assert set(series.tokens_per_s) == {1_000.0}


def test_eight_devices_fit_into_what_a_screen_asks_for_every_two_seconds() -> None:
    recorder = SeriesRecorder()
    workers = [replace(TRAINING, index=n, device=f"cuda:{n}", tokens_per_s=31_234.567) for n in range(8)]
    gpus = [replace(GPU, device=f"cuda:{n}", memory_used_bytes=8_123_456_789) for n in range(8)]
    for index in range(POINTS + 1):
        recorder.sample(index * 2.0, workers, gpus)

    def sent_bytes(points: int) -> int:
        return len(json.dumps(wire.pack("series", recorder.newest("minutes", points))))

    assert sent_bytes(60) < 32_000
    assert sent_bytes(POINTS) < 160_000


def test_it_comes_over_the_socket_as_it_was() -> None:
    recorder = SeriesRecorder()
    for at_s in range(6):
        recorder.sample(float(at_s), [TRAINING], [GPU])
    series = recorder.newest("minutes", 2)

    assert wire.unpack("series", json.loads(json.dumps(wire.pack("series", series)))) == series


@pytest.mark.slow
async def test_a_node_keeps_them_though_nobody_looks(
    network: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STEPS_S, "minutes", 0.02)
    monkeypatch.setattr("emeth_tui.engine.node.SAMPLE_EVERY_S", 0.01)
    async with network.node() as node:
        records = node.node.records
        with anyio.fail_after(WAIT_S):
            while not (workers := (await records.series("minutes", 9)).workers):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        assert [(series.worker, series.device) for series in workers] == [
            (worker.index, worker.device) for worker in node.node.snapshot().workers
        ]
