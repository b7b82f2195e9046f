"""What pauses do to devices and jobs: by the hours of the schedule, or by hand for a time."""

from __future__ import annotations

from emeth_tui.model import Severity
from emeth_tui.notices.notice import EventBody, Reason, Wei


class DeviceHeld(EventBody):
    device: str
    reason: Reason


class DeviceLetGo(EventBody):
    device: str


class FinishesFirst(EventBody):
    """A job is not paused, or no longer: it would miss its deadline."""

    severity = Severity.WARNING

    needed_s: int
    deadline_s: int


class GivenBackBeforePause(EventBody):
    severity = Severity.WARNING

    needed_s: int
    deadline_s: int
    penalty_wei: Wei
    timeout_wei: Wei


class PausedAtRisk(EventBody):
    """A job is paused although it will probably miss its deadline: the owner wants it so."""

    severity = Severity.ERROR

    needed_s: int
    deadline_s: int
    penalty_wei: Wei
    timeout_wei: Wei
