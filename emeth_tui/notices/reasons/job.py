"""Why a job of ours has stopped, or a command about it is refused."""

from __future__ import annotations

from emeth_tui.foreign_text import ForeignText
from emeth_tui.model import JobState
from emeth_tui.notices.notice import Reason


class TransitionNotAllowed(Reason):
    current: JobState
    new: JobState


class NotUnderWay(Reason):
    job: str


class NotDeclinable(Reason):
    job: str
    state: JobState


class DeclineFailed(Reason):
    job: str
    cause: Reason


class DatasetUnusable(Reason):
    cause: Reason


class DatasetTooLate(Reason):
    cause: Reason


class NoWorkerInTime(Reason):
    pass


class HostNotBackInTime(Reason):
    host: str


class NothingToAppeal(Reason):
    pass


class ChainLacksJob(Reason):
    pass


class ChainLacksClaim(Reason):
    pass


class ChainLacksSubmission(Reason):
    pass


class EpochsDisagree(Reason):
    reported: int
    seen: int


class SystemTrouble(Reason):
    detail: ForeignText


class ClaimedBefore(Reason):
    pass


class TooLateToFinish(Reason):
    cause: Reason


class AnotherNodeFaster(Reason):
    pass
