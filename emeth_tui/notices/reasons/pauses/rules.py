"""What rules hold devices for. `until` is where they go on, and `since` a moment by the owner's clock."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class GpuHot(Reason):
    now_c: int
    until_c: int
    since: str


class GpuMemoryHot(Reason):
    now_c: int
    until_c: int
    since: str


class GpuNearSlowdown(Reason):
    now_c: int
    until_c: int
    since: str


class GpuPowerHigh(Reason):
    now_w: int
    until_w: int
    since: str


class FanFast(Reason):
    now_percent: float
    until_percent: float
    since: str


class GpuUsedByOthers(Reason):
    now_bytes: int
    until_bytes: int
    since: str


class CpuUsedByOthers(Reason):
    now_percent: float
    until_percent: float
    since: str


class MemoryLow(Reason):
    now_bytes: int
    until_bytes: int
    since: str


class BatteryLow(Reason):
    now_percent: float
    until_percent: float
    since: str


class OnBattery(Reason):
    since: str
