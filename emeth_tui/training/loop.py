"""The training loop of protocol.md §8: epochs over shuffled blocks, each with its validation.

Nothing in a step waits for the device; the loss is read a few times a second. What the outside asks for
(pause, resume, stop) is looked at between steps. A checkpoint is only ever made of a healthy training, so
that going back to the last one is always sound.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from emeth_tui.errors import TrainingError
from emeth_tui.training import events, health, metrics, state
from emeth_tui.training.checkpoint import CheckpointStore
from emeth_tui.training.compiling import compile_where_it_pays
from emeth_tui.training.control import Control, StopRequested
from emeth_tui.training.dataset import TokenisedDataset, epoch_order, token_ids
from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.dropout import seed_masks
from emeth_tui.training.evaluation import mean_loss
from emeth_tui.training.events import Report
from emeth_tui.training.gpt2 import Gpt2
from emeth_tui.training.lanes import Lanes
from emeth_tui.training.metrics import LossMeter, Pace, Throttle
from emeth_tui.training.microbatch import MicroBatch, block_bytes
from emeth_tui.training.optimiser import (
    MAX_GRADIENT_NORM,
    LossScale,
    make_optimiser,
    scheduled_share,
    set_rate,
)
from emeth_tui.training.saving import Saver, SavingPace, expected_cost_s
from emeth_tui.training.state import Plan, Position, bytes_of

log = logging.getLogger(__name__)


class Trainer:
    """Trains one model for one job, from wherever its last checkpoint left it. To be closed in the end."""

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
        micro_batch: MicroBatch | None = None,
        lanes: Lanes | None = None,
        loading_since_s: float | None = None,
    ) -> None:
        """`loading_since_s` is when, by `time.monotonic`, the way from the tokens to the first step began.

        `lanes` are closed with the trainer.
        """
        self._model = model.to(device.torch_device)
        self._tokens = tokens
        self._plan = plan
        self._store = store
        self._device = device
        self._report = report
        self._control = control
        self._set_initial_weights = set_initial_weights
        self._micro = micro_batch or MicroBatch(plan.batch_size, device)
        self._lanes = lanes or Lanes()
        self._compiled_rows = 0
        self._parameters = list(self._model.parameters())
        self._optimiser = make_optimiser(self._model)
        self._scale = LossScale(device.torch_device) if device.compute_dtype == torch.float16 else None
        self._meter = LossMeter(device.torch_device)
        self._watch = health.LossWatch(tokens.vocab_size)
        self._pace = Pace()
        self._loading_since_s = time.monotonic() if loading_since_s is None else loading_since_s
        cost_s = expected_cost_s(self._parameters, device)
        self._saver = Saver(store, SavingPace(plan.checkpoint_every_s, plan.checkpoint_share, cost_s), device)
        self._kept_at: tuple[int, int] | None = None
        self._at = Position()

    @property
    def position(self) -> tuple[int, int]:
        """Whole epochs done, and steps of the next one."""
        return self._at.epoch, self._step_number()

    def run(self) -> float:
        """Train all epochs and return the last one's validation loss.

        Raises StopRequested, after saving a checkpoint, when asked to stop; TrainingError when the loss
        diverges again after going back, or memory does not even hold one block; DiskFull.
        """
        self._device.keep_freed()
        self._find_micro_batch()
        self._go_on_from_checkpoint()
        self._compile_where_it_pays()
        self._pace = Pace()
        self._report(
            events.Prepared(
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
            self._train_epoch_or_go_back()
        self._report(events.Trained(self._at.epoch, self._at.valid_loss))
        return self._at.valid_loss

    def _compile_where_it_pays(self) -> None:
        self._compiled_rows = rows = self._micro.size
        length = self._tokens.train.shape[1]
        compile_where_it_pays(self._model, rows, length, self._blocks_left // rows, self._device)

    def keep(self) -> None:
        """Have the disk hold a checkpoint of this very place when this returns. Raises DiskFull."""
        self._wait_for_writer()
        if self._kept_at != (self._at.epoch, self._at.blocks_done):
            self._save()
            self._wait_for_writer()

    def close(self) -> None:
        """Let a checkpoint that is being written be finished, and end all threads."""
        self._lanes.close()
        self._saver.close()

    @property
    def _blocks(self) -> int:
        return len(self._tokens.train)

    @property
    def _blocks_left(self) -> int:
        return (self._plan.epochs - self._at.epoch) * self._blocks - self._at.blocks_done

    @property
    def _steps_per_epoch(self) -> int:
        return -(-self._blocks // self._plan.batch_size)

    def _step_number(self) -> int:
        return -(-self._at.blocks_done // self._plan.batch_size)

    def _train_epoch_or_go_back(self) -> None:
        try:
            self._train_epoch()
            return
        except health.DivergedError as error:
            self._lower_the_rate_and_go_back(str(error))
            return
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Outside of the handler, whose traceback holds on to what took the memory. It ran out in a place
        # where weights may be half changed.
        self._take_less_memory()
        self._go_back()

    def _train_epoch(self) -> None:
        if self._compiled_rows != self._micro.size:  # memory had run out
            self._compile_where_it_pays()
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
        loss = self._gradients(ids)
        self._at.blocks_done += len(blocks)
        done = (self._at.epoch + self._at.blocks_done / self._blocks) / self._plan.epochs
        rate = self._plan.learning_rate * self._at.rate_share * scheduled_share(done)
        self._apply(loss, rate, ids.shape[0] * (ids.shape[1] - 1))
        self._pace.add(ids.numel())

    def _gradients(self, ids: Tensor) -> Tensor:
        """The gradients of the mean loss over `ids`, in micro batches that fit; returns that loss."""
        while True:
            try:
                return self._add_up_gradients(ids)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            self._take_less_memory()  # no weight has been touched: the step is done again

    def _add_up_gradients(self, ids: Tensor) -> Tensor:
        losses: list[Tensor] = []

        def there_and_back(part: Tensor, lane: int) -> tuple[Tensor, tuple[Tensor, ...]]:
            seed_masks((self._plan.seed, self._at.epoch, self._at.blocks_done, len(losses), lane))
            with self._device.autocast():
                loss = self._model.loss(part)
            if len(part) < len(ids):  # all blocks have as many tokens: their share is that of the blocks
                loss = loss * (len(part) / len(ids))
            scaled = loss if self._scale is None else self._scale.apply(loss)
            if lane:
                return loss.detach(), torch.autograd.grad(scaled, self._parameters)
            # Added one by one to those that are there, so that there are never two of each.
            scaled.backward()  # type: ignore[no-untyped-call]
            return loss.detach(), ()

        for micro_batch in torch.split(ids, self._micro.size):
            for loss, gradients in self._lanes.run(there_and_back, micro_batch):
                losses.append(loss)
                if gradients:
                    torch._foreach_add_(self._present_gradients(), list(gradients))
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _present_gradients(self) -> list[Tensor]:
        return [parameter.grad for parameter in self._parameters if parameter.grad is not None]

    def _apply(self, loss: Tensor, rate: float, predicted_tokens: int) -> None:
        """Apply the gradients, unless they are no finite numbers: the device decides, nobody waits for it."""
        if self._scale is not None:
            self._scale.remove(self._parameters)
        norm = nn.utils.get_total_norm(self._present_gradients())
        finite = torch.isfinite(norm) & torch.isfinite(loss)
        set_rate(self._optimiser, rate)
        optimiser: Any = self._optimiser
        # A fused optimiser divides by the one, and changes nothing where the other is 1.
        optimiser.grad_scale = (norm / MAX_GRADIENT_NORM).clamp_(min=1.0)
        optimiser.found_inf = 1.0 - finite.float()
        optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        skipped = ~finite if self._scale is None else self._scale.adapt(finite)
        self._meter.add(loss, predicted_tokens, finite, skipped)

    def _take_less_memory(self) -> None:
        self._optimiser.zero_grad(set_to_none=True)
        self._micro.halve()
        self._device.free_cache()
        log.warning("out of memory: going on with micro batches of %d blocks", self._micro.size)
        self._report(events.OutOfMemory(self._at.epoch + 1, self._micro.size))

    def _find_micro_batch(self) -> None:
        """Set how many blocks to train at once. Steps are tried here before there are weights to spoil."""
        if not self._device.refuses_memory:
            # Still to come beside the blocks: gradients, two AdamW states, and a checkpoint's copy of three.
            reserved_bytes = 6 * bytes_of(self._parameters)
            a_block = block_bytes(self._model.shape, self._tokens.train.shape[1])
            self._micro.bound_on_host(a_block, reserved_bytes)
            return
        self._micro.find(self._try_step)
        self._optimiser = make_optimiser(self._model)

    def _try_step(self, blocks: int) -> int:
        self._device.start_peak()
        ids = torch.zeros(blocks, self._tokens.train.shape[1], dtype=torch.int64)
        self._model.train()
        try:
            for _ in range(1 if blocks == self._plan.batch_size else 2):  # the second finds gradients there
                with self._device.autocast():
                    loss = self._model.loss(self._device.put(ids))
                loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._parameters, MAX_GRADIENT_NORM)
            self._optimiser.step()
        finally:
            self._optimiser.zero_grad(set_to_none=True)
        return self._device.peak_bytes()

    def _finish_epoch(self, started: float) -> None:
        train_loss = self._read().mean_loss
        self._watch.judge_mean(train_loss, self._at.best_train_loss)
        valid_loss = self._validate()
        at = self._at
        at.valid_loss = valid_loss
        at.best_train_loss = min(at.best_train_loss, train_loss)
        at.epoch += 1
        at.blocks_done = 0
        self._start_meter()
        seconds = time.monotonic() - started
        self._report(events.EpochDone(at.epoch, train_loss, valid_loss, seconds, self._pace.work()))
        if self._saver.pace.due_after_epoch() and not self._saver.busy:
            self._save()

    def _validate(self) -> float:
        while True:
            try:
                valid_loss = self._measure()
                break
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            self._take_less_memory()
        if not math.isfinite(valid_loss):
            raise health.DivergedError(f"the validation loss is {valid_loss}")
        return valid_loss

    def _measure(self) -> float:
        throttle = Throttle()
        throttle.due()  # a short validation needs no news

        def tick(done: float) -> None:
            with torch.inference_mode(False):
                self._look_up()
            if throttle.due():
                self._report(events.Validating(self._at.epoch + 1, done))

        with self._pace.validating(int(self._tokens.valid.size)):
            return mean_loss(
                self._model, self._tokens.valid, self._device, tick, self._micro.valid_rows, self._lanes
            )

    def _look_up(self) -> None:
        """Between two steps: do what the outside asks for, and save when it is time. Raises DiskFull."""
        self._saver.check()
        if self._control.attention:
            if self._control.stopping:
                self.keep()
                raise StopRequested
            self._stand_still()
        elif self._saver.pace.due_within_epoch() and not self._saver.busy:
            self._save()

    def _stand_still(self) -> None:
        self._report(events.Paused(*self.position))
        if self._plan.release_on_pause:
            self.keep()
            state.release(self._model, self._optimiser, self._device)
        else:
            self._save()
        self._pace.pause()
        self._control.wait_while_paused()
        if self._plan.release_on_pause:
            state.take_back(self._model)
            self._go_on_from_checkpoint()
        self._pace.resume()
        self._report(events.Resumed(*self.position))

    def _report_progress(self) -> None:
        reading = self._read()
        self._watch.judge(self._step_number(), reading, self._at.best_train_loss)
        self._report(
            events.Progress(
                epoch=self._at.epoch + 1,
                epochs=self._plan.epochs,
                step=self._step_number(),
                steps=self._steps_per_epoch,
                train_loss=self._meter.recent_mean(reading),
                tokens_per_s=self._pace.tokens_per_s(),
                work=self._pace.work(),
            )
        )

    def _read(self) -> health.Reading:
        """Wait for the device and read its losses; lower the rate if steps could not be applied."""
        reading = self._meter.read()
        skipped = reading.skipped - self._at.skipped
        if skipped:
            self._at.skipped = reading.skipped
            self._at.rate_share *= health.RATE_SHARE_AFTER_TROUBLE
            log.warning("epoch %d: %d steps gave no finite numbers", self._at.epoch + 1, skipped)
            self._report(events.Skipped(self._at.epoch + 1, skipped))
            steps = self._at.epoch * self._steps_per_epoch + self._step_number()
            health.check_skipped(self._at.skipped, steps)
        return reading

    def _save(self) -> None:
        with self._pace.saving():
            reading = self._read()
            self._watch.judge(self._step_number(), reading, self._at.best_train_loss)
            content = state.capture(self._at, self._model, self._optimiser, self._device)
            content |= {"loss_sum": reading.loss_sum, "loss_tokens": reading.tokens}
            self._saver.start(self._at.epoch, self._at.blocks_done, content)
        self._kept_at = self._at.epoch, self._at.blocks_done

    def _wait_for_writer(self) -> None:
        with self._pace.saving():
            if not self._saver.wait(metrics.REPORT_EVERY_S):
                self._report(events.Saving(*self.position))
                self._saver.wait()

    def _go_on_from_checkpoint(self) -> None:
        content = self._store.load_newest()
        if content is None:
            self._start_over()
            return
        self._at = state.restore(content, self._model, self._optimiser, self._device)
        self._start_meter(content["loss_sum"], content["loss_tokens"])
        log.info("going on after %d epochs and %d blocks", self._at.epoch, self._at.blocks_done)

    def _start_over(self) -> None:
        torch.manual_seed(self._plan.seed)
        self._set_initial_weights(self._model)
        self._optimiser = make_optimiser(self._model)
        self._at = Position()
        self._start_meter()

    def _start_meter(self, loss_sum: float = 0.0, tokens: float = 0.0) -> None:
        """Begin an epoch's sums, or go on with them."""
        self._meter.start(loss_sum, tokens, self._at.skipped)
        self._watch.start(self._step_number(), health.Reading(loss_sum, tokens, self._at.skipped))

    def _lower_the_rate_and_go_back(self, reason: str) -> None:
        epoch, set_backs = self._at.epoch + 1, self._at.set_backs
        if epoch <= self._at.diverged_in or set_backs == health.MAX_SET_BACKS:
            raise TrainingError(
                f"training diverged in epoch {epoch} even with a lower learning rate: {reason}"
            )
        log.warning("diverged in epoch %d: %s", epoch, reason)
        self._report(events.Diverged(epoch, reason))
        rate_share = self._at.rate_share
        self._go_back()
        self._at.rate_share = rate_share * health.RATE_SHARE_AFTER_TROUBLE
        self._at.set_backs, self._at.diverged_in = set_backs + 1, epoch

    def _go_back(self) -> None:
        self._saver.wait()
        self._optimiser.zero_grad(set_to_none=True)
        self._go_on_from_checkpoint()
        self._kept_at = None
        self._report(events.WentBack(*self.position))
