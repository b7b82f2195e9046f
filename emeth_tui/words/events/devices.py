"""The sentences of notices/events/devices.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import devices
from emeth_tui.notices.notice import Notice

SENTENCES: Mapping[type[Notice], str] = {
    devices.GpuSlowed: "{device} runs slower: {reason}",
    devices.GpuAtFullSpeed: "{device} runs at full speed again, after {lasted_s}",
    devices.GpuLost: (
        "{device} has fallen off the bus: check its power cables and its seat, then restart the machine; its "
        "job goes on from the last checkpoint"
    ),
    devices.GpuBack: "{device} is back on the bus",
    devices.GpuReportsError: "{device} reports error {xid} (XID): {reason}",
}
