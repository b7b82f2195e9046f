"""What rules hold devices for. `until` is where they go on, and `since` a moment by the owner's clock."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class GpuHot(Reason):
    now_c: int
    until_c: int
    since: str


@dataclass(frozen=True, slots=True)
class GpuMemoryHot(Reason):
    now_c: int
    until_c: int
    since: str


@dataclass(frozen=True, slots=True)
class GpuNearSlowdown(Reason):
    now_c: int
    until_c: int
    since: str


@dataclass(frozen=True, slots=True)
class GpuPowerHigh(Reason):
    now_w: int
    until_w: int
    since: str


@dataclass(frozen=True, slots=True)
class FanFast(Reason):
    now_percent: float
    until_percent: float
    since: str


@dataclass(frozen=True, slots=True)
class GpuUsedByOthers(Reason):
    now_bytes: int
    until_bytes: int
    since: str


@dataclass(frozen=True, slots=True)
class CpuUsedByOthers(Reason):
    now_percent: float
    until_percent: float
    since: str


@dataclass(frozen=True, slots=True)
class MemoryLow(Reason):
    now_bytes: int
    until_bytes: int
    since: str


@dataclass(frozen=True, slots=True)
class BatteryLow(Reason):
    now_percent: float
    until_percent: float
    since: str


@dataclass(frozen=True, slots=True)
class OnBattery(Reason):
    since: str
