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


class VerifierSays(Reason):
    """A reason of another version's verifier, in its own words."""

    text: str
