"""The sentences of notices/reasons/pauses/rules.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.pauses import rules

SENTENCES: Mapping[type[Notice], str] = {
    rules.GpuHot: "{now_c} °C, until {until_c} °C; since {since}",
    rules.GpuMemoryHot: "memory at {now_c} °C, until {until_c} °C; since {since}",
    rules.GpuNearSlowdown: "{now_c} °C below its limit, until {until_c} °C; since {since}",
    rules.GpuPowerHigh: "{now_w} W, until {until_w} W; since {since}",
    rules.FanFast: "fan at {now_percent}, until {until_percent}; since {since}",
    rules.GpuUsedByOthers: "other programs hold {now_bytes} of it, until {until_bytes}; since {since}",
    rules.CpuUsedByOthers: (
        "other programs use {now_percent} of the CPU, until {until_percent}; since {since}"
    ),
    rules.MemoryLow: "{now_bytes} of memory free, until {until_bytes}; since {since}",
    rules.BatteryLow: "battery at {now_percent}, until {until_percent}; since {since}",
    rules.OnBattery: "on battery since {since}",
}
