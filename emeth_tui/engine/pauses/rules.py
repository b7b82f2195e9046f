"""The owner's rules on heat, power and other programs: which devices they hold now, and since when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from emeth_tui.device_rules.hysteresis import Hysteresis
from emeth_tui.device_rules.rule import Figure, HoldRule, rules_of
from emeth_tui.engine.machine.sensors import Sample, Sensors
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.pauses import rules as why

BYTES_PER_MB = 1_000_000


@dataclass(slots=True)
class _State:
    """One rule on one device."""

    hysteresis: Hysteresis
    value: float = 0.0
    since: str = field(default="")


class DeviceRules:
    """Answers by the settings in effect; `local` shows a moment by the owner's clock."""

    def __init__(
        self, rules: Callable[[], Sequence[str]], sensors: Sensors, local: Callable[[float], str]
    ) -> None:
        self._texts = rules
        self._sensors = sensors
        self._local = local
        self._read: tuple[Sequence[str], tuple[HoldRule, ...]] = ((), ())
        self._states: dict[tuple[HoldRule, str], _State] = {}

    def look(self, devices: Iterable[str], now_unix_s: float) -> None:
        """Take the newest figures of these devices."""
        sample = self._sensors.latest()
        pairs = [
            (rule, device)
            for rule in self._rules
            for device in dict.fromkeys(devices)
            if rule.applies_to(device)
        ]
        self._states = {pair: self._states.get(pair) or _new_state(pair[0]) for pair in pairs}
        for (rule, device), state in self._states.items():
            self._take(state, rule, value_of(rule.figure, device, sample), now_unix_s)

    def why_held(self, device: str) -> Reason | None:
        """Return what a rule holds a device for, by the first that does; None when none does."""
        for (rule, of), state in self._states.items():
            if of == device and state.hysteresis.is_on:
                return reason_of(rule, state.value, state.since)
        return None

    @property
    def _rules(self) -> tuple[HoldRule, ...]:
        texts = self._texts()
        if texts is not self._read[0]:
            self._read = (texts, rules_of(texts))
        return self._read[1]

    def _take(self, state: _State, rule: HoldRule, value: float | None, now_unix_s: float) -> None:
        """Take a value. One that is not known holds nothing up: what held is let go in its time."""
        was_on = state.hysteresis.is_on
        is_on = state.hysteresis.take(
            self._sensors.now_s,
            turn_on=value is not None and rule.is_over(value),
            turn_off=value is None or rule.is_fine(value),
        )
        if value is not None:
            state.value = value
        if is_on and not was_on:
            state.since = self._local(now_unix_s)


def _new_state(rule: HoldRule) -> _State:
    return _State(Hysteresis(rule.hold_after_s, rule.go_on_after_s))


def value_of(figure: Figure, device: str, sample: Sample) -> float | None:
    """Return a figure for a device, None where it is not reported."""
    gpu, machine = sample.gpu(device), sample.machine
    match figure:
        case Figure.OTHERS_CPU:
            return machine.others_cpu_percent
        case Figure.FREE_MEMORY:
            return _in_mb(machine.free_memory_bytes)
        case Figure.BATTERY:
            return machine.battery_percent
        case Figure.ON_BATTERY:
            return machine.on_battery
    if gpu is None:
        return None
    return {
        Figure.TEMPERATURE: gpu.temperature_c,
        Figure.MEMORY_TEMPERATURE: gpu.memory_temperature_c,
        Figure.MARGIN: gpu.margin_c,
        Figure.POWER: gpu.power_w,
        Figure.FAN: gpu.fan_percent,
        Figure.OTHERS_GPU_MEMORY: _in_mb(gpu.others_bytes),
    }[figure]


def reason_of(rule: HoldRule, value: float, since: str) -> Reason:
    """Return what a rule holds a device for, with the figure as it is."""
    now, until = value, rule.until
    match rule.figure:
        case Figure.TEMPERATURE:
            return why.GpuHot(round(now), round(until), since)
        case Figure.MEMORY_TEMPERATURE:
            return why.GpuMemoryHot(round(now), round(until), since)
        case Figure.MARGIN:
            return why.GpuNearSlowdown(round(now), round(until), since)
        case Figure.POWER:
            return why.GpuPowerHigh(round(now), round(until), since)
        case Figure.FAN:
            return why.FanFast(now, until, since)
        case Figure.OTHERS_GPU_MEMORY:
            return why.GpuUsedByOthers(_in_bytes(now), _in_bytes(until), since)
        case Figure.OTHERS_CPU:
            return why.CpuUsedByOthers(now, until, since)
        case Figure.FREE_MEMORY:
            return why.MemoryLow(_in_bytes(now), _in_bytes(until), since)
        case Figure.BATTERY:
            return why.BatteryLow(now, until, since)
        case Figure.ON_BATTERY:
            return why.OnBattery(since)


def _in_mb(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / BYTES_PER_MB


def _in_bytes(size_mb: float) -> int:
    return round(size_mb * BYTES_PER_MB)
