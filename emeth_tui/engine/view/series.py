"""What each device did over the last minutes, hour and day: as much as a graph can show, in memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
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
class DeviceSeries:
    """A device's means at even steps, the newest last; None where nothing was measured.

    There are as many of each; what a device never reports, such as the load of a CPU, is empty.
    """

    device: str
    tokens_per_s: Values
    load_percent: Values
    memory_bytes: Values
    temperature_c: Values
    power_w: Values
    loss: Values


@dataclass(frozen=True, slots=True)
class Series:
    """The newest values of every device, `step_s` apart."""

    span: Span
    step_s: float
    devices: tuple[DeviceSeries, ...]

    def of(self, device: str) -> DeviceSeries | None:
        """Return the values of a device, None for one that was never seen."""
        return next((series for series in self.devices if series.device == device), None)


class _Track:
    """One quantity of one device at one step."""

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


_QUANTITIES = 6
_Tracks = list[_Track]


class SeriesRecorder:
    """Keeps three series of POINTS means for each device, however long the node runs."""

    def __init__(self) -> None:
        self._tracks: dict[Span, dict[str, _Tracks]] = {span: {} for span in SPANS}
        self._step: dict[Span, int] = {}

    def sample(self, now_s: float, workers: Iterable[WorkerView], gpus: Iterable[GpuReading]) -> None:
        """Take the moment's values. `now_s` is of a clock that only goes on."""
        readings = {gpu.device: gpu for gpu in gpus}
        values = {worker.device: _values(worker, readings.get(worker.device)) for worker in workers}
        for span, step_s in STEPS_S.items():
            self._advance(span, int(now_s // step_s))
            tracks = self._tracks[span]
            for device, quantities in values.items():
                if device not in tracks:
                    tracks[device] = [_Track() for _ in range(_QUANTITIES)]
                for track, value in zip(tracks[device], quantities, strict=True):
                    track.add(value)

    def newest(self, span: Span, points: int = POINTS) -> Series:
        """Return the newest values of every device, at most `points` of each."""
        devices = (
            DeviceSeries(device, *(track.newest(points) for track in tracks))
            for device, tracks in self._tracks[span].items()
        )
        return Series(span, STEPS_S[span], tuple(devices))

    def _advance(self, span: Span, step: int) -> None:
        passed = step - self._step.setdefault(span, step)
        if passed > 0:
            self._step[span] = step
            for tracks in self._tracks[span].values():
                for track in tracks:
                    track.end_step(passed - 1)


def _values(worker: WorkerView, gpu: GpuReading | None) -> tuple[float | None, ...]:
    """Return the values in the order of DeviceSeries' fields; the speed of one that does not train is 0."""
    at_work = worker.job_id is not None and worker.phase in _AT_WORK
    tokens_per_s = worker.tokens_per_s if at_work else 0.0
    loss = worker.train_loss if at_work else None
    if gpu is None:
        return tokens_per_s, None, None, None, None, loss
    return tokens_per_s, gpu.load_percent, gpu.memory_used_bytes, gpu.temperature_c, gpu.power_w, loss
