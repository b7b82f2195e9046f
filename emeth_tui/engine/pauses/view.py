"""What front ends show of pauses: the devices that are held, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class HeldDevice:
    """A worker whose device is held; `finishing` is the job that is trained to its end first."""

    worker: int
    reason: Reason
    since_unix_s: float
    finishing: JobId | None = None


@dataclass(frozen=True, slots=True)
class Coming:
    """What comes next, and when."""

    at_unix_s: float
    what: Reason
