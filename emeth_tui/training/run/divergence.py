"""Is the training still learning? Judged from what the loss meter has read, so that no step waits for it.

Trouble is met in three stages. A step that gives no finite numbers is never applied, and lowers the learning
rate. Too many of those, or a loss that diverges, send the training back to its last checkpoint at
a lower rate. When that does not help either, the job fails, with the reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from emeth_tui.errors import Reasoned
from emeth_tui.notices.reasons.training.run import NoFiniteStep, StepsNotFinite, TrainingLossIs

RATE_SHARE_AFTER_TROUBLE = 0.5  # of the learning rate before
MAX_SET_BACKS = 3  # in one job
_HOPELESS = 2.0  # times the loss of guessing at random: a training that far off does not come back
_WORSE_FACTOR, _WORSE_MARGIN = 1.5, 1.0  # over the best loss there was: more than the noise of batches
_ENOUGH_STEPS = 20  # for a mean within an epoch to be judged
_SETTLED_STEPS = 40  # for the mean of an epoch so far to be what others are judged against
_SKIPPED_ALLOWED = 3  # steps, or in a long training
_SKIPPED_SHARE_ALLOWED = 0.01  # of all its steps


class DivergedError(Reasoned):
    """The training does not learn any more; the reason says how that was seen."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter says: the epoch's loss summed over `tokens`, and all the steps not applied so far."""

    loss_sum: float
    tokens: float
    skipped: int

    @property
    def mean_loss(self) -> float:
        """The mean loss per token; not a number when no step was applied."""
        return self.loss_sum / self.tokens if self.tokens else math.nan


class LossWatch:
    """Judges the training loss: by windows within an epoch, and each epoch as a whole.

    What it was at best is the best epoch's mean, or the least that this epoch's own mean has been: a
    pretrained model may diverge in its first epoch.
    """

    def __init__(self, vocab_size: int) -> None:
        self._hopeless = _HOPELESS * math.log(vocab_size)
        self._steps = 0
        self._start = Reading(0.0, 0.0, 0)
        self._least_mean = math.inf

    def start(self, steps: int, reading: Reading) -> None:
        """Begin an epoch, or go on at so many steps of one, with weights that are in good health."""
        self._least_mean = math.inf
        self._start_window(steps, reading)

    def judge(self, steps: int, reading: Reading, best_loss: float) -> None:
        """Judge the window that ends here, if it is long enough. Raise DivergedError."""
        if steps - self._steps < _ENOUGH_STEPS:
            return
        tokens = reading.tokens - self._start.tokens
        if tokens:
            self.judge_mean((reading.loss_sum - self._start.loss_sum) / tokens, best_loss)
        self._start_window(steps, reading)

    def judge_mean(self, mean_loss: float, best_loss: float) -> None:
        """Judge a mean over many tokens, given the best epoch's. Raise DivergedError."""
        if math.isnan(mean_loss):
            raise DivergedError(NoFiniteStep())
        best_loss = min(best_loss, self._least_mean)
        if mean_loss > min(self._hopeless, best_loss * _WORSE_FACTOR + _WORSE_MARGIN):
            raise DivergedError(TrainingLossIs(mean_loss))

    def _start_window(self, steps: int, reading: Reading) -> None:
        self._steps, self._start = steps, reading
        # Of the epoch so far, not of a window: the mean of few blocks may be low by chance.
        if steps >= _SETTLED_STEPS and reading.tokens:
            self._least_mean = min(self._least_mean, reading.mean_loss)


def check_skipped(skipped: int, steps: int) -> None:
    """Judge how many of a training's steps could not be applied. Raise DivergedError for too many."""
    if skipped > max(_SKIPPED_ALLOWED, _SKIPPED_SHARE_ALLOWED * steps):
        raise DivergedError(StepsNotFinite(skipped, steps))
