"""Back to the best: what a pretrained model's training does when it begins to overfit.

Thirty epochs over a small text make a pretrained model worse than it came. So the validation loss is
measured before the first epoch as well, and counts as the first best. After PATIENCE epochs without a new
best the training goes back to the best weights, forgets what the optimiser has learnt, and goes on at
RATE_SHARE of the rate. Every epoch is trained over all of its tokens; what the result holds in the end are
the best weights.

Where nothing was better than the start, the result is what the last epoch made of it, drawn towards the start
until it is no worse: by then the rate has fallen so far that hardly anything is left to draw.

A model from random weights is at its best after the last epoch, unless the end of its text, which validates,
is of another kind than what it trains on. Random weights lose about the logarithm of the vocabulary's size.
Only where the last loss comes near that is the start measured after all, and the result drawn towards it.

Loads no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

PATIENCE = 2  # epochs without a new best
RATE_SHARE = 0.1  # of the rate before, after going back
LEAST_RATE_SHARE = 1e-3  # of the planned rate: smaller steps would vanish in the rounding of the weights
MOST_HALVINGS = 12  # of the way that is left from the start: then less than a loss can show
_DOUBTFUL_SHARE = 0.95  # of the logarithm of the vocabulary's size
_LEAST_BLOCKS = 32  # with fewer validated, chance decides what is best
_MOST_BLOCKS = 4_096  # half a million tokens: the error of their mean is far below what an epoch changes
_VALIDATED_SHARE = 0.08  # of the blocks trained; a pass forward costs a third of a step (measured)


class Verdict(Enum):
    """What an epoch's validation loss means for the training."""

    BEST = "best"  # the weights are to be kept
    GO_ON = "go on"
    GO_BACK = "go back"  # to the best weights


@dataclass(slots=True)
class BestSoFar:
    """The best validation loss of a training, the start's included, and the rate that remains."""

    start_loss: float = math.nan
    loss: float = math.inf
    epoch: int = 0  # whole epochs that the best weights have been trained; 0: as they came
    waited: int = 0  # epochs since then, or since the training went back to it
    went_back_after: int = 0  # the epoch after which it last did
    rate_share: float = 1.0  # of the planned learning rate

    @property
    def started(self) -> bool:
        """Whether the start has been measured."""
        return not math.isnan(self.start_loss)

    def start(self, loss: float) -> None:
        """Note the loss of the weights as they came: the first best."""
        self.start_loss = self.loss = loss

    def judge(self, epoch: int, loss: float, *, last: bool) -> Verdict:
        """Judge the loss after so many epochs. After the last one nothing is trained any more."""
        if loss < self.loss:
            self.loss, self.epoch, self.waited = loss, epoch, 0
            return Verdict.BEST
        self.waited += 1
        if self.waited < PATIENCE or last:
            return Verdict.GO_ON
        self.waited, self.went_back_after = 0, epoch
        self.rate_share = max(LEAST_RATE_SHARE, self.rate_share * RATE_SHARE)
        return Verdict.GO_BACK

    def is_at_best(self, epoch: int, blocks_done: int) -> bool:
        """Return whether the weights at this place are the best ones."""
        return not blocks_done and epoch in {self.epoch, self.went_back_after}


def is_doubtful(loss: float, vocab_size: int) -> bool:
    """Return whether a validation loss may be no better than that of random weights."""
    return loss > _DOUBTFUL_SHARE * math.log(vocab_size)


def blocks_to_validate(valid: int, train: int) -> int:
    """Return how many blocks of the validation part to measure each epoch by, given those trained on.

    With these few the measuring costs at most 3 % of an epoch, but for texts so small that it takes no time.
    """
    return min(valid, _MOST_BLOCKS, max(_LEAST_BLOCKS, int(train * _VALIDATED_SHARE)))
