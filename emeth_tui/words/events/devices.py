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

REMEDIES: Mapping[type[Notice], str] = {
    devices.GpuSlowed: (
        "follow its reason; a rule such as `temperature above 83 until 75` in rules.hold has the GPU rest "
        "before"
    ),
    devices.GpuLost: (
        "if it stays away after the restart, `emeth-tui doctor` shows what the driver sees; the other "
        "devices work meanwhile"
    ),
    devices.GpuReportsError: (
        "follow its reason; if it comes again, leave this GPU out of workers.devices until it is mended"
    ),
}
