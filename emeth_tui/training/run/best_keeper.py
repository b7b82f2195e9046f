"""The best weights of a training, kept beside it: see `best_weights`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.run.best_weights import MOST_HALVINGS, BestSoFar, Verdict
from emeth_tui.training.run.state import Position, bytes_of

Weights = Mapping[str, Tensor]
_DEVICE_SHARE = 0.05  # of a GPU's memory may hold the best weights; larger ones lie on the host


class BestKeeper:
    """Keeps the best weights of a model, and puts them back.

    Those that it came with are not kept: `set_initial_weights` sets them again. Nor does a checkpoint hold
    the best ones a second time where they are the model's own. Kept weights are never written to again, so
    that a checkpoint may be made of them while the training goes on.
    """

    def __init__(self, model: Gpt2, device: Device, set_initial_weights: Callable[[Gpt2], None]) -> None:
        room_bytes = device.memory_bytes() * _DEVICE_SHARE
        self._on_device = device.is_cuda and bytes_of(model.parameters()) <= room_bytes
        self.so_far = BestSoFar()
        self._model = model
        self._set_initial_weights = set_initial_weights
        self._best: Weights | None = None  # None: as they came
        self._start: Weights | None = None  # only where nothing was better

    def start_over(self) -> None:
        """Forget everything: the model has the weights that it came with."""
        self.so_far, self._best = BestSoFar(), None

    def judge(self, at: Position, *, last: bool) -> bool:
        """Judge an epoch that has been validated; return whether the model was put back to the best weights.

        Then the optimiser is to start over.
        """
        verdict = self.so_far.judge(at.epoch, at.valid_loss, last=last)
        if verdict is Verdict.BEST:
            self._keep()
        if verdict is not Verdict.GO_BACK:
            return False
        self._put_back()
        at.best_train_loss = math.inf  # weights that had overfitted to the text had less
        return True

    def settle(self, at: Position, save_checkpoint: Callable[[], None], measure: Callable[[], float]) -> int:
        """Have the model hold what the result is to hold, once all epochs are trained.

        `save_checkpoint` is called where that takes a while: after a stop it begins again. `measure` returns
        the validation loss. Return how often the way from the start was halved.
        """
        if self.so_far.epoch:
            self._put_back()
            at.valid_loss = self.so_far.loss
            return 0
        save_checkpoint()
        if not self.so_far.started:
            self._measure_start(measure)
        for halvings in range(MOST_HALVINGS):
            if at.valid_loss <= self.so_far.start_loss:
                return halvings
            self._draw_towards_start()
            at.valid_loss = measure()
        return MOST_HALVINGS

    def release(self) -> None:
        """Drop the best weights, until `restore`."""
        self._best = None

    def _keep(self) -> None:
        self._best = None  # frees the memory for the new ones
        self._best = self._copy()

    def _put_back(self) -> None:
        if self._best is None:
            self._set_initial_weights(self._model)
        else:
            self._model.load_state_dict(self._best)

    def _measure_start(self, measure: Callable[[], float]) -> None:
        trained = self._copy()
        self._set_initial_weights(self._model)
        try:
            self.so_far.start(measure())
        finally:  # a stop leaves what was trained
            self._model.load_state_dict(trained)

    def _draw_towards_start(self) -> None:
        """Halve the way that the model's weights are from those that it came with."""
        if self._start is None:
            trained = self._copy()
            self._set_initial_weights(self._model)
            self._start = self._copy()
            self._model.load_state_dict(trained)
        with torch.no_grad():
            for name, weight in self._model.state_dict().items():
                weight.lerp_(self._start[name].to(weight.device), 0.5)

    def capture(self, at: Position) -> dict[str, Any]:
        """Name what `restore` needs beside the model, and what `capture_on_host` names."""
        weights = self.apart(at) if self._on_device else {}
        return {"best": dataclasses.asdict(self.so_far), "best_weights": weights}

    def capture_on_host(self, at: Position) -> dict[str, Any]:
        """Name what `restore` needs and a checkpoint may hold without a copy, for it never changes."""
        return {} if self._on_device else {"best_weights": self.apart(at)}

    def apart(self, at: Position) -> Weights:
        """Return the best weights where they are neither the model's own nor those that it came with."""
        if self._best is None or self.so_far.is_at_best(at.epoch, at.blocks_done):
            return {}
        return self._best

    def restore(self, content: Mapping[str, Any]) -> None:
        """Restore everything as it was; the model has its weights back already."""
        self.so_far = BestSoFar(**content["best"])
        if self.so_far.epoch == 0:
            self._best = None
        elif content["best_weights"]:
            self._best = content["best_weights"]
        else:
            self._keep()

    def _copy(self) -> Weights:
        weights = self._model.state_dict().items()
        if self._on_device:
            try:
                return {name: weight.clone() for name, weight in weights}
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            self._on_device = False
        return {name: weight.to("cpu", copy=True) for name, weight in weights}
