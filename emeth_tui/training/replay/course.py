"""What follows in a training's records from those before, without training: the verifier believes none of it.

Loads no torch.
"""

from __future__ import annotations

import math
from dataclasses import asdict

import msgspec

from emeth_tui.errors import JobError
from emeth_tui.notices.reasons.network.verification import CourseInvalid
from emeth_tui.protocol.replay import Best, Commitment, StateRecord
from emeth_tui.training.run.best_weights import BestSoFar, Verdict


def check_course(commitment: Commitment, steps_per_epoch: int, *, pretrained: bool) -> None:
    """Check that each record's rate and best follow from the losses, by the rule of `best_weights`.

    So a node cannot lower its rate, or go back to other weights, as it likes. Raise JobError.
    """
    first = commitment.records[0]
    if first.steps or first.valid_loss is not None or (first.best is not None) is not pretrained:
        raise JobError(CourseInvalid(0))
    if first.best is not None and first.best != _best_of(_begun(first.best.start_loss)):
        raise JobError(CourseInvalid(0))
    for before, record in zip(commitment.records, commitment.records[1:], strict=False):
        if not _follows(before, record, steps_per_epoch, last=record.epoch == commitment.epochs):
            raise JobError(CourseInvalid(record.epoch))
    for record in commitment.records:
        best = record.best
        went_back = best is not None and best.went_back_after == record.epoch > 0
        if best is not None and went_back and record.weights != commitment.records[best.epoch].weights:
            raise JobError(CourseInvalid(record.epoch))


def result_epoch(commitment: Commitment) -> int:
    """Return after which epoch the weights were those of the result, where they were not halved."""
    last = commitment.records[-1]
    return last.best.epoch if last.best is not None and last.best.epoch else commitment.epochs


def _follows(before: StateRecord, record: StateRecord, steps_per_epoch: int, *, last: bool) -> bool:
    if record.valid_loss is None or not math.isfinite(record.valid_loss):
        return False
    steps = before.steps + steps_per_epoch
    if before.best is None or record.best is None:
        return record.best is None and before.best is None and record.steps == steps
    so_far = BestSoFar(**msgspec.structs.asdict(before.best))
    if so_far.judge(record.epoch, record.valid_loss, last=last) is Verdict.GO_BACK:
        steps = 0
    return record.steps == steps and record.best == _best_of(so_far)


def _begun(start_loss: float) -> BestSoFar:
    so_far = BestSoFar()
    so_far.start(start_loss)
    return so_far


def _best_of(so_far: BestSoFar) -> Best:
    return Best(**asdict(so_far))
