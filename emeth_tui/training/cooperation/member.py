"""A member's end of the averaging: what it hands over after an epoch, and the average it goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emeth_tui.errors import JobError, TrainingError
from emeth_tui.notices.reasons.training.result import DifferenceOfAnotherAverage
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.training.cooperation import differences
from emeth_tui.training.cooperation.average import hand_over
from emeth_tui.training.cooperation.differences import Difference, Rounded, Weights
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.reports import AVERAGE_NAME


@dataclass(slots=True)
class MemberEnd:
    """Hands over weights in full, or as differences from the last average once there is one.

    What a difference leaves out (`left`) belongs to this member, and to the average that the difference went
    into: it goes with the next one, is part of each checkpoint, and is nothing after a new beginning from the
    average alone. Tensors that are kept are never written to.
    """

    directory: Path
    as_differences: bool
    epoch: int = 0  # whose average this member goes on from; 0: none yet
    _base: Weights = field(default_factory=dict)
    _digest: bytes = b""
    _left: Weights = field(default_factory=dict)
    _leaving: tuple[int, Weights] = (0, {})  # what the difference of an epoch leaves out
    _received: tuple[int, bytes] = (0, b"")  # the epoch of an average that came as a difference; its digest

    def holds_average_before(self, epoch: int) -> bool:
        """Whether what is handed over in `epoch` is a difference, and the average may come as one."""
        return bool(self._base) and self.epoch == epoch - 1

    def hand_over(self, epoch: int, model: Gpt2, train_loss: float) -> None:
        """Write what is to be averaged. Raise DiskFull."""
        path = self.directory / RESULT_NAME
        if not self.holds_average_before(epoch):
            hand_over(path, epoch, model, train_loss)
            return
        sent = self.leave_out(epoch, model)
        differences.write(path, Difference(epoch, self._digest, sent))

    def leave_out(self, epoch: int, model: Gpt2) -> dict[str, Rounded]:
        """Make the difference of an epoch, and note what it leaves out."""
        difference = differences.minus(model.export_weights(), self._base)
        sent, left = differences.encode(difference, self._left)
        self._leaving = epoch, left
        return sent

    def received(self, epoch: int) -> Weights | None:
        """Return an epoch's average where it has come as a difference from the last one.

        Raise TrainingError when it does not lead there: this member and the node do not hold the same.
        """
        path = self.directory / AVERAGE_NAME
        if not self.holds_average_before(epoch) or differences.epoch_of(path) != epoch:
            return None
        shapes = {name: tuple(tensor.shape) for name, tensor in self._base.items()}
        try:
            difference = differences.read(path, epoch, self._digest, shapes)
        except JobError as error:
            raise TrainingError(error.reason) from error
        weights = differences.plus(self._base, difference.tensors)
        if differences.digest(weights) != difference.after:
            raise TrainingError(DifferenceOfAnotherAverage())
        self._received = epoch, difference.after
        return weights

    def took(self, epoch: int, weights: Weights) -> None:
        """Note the average that the training goes on from."""
        if not self.as_differences:
            return
        if self._leaving[0] == epoch:
            self._left = self._leaving[1]
        elif self.epoch != epoch:
            self._left = {}
        self._leaving = 0, {}
        of_epoch, digest = self._received
        self._digest = digest if of_epoch == epoch else differences.digest(weights)
        self.epoch, self._base = epoch, weights

    def forget_left(self) -> None:
        """Drop what was left out: the training goes on from other weights."""
        self._left = {}

    def capture(self) -> dict[str, Any]:
        """Name what `restore` needs; a checkpoint may hold it without a copy, for it never changes."""
        if not self.as_differences:
            return {}
        return {"averaged": self.epoch, "average": self._base, "left": self._left}

    def restore(self, content: Mapping[str, Any] | None) -> None:
        """Be as at a checkpoint; without one, as at the beginning."""
        if not self.as_differences:
            return
        content = content or {}
        self.epoch, self._leaving = content.get("averaged", 0), (0, {})
        self._base, self._left = content.get("average", {}), content.get("left", {})
        self._digest = differences.digest(self._base) if self._base else b""
