"""The rules by which a result is accepted; docs/verification.md says how their limits were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emeth_tui.errors import JobError
from emeth_tui.notices.reasons.network import verification as why
from emeth_tui.protocol.hash_chain import links_from_digest
from emeth_tui.protocol.parameters import MAX_EPOCHS, MIN_EPOCHS
from emeth_tui.protocol.replay import Commitment, Kind
from emeth_tui.training.verification.measures import Learning, Replayed

LEAST_MEMORISED = 0.1  # of what a result gained on its own text, on no other
# Of the way that an epoch goes, where two kinds of device trained it (measured: docs/verification.md).
MOST_APART_IN_FP32, MOST_APART = 0.05, 0.5
MOST_ASTRAY = 0.05  # of the way to another order's weights, of which another job's are half (likewise)
_LEAST_GAIN = 0.01  # of the start's loss: where a short run gains less, chance decides
# Of the start's loss, on a model from scratch: a short run that takes more than the first share leaves thirty
# epochs less to gain, and one that takes the second, as on large texts, hardly anything.
_SHORT_RUN_TAKES = (0.2, 0.45)


@dataclass(frozen=True, slots=True)
class Examination:
    """A result file's own statements, and what was measured on it. `learning` is None where nobody asks."""

    epochs: int
    hash_hex: str
    loss: float
    untrained_loss: float
    learning: Learning | None = None
    states: str = ""  # what the result commits to (protocol.md §9b)
    state_bytes: int = 0  # the most that a state of this model has


@dataclass(frozen=True, slots=True)
class Limits:
    """What honest work reaches, with room to spare.

    Gains are measured in those of the verifier's own short run. A model that starts from random weights gains
    a multiple of them in thirty epochs. A pretrained one may be at its best after the first epochs, and then
    its result is no better than the short run's.
    """

    train_gain: float  # of a text that is small enough for a short run to leave most to be learned
    valid_gain: float
    own_share: float
    start_share: float


FROM_SCRATCH = Limits(train_gain=1.8, valid_gain=1.0, own_share=0.85, start_share=0.1)
PRETRAINED = Limits(train_gain=0.0, valid_gain=0.85, own_share=0.05, start_share=0.5)


def limits_of(pretrained: bool) -> Limits:
    """Return what is asked of a result, by what its training starts from."""
    return PRETRAINED if pretrained else FROM_SCRATCH


def check_examination(seen: Examination, digest: str, verification_key: str) -> None:
    """Check a result against the network's rules (protocol.md §9).

    Raise JobError naming the rule that it breaks.
    """
    if not MIN_EPOCHS <= seen.epochs <= MAX_EPOCHS:
        raise JobError(why.EpochsNotAccepted(seen.epochs, MIN_EPOCHS, MAX_EPOCHS))
    if seen.hash_hex != links_from_digest(digest, verification_key, seen.epochs)[-1]:
        raise JobError(why.NotLastLink(seen.epochs))
    if not seen.loss < seen.untrained_loss:
        raise JobError(why.LearnedNothing(seen.loss, seen.untrained_loss))
    if seen.learning is not None:
        check_learning(seen.learning)


def check_learning(learning: Learning) -> None:
    """Check that a result learned its text, by work of its node's own. Raise JobError."""
    limits = limits_of(learning.pretrained)
    start, short, result = learning.start, learning.short, learning.result
    if not learning.start_share >= limits.start_share:  # which a share that is not a number is not, either
        raise JobError(why.NotFromItsStart(learning.start_share))
    check_own_work(learning.own_share, pretrained=learning.pretrained)
    # Each is a comparison that a loss which is not a number fails.
    gained, short_gained = start.train - result.train, start.train - short.train
    if not gained > short_gained * _train_gain_asked(limits, short_gained / start.train):
        raise JobError(why.LearnedTooLittle(result.train, start.train, short.train))
    generalised, short_generalised = start.valid - result.valid, start.valid - short.valid
    can_be_asked = short_generalised > _LEAST_GAIN * start.valid
    if can_be_asked and not generalised >= limits.valid_gain * short_generalised:
        raise JobError(why.WorseThanShortRun(result.valid, start.valid, short.valid))
    if learning.memorises and not gained - generalised >= LEAST_MEMORISED * gained:
        raise JobError(why.NotThisText(result.train, result.valid))


def _train_gain_asked(limits: Limits, short_takes: float) -> float:
    """Return how many gains of the short run are asked, which takes this share of the start's loss."""
    some, most = _SHORT_RUN_TAKES
    left = min(1.0, max(0.0, (most - short_takes) / (most - some)))
    return min(limits.train_gain, 1 + left * (FROM_SCRATCH.train_gain - 1))


def check_own_work(own_share: float, *, pretrained: bool) -> None:
    """Check that a result was not made of earlier ones. Raise JobError."""
    if not own_share >= limits_of(pretrained).own_share:  # which a share that is not a number is not, either
        raise JobError(why.NotOwnWork(own_share))


def check_replay(outcomes: Sequence[Replayed], commitment: Commitment, own: Kind) -> None:
    """Check what came of epochs that a verifier trained again on its `own` kind of device. Raise JobError."""
    for outcome in outcomes:
        if outcome.equal:
            continue
        kinds = commitment.kinds(outcome.first, outcome.last)
        if commitment.repeats_on(own, outcome.first, outcome.last):
            raise JobError(why.EpochsNotEqual(outcome.first + 1, outcome.last))
        in_fp32 = all(kind.precision == "float32" for kind in (*kinds, own))
        most = MOST_APART_IN_FP32 if in_fp32 else MOST_APART
        if not outcome.share <= most:
            raise JobError(why.EpochsDiffer(outcome.first + 1, outcome.last, outcome.share))
        if not outcome.moments <= most:
            raise JobError(why.MomentsDiffer(outcome.first + 1, outcome.last, outcome.moments))
        if not abs(outcome.astray) <= MOST_ASTRAY:
            raise JobError(why.OrderNotOwn(outcome.first + 1, outcome.last, outcome.astray))
