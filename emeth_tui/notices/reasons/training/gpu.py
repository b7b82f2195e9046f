"""Why a GPU runs slower, and what to do about an error that it reports."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class TooHot(Reason):
    pass


class PowerBraked(Reason):
    pass


class SlowedByHardware(Reason):
    pass


class FaultOfProgram(Reason):
    pass


class FaultOfMemory(Reason):
    pass


class FaultOfBus(Reason):
    pass


class FaultOfFirmware(Reason):
    pass


class FaultUnknown(Reason):
    pass
