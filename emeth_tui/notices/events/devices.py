"""What GPUs do by themselves: slow down, report errors, and vanish."""

from __future__ import annotations

from emeth_tui.model import Severity
from emeth_tui.notices.notice import EventBody, Reason


class GpuSlowed(EventBody):
    severity = Severity.WARNING

    device: str
    reason: Reason


class GpuAtFullSpeed(EventBody):
    device: str
    lasted_s: int


class GpuLost(EventBody):
    severity = Severity.ERROR

    device: str


class GpuBack(EventBody):
    device: str


class GpuReportsError(EventBody):
    severity = Severity.ERROR

    device: str
    xid: int
    reason: Reason
