"""Why a key can do nothing now, and why a key of the user's own is not accepted."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class NodeStarting(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NoJobChosen(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NothingChosen(Reason):
    pass


@dataclass(frozen=True, slots=True)
class JobHasEnded(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NothingToPause(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NothingToDecline(Reason):
    pass


@dataclass(frozen=True, slots=True)
class TooLateToDecline(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NoJobToDecline(Reason):
    pass


@dataclass(frozen=True, slots=True)
class ClaimingAlreadyPaused(Reason):
    pass


@dataclass(frozen=True, slots=True)
class TakesNoNewJobs(Reason):
    pass


@dataclass(frozen=True, slots=True)
class AlreadyDraining(Reason):
    pass


@dataclass(frozen=True, slots=True)
class AlreadyStopping(Reason):
    pass


@dataclass(frozen=True, slots=True)
class EndsAfterDeadline(Reason):
    pass


@dataclass(frozen=True, slots=True)
class ChainNotReadYet(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NoRewardToWithdraw(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NothingToExport(Reason):
    pass


@dataclass(frozen=True, slots=True)
class SetByOption(Reason):
    pass


@dataclass(frozen=True, slots=True)
class SetByEnvironment(Reason):
    pass


@dataclass(frozen=True, slots=True)
class ChangeNeedsRestart(Reason):
    pass


@dataclass(frozen=True, slots=True)
class UnknownAction(Reason):
    action: str
    nearest: str


@dataclass(frozen=True, slots=True)
class KeyTaken(Reason):
    action: str
    key: str
    other: str
