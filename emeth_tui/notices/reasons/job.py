"""Why a job of ours has stopped, or a command about it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.model import JobState
from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class TransitionNotAllowed(Reason):
    current: JobState
    new: JobState


@dataclass(frozen=True, slots=True)
class NotUnderWay(Reason):
    job: str


@dataclass(frozen=True, slots=True)
class NotDeclinable(Reason):
    job: str
    state: JobState


@dataclass(frozen=True, slots=True)
class DeclineFailed(Reason):
    job: str
    cause: Reason


@dataclass(frozen=True, slots=True)
class DatasetUnusable(Reason):
    cause: Reason


@dataclass(frozen=True, slots=True)
class DatasetTooLate(Reason):
    cause: Reason


class ChainLacksJob(Reason):
    __slots__ = ()


class ChainLacksClaim(Reason):
    __slots__ = ()


class ChainLacksSubmission(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class EpochsDisagree(Reason):
    reported: int
    seen: int


@dataclass(frozen=True, slots=True)
class SystemTrouble(Reason):
    detail: str


class ClaimedBefore(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TooLateToFinish(Reason):
    cause: Reason


class AnotherNodeFaster(Reason):
    __slots__ = ()
