"""Why a key can do nothing now, and why a key of the user's own is not accepted."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


class NodeStarting(Reason):
    __slots__ = ()


class ReadOnlyScreen(Reason):
    __slots__ = ()


class NoJobChosen(Reason):
    __slots__ = ()


class NothingChosen(Reason):
    __slots__ = ()


class JobHasEnded(Reason):
    __slots__ = ()


class NothingToPause(Reason):
    __slots__ = ()


class NothingToDecline(Reason):
    __slots__ = ()


class TooLateToDecline(Reason):
    __slots__ = ()


class NoJobToDecline(Reason):
    __slots__ = ()


class ClaimingAlreadyPaused(Reason):
    __slots__ = ()


class TakesNoNewJobs(Reason):
    __slots__ = ()


class AlreadyDraining(Reason):
    __slots__ = ()


class AlreadyStopping(Reason):
    __slots__ = ()


class EndsAfterDeadline(Reason):
    __slots__ = ()


class ChainNotReadYet(Reason):
    __slots__ = ()


class NoRewardToWithdraw(Reason):
    __slots__ = ()


class NothingToExport(Reason):
    __slots__ = ()


class SetByOption(Reason):
    __slots__ = ()


class SetByEnvironment(Reason):
    __slots__ = ()


class ChangeNeedsRestart(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class UnknownAction(Reason):
    action: str
    nearest: str


@dataclass(frozen=True, slots=True)
class KeyTaken(Reason):
    action: str
    key: str
    other: str
