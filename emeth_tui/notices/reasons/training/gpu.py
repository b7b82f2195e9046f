"""Why a GPU runs slower, and what to do about an error that it reports."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class TooHot(Reason):
    __slots__ = ()


class PowerBraked(Reason):
    __slots__ = ()


class SlowedByHardware(Reason):
    __slots__ = ()


class FaultOfProgram(Reason):
    __slots__ = ()


class FaultOfMemory(Reason):
    __slots__ = ()


class FaultOfBus(Reason):
    __slots__ = ()


class FaultOfFirmware(Reason):
    __slots__ = ()


class FaultUnknown(Reason):
    __slots__ = ()
