"""Why a key can do nothing now, and why a key of the user's own is not accepted."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class NodeStarting(Reason):
    pass


class ReadOnlyScreen(Reason):
    pass


class NoJobChosen(Reason):
    pass


class NothingChosen(Reason):
    pass


class JobHasEnded(Reason):
    pass


class NothingToPause(Reason):
    pass


class NothingToDecline(Reason):
    pass


class TooLateToDecline(Reason):
    pass


class NoJobToDecline(Reason):
    pass


class ClaimingAlreadyPaused(Reason):
    pass


class TakesNoNewJobs(Reason):
    pass


class AlreadyDraining(Reason):
    pass


class AlreadyStopping(Reason):
    pass


class EndsAfterDeadline(Reason):
    pass


class ChainNotReadYet(Reason):
    pass


class NoRewardToWithdraw(Reason):
    pass


class NothingToExport(Reason):
    pass


class SetByOption(Reason):
    pass


class SetByEnvironment(Reason):
    pass


class ChangeNeedsRestart(Reason):
    pass


class EntryMissing(Reason):
    name: str


class EntryNotUnderstood(Reason):
    name: str
    text: str
    wanted: str


class UnknownAction(Reason):
    action: str
    hint: Reason


class KeyTaken(Reason):
    action: str
    key: str
    other: str
