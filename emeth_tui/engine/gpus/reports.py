"""GPUs that slow down, report errors or vanish: one event when that begins and one when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from emeth_tui.device_rules.hysteresis import Hysteresis
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.gpus.reading import GpuReading, Slowdown
from emeth_tui.engine.machine.sensors import Sample
from emeth_tui.notices.events import devices as events
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.training import gpu as why

SLOW_AFTER_S = 10.0
AT_FULL_SPEED_AFTER_S = 60.0
XID_AGAIN_S = 3_600.0  # the same error of the same GPU is no news before
# By NVIDIA's catalogue of XID errors.
_PROGRAM = frozenset({13, 31, 32, 43, 45, 68, 69, 109})
_MEMORY = frozenset({48, 63, 64, 92, 94, 95, 171, 172})
_BUS = frozenset({38, 54, 74, 79, 121})
_FIRMWARE = frozenset({61, 62, 119, 120, 140, 143})
_SLOWED: dict[Slowdown, Callable[[], Reason]] = {
    Slowdown.HEAT: why.TooHot,
    Slowdown.POWER_BRAKE: why.PowerBraked,
    Slowdown.HARDWARE: why.SlowedByHardware,
}


@dataclass(slots=True)
class _Gpu:
    """What was last said of one GPU."""

    slow: Hysteresis = field(default_factory=lambda: Hysteresis(SLOW_AFTER_S, AT_FULL_SPEED_AFTER_S))
    slow_since_s: float = 0.0
    lost: bool = False
    xids: dict[int, float] = field(default_factory=dict)  # when each was said


class GpuReports:
    """Takes samples and publishes what they show."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._gpus: dict[str, _Gpu] = {}

    def take(self, sample: Sample) -> None:
        """Take the next sample."""
        for reading in sample.gpus:
            known = self._gpus.setdefault(reading.device, _Gpu())
            self._look_at_errors(known, reading, sample.at_s)
            self._look_for(known, reading)
            if not reading.lost:
                self._look_at_speed(known, reading, sample.at_s)

    def _look_at_errors(self, known: _Gpu, reading: GpuReading, at_s: float) -> None:
        for xid in dict.fromkeys(reading.xids):
            if at_s - known.xids.get(xid, -XID_AGAIN_S) >= XID_AGAIN_S:
                known.xids[xid] = at_s
                self._events.publish(events.GpuReportsError(reading.device, xid, remedy_of(xid)))

    def _look_for(self, known: _Gpu, reading: GpuReading) -> None:
        if reading.lost != known.lost:
            known.lost = reading.lost
            kind = events.GpuLost if reading.lost else events.GpuBack
            self._events.publish(kind(reading.device))

    def _look_at_speed(self, known: _Gpu, reading: GpuReading, at_s: float) -> None:
        slow, was_slow = reading.slowdown is not None, known.slow.is_on
        if known.slow.take(at_s, turn_on=slow, turn_off=not slow) == was_slow:
            return
        if reading.slowdown is not None:
            known.slow_since_s = at_s
            self._events.publish(events.GpuSlowed(reading.device, _SLOWED[reading.slowdown]()))
        else:
            lasted_s = round(at_s - known.slow_since_s - AT_FULL_SPEED_AFTER_S)
            self._events.publish(events.GpuAtFullSpeed(reading.device, max(0, lasted_s)))


def remedy_of(xid: int) -> Reason:
    """Return what to do about an error that a GPU reports."""
    for numbers, reason in (
        (_PROGRAM, why.FaultOfProgram),
        (_MEMORY, why.FaultOfMemory),
        (_BUS, why.FaultOfBus),
        (_FIRMWARE, why.FaultOfFirmware),
    ):
        if xid in numbers:
            return reason()
    return why.FaultUnknown()
