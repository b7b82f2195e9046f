"""Pauses by hand for a time, and why one is refused. `until` is by the owner's clock."""

from __future__ import annotations

from emeth_tui.model import OPERATOR, Asker
from emeth_tui.notices.notice import Reason


class PausedUntil(Reason):
    """Claiming is paused by somebody, for a time."""

    until_unix_s: int
    until: str
    by: Asker = OPERATOR


class PauseTooRisky(Reason):
    """Why a job is not paused: it is finished first."""

    job: str
    needed_s: int
    deadline_s: int


class GivenBackInstead(Reason):
    """Why a job is not paused: it is given back."""

    job: str
    needed_s: int
    deadline_s: int


class NotATimeOfDay(Reason):
    text: str
