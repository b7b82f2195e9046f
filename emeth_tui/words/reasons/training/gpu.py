"""The sentences of notices/reasons/training/gpu.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.training import gpu

SENTENCES: Mapping[type[Notice], str] = {
    gpu.TooHot: "it is too hot; clean its fans, give it air, or have it rest earlier (rules.hold)",
    gpu.PowerBraked: "its power supply asks for it; check the power cables and what the supply can give",
    gpu.SlowedByHardware: "it does not say why; `nvidia-smi -q -d PERFORMANCE` shows more",
    gpu.FaultOfProgram: (
        "a program did something that it cannot do; if that comes again, update the driver, then run "
        "`emeth-tui doctor`"
    ),
    gpu.FaultOfMemory: (
        "its memory fails; `nvidia-smi -q -d ECC,PAGE_RETIREMENT` shows how much of it, and a restart of the "
        "machine sets bad pages aside"
    ),
    gpu.FaultOfBus: "the machine does not reach it; check its seat and its power cables",
    gpu.FaultOfFirmware: "its firmware has stopped; restart the machine, and update the driver",
    gpu.FaultUnknown: "the driver's release notes explain the number; if it comes again, restart the machine",
}
