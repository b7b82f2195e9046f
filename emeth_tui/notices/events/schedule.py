"""What pauses do to devices and jobs: by the hours of the schedule, or by hand for a time."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.model import Severity
from emeth_tui.notices.notice import EventBody, Reason, Wei


@dataclass(frozen=True, slots=True)
class DeviceHeld(EventBody):
    device: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class DeviceLetGo(EventBody):
    device: str


@dataclass(frozen=True, slots=True)
class FinishesFirst(EventBody):
    """A job is not paused, or no longer: it would miss its deadline."""

    severity = Severity.WARNING

    needed_s: int
    deadline_s: int


@dataclass(frozen=True, slots=True)
class GivenBackBeforePause(EventBody):
    severity = Severity.WARNING

    needed_s: int
    deadline_s: int
    penalty_wei: Wei
    timeout_wei: Wei


@dataclass(frozen=True, slots=True)
class PausedAtRisk(EventBody):
    """A job is paused although it will probably miss its deadline: the owner wants it so."""

    severity = Severity.ERROR

    needed_s: int
    deadline_s: int
    penalty_wei: Wei
    timeout_wei: Wei
