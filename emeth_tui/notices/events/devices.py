"""What GPUs do by themselves: slow down, report errors, and vanish."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.model import Severity
from emeth_tui.notices.notice import EventBody, Reason


@dataclass(frozen=True, slots=True)
class GpuSlowed(EventBody):
    severity = Severity.WARNING

    device: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class GpuAtFullSpeed(EventBody):
    device: str
    lasted_s: int


@dataclass(frozen=True, slots=True)
class GpuLost(EventBody):
    severity = Severity.ERROR

    device: str


@dataclass(frozen=True, slots=True)
class GpuBack(EventBody):
    device: str


@dataclass(frozen=True, slots=True)
class GpuReportsError(EventBody):
    severity = Severity.ERROR

    device: str
    xid: int
    reason: Reason
