"""What each worker and its device did over the last minutes, hour and day: as much as a graph can show."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.model import WorkerPhase
from emeth_tui.workers.views import WorkerView

Span = Literal["minutes", "hour", "day"]
SAMPLE_EVERY_S = 1.0
POINTS = 300  # of each span
STEPS_S: dict[Span, float] = {"minutes": 2.0, "hour": 12.0, "day": 288.0}
SPANS: tuple[Span, ...] = get_args(Span)
DIGITS = 4  # that count, which keeps an answer over the socket short
_AT_WORK = frozenset({WorkerPhase.TRAINING, WorkerPhase.VALIDATING, WorkerPhase.SAVING})

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class WorkerSeries:
    """A worker's means at even steps, and those of its device, which it may share with other workers.

    The newest come last; None stands where nothing was measured. What is never reported, such as the load of
    a CPU, is empty.
    """

    worker: int
    device: str
    tokens_per_s: Values
    loss: Values
    load_percent: Values
    memory_bytes: Values
    temperature_c: Values
    power_w: Values


@dataclass(frozen=True, slots=True)
class Series:
    """The newest values of every worker, `step_s` apart."""

    span: Span
    step_s: float
    workers: tuple[WorkerSeries, ...]

    def of(self, worker: int) -> WorkerSeries | None:
        """Return the values of a worker, None for one that was never seen."""
        return next((series for series in self.workers if series.worker == worker), None)


class _Track:
    """One quantity of one worker or device at one step."""

    __slots__ = ("_count", "_sum", "seen", "values")

    def __init__(self) -> None:
        self.values: deque[float | None] = deque(maxlen=POINTS)
        self.seen = False
        self._sum = 0.0
        self._count = 0

    def add(self, value: float | None) -> None:
        if value is not None and math.isfinite(value):
            self._sum += value
            self._count += 1
            self.seen = True

    def end_step(self, missed: int) -> None:
        """Take the mean of what was added; nothing is known of the steps that were missed after it."""
        mean = float(f"{self._sum / self._count:.{DIGITS}g}") if self._count else None
        self._sum, self._count = 0.0, 0
        self.values.append(mean)
        self.values.extend([None] * min(missed, POINTS))

    def newest(self, points: int) -> Values:
        if not self.seen:
            return ()
        return tuple(islice(self.values, max(0, len(self.values) - points), None))


_Tracks = list[_Track]


class SeriesRecorder:
    """Keeps three series of POINTS means for each worker and device that there is now."""

    def __init__(self) -> None:
        self._tracks: dict[Span, dict[int | str, _Tracks]] = {span: {} for span in SPANS}  # index or device
        self._devices: dict[int, str] = {}  # of the workers
        self._step: dict[Span, int] = {}

    def sample(self, now_s: float, workers: Sequence[WorkerView], gpus: Iterable[GpuReading]) -> None:
        """Take the moment's values, and forget workers that are gone.

        `now_s` is of a clock that only goes on.
        """
        readings = {gpu.device: gpu for gpu in gpus}
        self._devices = {worker.index: worker.device for worker in workers}
        values: dict[int | str, Values] = {worker.index: _of_worker(worker) for worker in workers}
        values |= {device: _of_device(readings.get(device)) for device in self._devices.values()}
        for span, step_s in STEPS_S.items():
            self._advance(span, int(now_s // step_s))
            before = self._tracks[span]
            tracks = self._tracks[span] = {
                key: before.get(key) or [_Track() for _ in quantities] for key, quantities in values.items()
            }
            for key, quantities in values.items():
                for track, value in zip(tracks[key], quantities, strict=True):
                    track.add(value)

    def newest(self, span: Span, points: int = POINTS) -> Series:
        """Return the newest values of every worker, at most `points` of each."""
        tracks = self._tracks[span]
        workers = (
            WorkerSeries(
                index, device, *(track.newest(points) for track in [*tracks[index], *tracks[device]])
            )
            for index, device in self._devices.items()
        )
        return Series(span, STEPS_S[span], tuple(workers))

    def _advance(self, span: Span, step: int) -> None:
        passed = step - self._step.setdefault(span, step)
        if passed > 0:
            self._step[span] = step
            for tracks in self._tracks[span].values():
                for track in tracks:
                    track.end_step(passed - 1)


def _of_worker(worker: WorkerView) -> Values:
    """Return speed and loss, in the order of WorkerSeries' fields; at rest the speed is 0."""
    at_work = worker.job_id is not None and worker.phase in _AT_WORK
    return (worker.tokens_per_s, worker.train_loss) if at_work else (0.0, None)


def _of_device(gpu: GpuReading | None) -> Values:
    """Return what a device reports, in the order of WorkerSeries' fields."""
    if gpu is None:
        return (None,) * 4
    return gpu.load_percent, gpu.memory_used_bytes, gpu.temperature_c, gpu.power_w
