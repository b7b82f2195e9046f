"""Why a verifier rejects a result."""

from __future__ import annotations

from emeth_tui.model import JobId
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


class SeedRepeated(Reason):
    """`earlier` was requested before, and has the same seed."""

    earlier: JobId


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


class CommitmentInvalid(Reason):
    """What a result says of its training's states."""


class CommitmentMissing(Reason):
    pass


class StateInvalid(Reason):
    pass


class CourseInvalid(Reason):
    epoch: int


class ResultNotCommitted(Reason):
    pass


class StateNotCommitted(Reason):
    epoch: int


class StatesNotDelivered(Reason):
    """`epochs` as the node reads them: "6, 9"."""

    epochs: str
    limit_s: int


class EpochsDiffer(Reason):
    """`share` is the distance of the states at the end, in ways of the epoch that moved them least."""

    first: int
    last: int
    share: float


class MomentsDiffer(Reason):
    """`share` is the distance of AdamW's moments at the end, as a share of their size."""

    first: int
    last: int
    share: float


class OrderNotOwn(Reason):
    """`share` is how far off the states are on the way to where another order of the blocks leads."""

    first: int
    last: int
    share: float


class EpochsNotEqual(Reason):
    first: int
    last: int


class LossDiffers(Reason):
    epoch: int
    claimed_loss: float
    measured_loss: float


class SecondAgrees(Reason):
    """What two verifiers say, each by itself."""

    first: Reason
    second: Reason


class ListVerdicts(Reason):
    pass


class SettledAlready(Reason):
    pass


class VerifierSays(Reason):
    """A reason of another version's verifier, in its own words."""

    text: str
