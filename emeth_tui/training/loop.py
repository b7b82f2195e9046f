"""The training loop of protocol.md §8: epochs over shuffled blocks, then validation and a checkpoint.

Nothing in a step waits for the device; the loss is read a few times a second. What the outside asks for
(pause, resume, stop) is looked at between steps. A checkpoint is only ever made of finite weights, so that
going back to the last one is always sound.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from emeth_tui.errors import TrainingError
from emeth_tui.training.checkpoint import CheckpointStore
from emeth_tui.training.control import Control, StopRequested
from emeth_tui.training.dataset import TokenisedDataset, epoch_order, token_ids
from emeth_tui.training.devices import Device
from emeth_tui.training.evaluation import mean_loss
from emeth_tui.training.events import (
    Diverged,
    EpochDone,
    Paused,
    Prepared,
    Progress,
    Report,
    Resumed,
    Saving,
    Trained,
    Validating,
)
from emeth_tui.training.gpt2 import Gpt2
from emeth_tui.training.metrics import REPORT_EVERY_S, LossMeter, Pace, Throttle
from emeth_tui.training.optimiser import MAX_GRADIENT_NORM, make_optimiser, scheduled_share, set_rate

DIVERGED_RATE_SHARE = 0.5  # of the learning rate, after going back to the last good checkpoint
_HOPELESS = 2.0  # times the loss of guessing at random: a training that far off does not come back
log = logging.getLogger(__name__)


class _DivergedError(Exception):
    """The loss is not finite, or hopeless."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a model and its tokens."""

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    checkpoint_every_s: float


@dataclass(slots=True)
class Position:
    """How far the training is: whole epochs, and blocks of the next one."""

    epoch: int = 0
    blocks_done: int = 0
    valid_loss: float = math.inf
    rate_share: float = 1.0


class Trainer:
    """Trains one model for one job, from wherever its last checkpoint left it."""

    def __init__(
        self,
        model: Gpt2,
        tokens: TokenisedDataset,
        plan: Plan,
        store: CheckpointStore,
        device: Device,
        report: Report,
        control: Control,
        set_initial_weights: Callable[[Gpt2], None],
        loading_since_s: float | None = None,
    ) -> None:
        """`loading_since_s` is when, by `time.monotonic`, the way from the tokens to the first step began."""
        self._model = model.to(device.torch_device)
        self._tokens = tokens
        self._plan = plan
        self._store = store
        self._device = device
        self._report = report
        self._control = control
        self._set_initial_weights = set_initial_weights
        self._parameters = list(self._model.parameters())
        self._optimiser = make_optimiser(self._model)
        self._meter = LossMeter(device.torch_device)
        self._pace = Pace()
        self._loading_since_s = time.monotonic() if loading_since_s is None else loading_since_s
        self._last_save_s = math.inf
        self._saved_at = time.monotonic()
        self._at = Position()

    @property
    def position(self) -> tuple[int, int]:
        """Whole epochs done, and steps of the next one."""
        return self._at.epoch, self._step_number()

    def run(self) -> float:
        """Train all epochs and return the last one's validation loss.

        Raises StopRequested, after saving a checkpoint, when asked to stop; TrainingError when the loss
        diverges again after going back; DiskFull.
        """
        self._go_on_from_checkpoint()
        self._pace = Pace()
        self._report(
            Prepared(
                dataset_digest=self._tokens.digest,
                tokens=int(self._tokens.train.size),
                steps_per_epoch=self._steps_per_epoch,
                resumed_epoch=self._at.epoch,
                resumed_step=self._step_number(),
                valid_tokens=int(self._tokens.valid.size),
                tokenised_s=self._tokens.made_in_s,
                loading_s=time.monotonic() - self._loading_since_s,
            )
        )
        while self._at.epoch < self._plan.epochs:
            try:
                self._train_epoch()
            except _DivergedError as error:
                self._go_back(str(error))
        self._report(Trained(self._at.epoch, self._at.valid_loss))
        return self._at.valid_loss

    @property
    def _blocks(self) -> int:
        return len(self._tokens.train)

    @property
    def _steps_per_epoch(self) -> int:
        return -(-self._blocks // self._plan.batch_size)

    def _step_number(self) -> int:
        return -(-self._at.blocks_done // self._plan.batch_size)

    def _train_epoch(self) -> None:
        started = time.monotonic()
        order = epoch_order(self._plan.seed, self._at.epoch, self._blocks)
        self._model.train()
        while self._at.blocks_done < self._blocks:
            self._look_up()
            chosen = order[self._at.blocks_done : self._at.blocks_done + self._plan.batch_size]
            self._train_step(self._tokens.train[chosen])
            if self._pace.due():
                self._report_progress()
        self._finish_epoch(started)

    def _train_step(self, blocks: Any) -> None:
        ids = self._device.put(torch.from_numpy(token_ids(blocks)))
        with self._device.autocast():
            loss = self._model.loss(ids)
        loss.backward()  # type: ignore[no-untyped-call]
        norm: Tensor = nn.utils.clip_grad_norm_(self._parameters, MAX_GRADIENT_NORM)
        self._at.blocks_done += len(blocks)
        done = (self._at.epoch + self._at.blocks_done / self._blocks) / self._plan.epochs
        set_rate(self._optimiser, self._plan.learning_rate * self._at.rate_share * scheduled_share(done))
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._meter.add(loss, norm, ids.shape[0] * (ids.shape[1] - 1))
        self._pace.add(ids.numel())

    def _finish_epoch(self, started: float) -> None:
        train_loss = self._finite_loss_sum() / self._meter.tokens
        if train_loss > _HOPELESS * math.log(self._tokens.vocab_size):
            raise _DivergedError(f"the training loss is {train_loss:.2f}")
        valid_loss = self._validate()
        self._at.epoch += 1
        self._at.blocks_done = 0
        self._at.valid_loss = valid_loss
        self._meter.start()
        self._save()
        seconds = time.monotonic() - started
        self._report(EpochDone(self._at.epoch, train_loss, valid_loss, seconds, self._pace.work()))

    def _validate(self) -> float:
        throttle = Throttle()
        throttle.due()  # a short validation needs no news

        def tick(done: float) -> None:
            if throttle.due():
                self._report(Validating(self._at.epoch + 1, done))

        with self._pace.validating(int(self._tokens.valid.size)):
            valid_loss = mean_loss(self._model, self._tokens.valid, self._device, tick)
        if not math.isfinite(valid_loss):
            raise _DivergedError(f"the validation loss is {valid_loss}")
        return valid_loss

    def _look_up(self) -> None:
        """Between two steps: do what the outside asks for, and save when it is time."""
        if self._control.attention:
            if self._control.stopping:
                self._save()
                raise StopRequested
            self._stand_still()
        elif time.monotonic() - self._saved_at >= self._plan.checkpoint_every_s:
            self._save()

    def _stand_still(self) -> None:
        self._report(Paused(*self.position))
        self._save(quietly=True)
        self._pace.pause()
        self._control.wait_while_paused()
        self._pace.resume()
        self._report(Resumed(*self.position))

    def _report_progress(self) -> None:
        recent_loss = self._meter.recent_mean(self._finite_loss_sum())
        blocks_left = (self._plan.epochs - self._at.epoch) * self._blocks - self._at.blocks_done
        self._report(
            Progress(
                epoch=self._at.epoch + 1,
                epochs=self._plan.epochs,
                step=self._step_number(),
                steps=self._steps_per_epoch,
                train_loss=recent_loss,
                tokens_per_s=self._pace.tokens_per_s(),
                seconds_left=self._pace.seconds_left(blocks_left * self._tokens.train.shape[1]),
                work=self._pace.work(),
            )
        )

    def _finite_loss_sum(self) -> float:
        loss_sum, finite = self._meter.read()
        if not finite:
            raise _DivergedError("the loss or its gradient is no longer a finite number")
        return loss_sum

    def _save(self, quietly: bool = False) -> None:
        loss_sum = self._finite_loss_sum()
        if not quietly and self._last_save_s > REPORT_EVERY_S:
            self._report(Saving(*self.position))
        started = time.monotonic()
        with self._pace.saving():
            self._store.save(
                self._at.epoch,
                self._at.blocks_done,
                {
                    "epoch": self._at.epoch,
                    "blocks_done": self._at.blocks_done,
                    "valid_loss": self._at.valid_loss,
                    "rate_share": self._at.rate_share,
                    "loss_sum": loss_sum,
                    "loss_tokens": self._meter.tokens,
                    "model": self._model.state_dict(),
                    "optimiser": self._optimiser.state_dict(),
                    "random": self._random_states(),
                },
            )
        self._saved_at = time.monotonic()
        self._last_save_s = self._saved_at - started

    def _random_states(self) -> dict[str, Tensor]:
        states = {"cpu": torch.get_rng_state()}
        if self._device.is_cuda:
            states["cuda"] = torch.cuda.get_rng_state(self._device.torch_device)
        return states

    def _go_on_from_checkpoint(self) -> None:
        state = self._store.load_newest()
        if state is None:
            self._start_over()
            return
        self._model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._at = Position(state["epoch"], state["blocks_done"], state["valid_loss"], state["rate_share"])
        self._meter.start(state["loss_sum"], state["loss_tokens"])
        self._set_random_states(state["random"])
        log.info("going on after %d epochs and %d blocks", self._at.epoch, self._at.blocks_done)

    def _set_random_states(self, states: Mapping[str, Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        if self._device.is_cuda and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self._device.torch_device)

    def _start_over(self) -> None:
        torch.manual_seed(self._plan.seed)
        self._set_initial_weights(self._model)
        self._optimiser = make_optimiser(self._model)
        self._at = Position()
        self._meter.start()

    def _go_back(self, reason: str) -> None:
        if self._at.rate_share < 1.0:
            raise TrainingError(
                f"training diverged in epoch {self._at.epoch + 1} even with a lower learning rate: {reason}"
            )
        log.warning("diverged in epoch %d: %s", self._at.epoch + 1, reason)
        self._report(Diverged(self._at.epoch + 1, reason))
        self._optimiser.zero_grad(set_to_none=True)
        self._go_on_from_checkpoint()
        self._at.rate_share = DIVERGED_RATE_SHARE
