"""Why a verifier rejects a result."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class EpochsNotAccepted(Reason):
    epochs: int
    least: int
    most: int


class NotLastLink(Reason):
    epochs: int


class LearnedNothing(Reason):
    loss: float
    untrained_loss: float


class ResultEndsProcess(Reason):
    pass


class NotFromItsStart(Reason):
    """`share` is the cosine between the result's weights and those that its job starts from."""

    share: float


class NotOwnWork(Reason):
    share: float


class LearnedTooLittle(Reason):
    loss: float
    start_loss: float
    short_loss: float


class WorseThanShortRun(Reason):
    loss: float
    start_loss: float
    short_loss: float


class NotThisText(Reason):
    train_loss: float
    valid_loss: float


class VerifierSays(Reason):
    """A reason of another version's verifier, in its own words."""

    text: str
