"""The training loop of protocol.md §8: epochs over shuffled blocks, each with its validation.

Nothing in a step waits for the device; the loss is read a few times a second. Requests from outside (pause,
resume, stop) are handled between steps. Only a healthy training is saved, so that going back to the last
checkpoint is always sound.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from emeth_tui.errors import TrainingError
from emeth_tui.notices.notice import Reason, to_data
from emeth_tui.notices.reasons.training.run import StepsNotFinite, TrainingDiverged, ValidationLossIs
from emeth_tui.protocol.replay import StateRecord
from emeth_tui.training import reports
from emeth_tui.training.data.dataset import TokenisedDataset, epoch_order, token_ids
from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.files.checkpoint import CheckpointStore
from emeth_tui.training.job_control import Control, StopRequested
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.model.optimiser import scheduled_share
from emeth_tui.training.quick_steps.trial import find_quickest
from emeth_tui.training.replay.keeping import StateKeeper, kind_of, record_of, state_of
from emeth_tui.training.replay.states import Parts
from emeth_tui.training.reports import Report
from emeth_tui.training.run import divergence, metrics, state
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.best_keeper import BestKeeper
from emeth_tui.training.run.best_weights import blocks_to_validate, is_doubtful
from emeth_tui.training.run.evaluation import mean_loss, spread_sample
from emeth_tui.training.run.metrics import LossMeter, Pace, Throttle
from emeth_tui.training.run.microbatch import MicroBatch
from emeth_tui.training.run.saving import Saver, SavingPace, expected_cost
from emeth_tui.training.run.state import Plan, Position
from emeth_tui.training.run.step import Stepper
from emeth_tui.words.sentences import english

log = logging.getLogger(__name__)


class _WentElsewhere(Exception):  # not an error: the epoch is begun again from where the training is now
    """Raised after a pause when another checkpoint was loaded than was saved for it, or none."""


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
        batch_threads: BatchThreads | None = None,
        loading_since_s: float | None = None,
        states: StateKeeper | None = None,
    ) -> None:
        """`loading_since_s` is when, by `time.monotonic`, the tokens were ready.

        `batch_threads` are closed with the trainer.
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
        self._batch_threads = batch_threads or BatchThreads()
        self._stepper = Stepper(
            self._model, device, self._micro, self._batch_threads, self._report_less_memory
        )
        self._best = BestKeeper(self._model, device, set_initial_weights) if plan.back_to_best else None
        self._valid = tokens.valid
        if plan.back_to_best:
            wanted = blocks_to_validate(len(tokens.valid), len(tokens.train))
            self._valid = spread_sample(tokens.valid, wanted)
        self._compiled_rows = 0
        self._meter = LossMeter(device.torch_device)
        self._watch = divergence.LossWatch(tokens.vocab_size)
        self._pace = Pace()
        self._loading_since_s = time.monotonic() if loading_since_s is None else loading_since_s
        pace = SavingPace(plan.saving, expected_cost(self._stepper.parameters, device))
        self._saver = Saver(store, pace, device, report)
        self._kept_at: tuple[int, int] | None = None
        self._at = Position()
        self._states = states
        self.halvings = 0  # of the result's way from the start
        self._settled_loss: Callable[[int, float], float] = lambda _epoch, measured: measured

    @property
    def position(self) -> tuple[int, int]:
        """Whole epochs done, and steps of the next one."""
        return self._at.epoch, self._step_number()

    def run(self) -> float:
        """Train all epochs, leave the result in the model, and return its validation loss.

        Raise StopRequested, after saving a checkpoint, when asked to stop; TrainingError when the loss
        diverges again after going back, or memory does not even hold one block; DiskFull.
        """
        self._device.keep_freed()
        if self._device.refuses_memory or not self._plan.by_rule:  # else parts would add up to other bits
            self._stepper.find_micro_batch(self._tokens.train.shape[1])
        self._saver.reserve(self._stepper.parameters)
        self._go_on_from_checkpoint()
        self._make_quick()
        self._pace = Pace()
        self._report(
            reports.Prepared(
                dataset_digest=self._tokens.digest,
                tokens=int(self._tokens.train.size),
                steps_per_epoch=self._steps_per_epoch,
                resumed_epoch=self._at.epoch,
                resumed_step=self._step_number(),
                valid_tokens=int(self._valid.size),
                tokenised_s=self._tokens.made_in_s,
                loading_s=time.monotonic() - self._loading_since_s,
            )
        )
        if self._best and self._best.so_far.started:
            self._report(reports.Untrained(self._best.so_far.start_loss))
        self._train_epochs()
        return self._finish()

    def _train_epochs(self) -> None:
        while self._at.epoch < self._plan.epochs:
            self._train_epoch_or_go_back()

    def _finish(self) -> float:
        """Leave in the model what the result is to hold; return its validation loss."""
        if self._best or is_doubtful(self._at.valid_loss, self._tokens.vocab_size):
            keeper = self._best or BestKeeper(self._model, self._device, self._set_initial_weights)
            self.halvings = keeper.settle(self._at, self.keep, lambda: self._validate(self._control.check))
        self._report(reports.Trained(self._at.epoch, self._at.valid_loss))
        return self._at.valid_loss

    def _make_quick(self) -> None:
        self._compiled_rows = self._micro.size
        if not self._plan.quick_steps:
            return
        batch, length = min(self._plan.batch_size, self._blocks), self._tokens.train.shape[1]
        find_quickest(self._stepper, self._model, (batch, length), self._blocks_left, self._device)

    def keep(self) -> None:
        """Have the disk hold a checkpoint of this very place when this returns. Raise DiskFull."""
        self._wait_for_writer()
        if self._kept_at != (self._at.epoch, self._at.blocks_done):
            self._save()
            self._wait_for_writer()

    def commitment(self) -> str:
        """Return what a result by rule commits to. Raise TrainingError where a part of it is missing."""
        assert self._states is not None  # noqa: S101 - for the type checker: trainings by rule have them
        return self._states.commitment(self._plan.epochs, self.halvings)

    def train_again(
        self, content: Mapping[str, Any], until: int, settled_loss: Callable[[int, float], float]
    ) -> Iterator[tuple[StateRecord, Parts]]:
        """Go on from a state between two epochs; give each epoch's record and state until there.

        `settled_loss` says of an epoch's validation loss by which number to judge it. Raise TrainingError
        where the loss diverges.
        """
        self._device.keep_freed()
        self._restore(content)
        self._settled_loss = settled_loss
        while self._at.epoch < until:
            try:
                self._train_epoch()
            except divergence.DivergedError as error:
                raise TrainingError(TrainingDiverged(self._at.epoch + 1, error.reason)) from error
            parts, steps = state_of(self._model, self._stepper, self._best, self._at)
            yield record_of(parts, steps, self._at, self._best, kind_of(self._device)), parts

    def close(self) -> None:
        """Wait for a checkpoint that is being written, and end all threads."""
        self._batch_threads.close()
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
        except _WentElsewhere:
            self._report(reports.WentBack(*self.position))
            return
        except divergence.DivergedError as error:
            self._lower_the_rate_and_go_back(error.reason)
            return
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Outside of the handler, whose traceback holds on to what took the memory. It ran out in a place
        # where weights may be half changed.
        self._stepper.take_less_memory()
        self._go_back()

    def _train_epoch(self) -> None:
        if self._compiled_rows != self._micro.size:  # memory had run out
            self._make_quick()
        if self._best and not self._best.so_far.started:
            self._measure_start(self._best)
        if self._states and not self._at.blocks_done:
            self._states.note(self._model, self._stepper, self._best, self._at)
        started = time.monotonic()
        order = epoch_order(self._plan.seed, self._at.epoch, self._blocks)
        self._model.train()
        while self._at.blocks_done < self._blocks:
            self._between_steps()
            chosen = order[self._at.blocks_done : self._at.blocks_done + self._plan.batch_size]
            self._train_step(self._tokens.train[chosen])
            if self._pace.due():
                self._report_progress()
        self._finish_epoch(started)

    def _train_step(self, blocks: Any) -> None:
        ids = self._device.put(torch.from_numpy(token_ids(blocks)))
        at = self._at
        done = (at.epoch + (at.blocks_done + len(blocks)) / self._blocks) / self._plan.epochs
        rate = self._plan.learning_rate * at.rate_share * scheduled_share(done)
        if self._best:
            rate *= self._best.so_far.rate_share
        step = self._stepper.take(ids, rate, (self._plan.seed, at.epoch, at.blocks_done))
        at.blocks_done += len(blocks)
        self._meter.add(step.loss, ids.shape[0] * (ids.shape[1] - 1), step.applied, step.skipped)
        self._pace.add(ids.numel())

    def _report_less_memory(self, blocks: int) -> None:
        log.warning("out of memory: going on with micro batches of %d blocks", blocks)
        self._report(reports.OutOfMemory(self._at.epoch + 1, blocks))

    def _finish_epoch(self, started: float) -> None:
        train_loss = self._read().mean_loss
        self._watch.judge_mean(train_loss, self._at.best_train_loss)
        valid_loss = self._validate()  # which may pause, and have everything loaded again
        at = self._at
        valid_loss = self._settled_loss(at.epoch + 1, valid_loss)
        at.valid_loss = valid_loss
        at.best_train_loss = min(at.best_train_loss, train_loss)
        at.epoch += 1
        at.blocks_done = 0
        self._judge(train_loss, started)

    def _judge(self, train_loss: float, started: float) -> None:
        """End an epoch that has been validated: go back to the best weights if that is due, report, save."""
        at = self._at
        goes_back = self._best is not None and self._best.judge(at, last=at.epoch == self._plan.epochs)
        if goes_back:
            self._go_on_from_best()
        if self._states:
            self._states.note(self._model, self._stepper, self._best, self._at)
        self._start_meter()
        seconds = time.monotonic() - started
        best_loss = self._best.so_far.loss if self._best else None
        self._report(
            reports.EpochDone(at.epoch, train_loss, at.valid_loss, seconds, self._pace.work(), best_loss)
        )
        if self._best and goes_back:
            best = self._best.so_far
            self._report(reports.BackToBest(at.epoch, best.epoch, best.loss))
        if self._saver.pace.due_after_epoch() and not self._saver.busy:
            self._save()

    def _go_on_from_best(self) -> None:
        self._stepper.start_over()

    def _measure_start(self, best: BestKeeper) -> None:
        loss = self._validate()  # which may pause, and have everything loaded again
        best.so_far.start(loss)
        self._kept_at = None  # a checkpoint of this place, if there is one, does not know the start
        self._report(reports.Untrained(loss))

    def _validate(self, between: Callable[[], None] | None = None) -> float:
        """Return the validation loss; `between` is called now and then, by default as between steps."""
        while True:
            try:
                valid_loss = self._measure(between or self._between_steps)
                break
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            self._stepper.take_less_memory()
        if not math.isfinite(valid_loss):
            raise divergence.DivergedError(ValidationLossIs(valid_loss))
        return valid_loss

    def _measure(self, between: Callable[[], None]) -> float:
        throttle = Throttle()
        throttle.due()  # a short validation needs no news

        def tick(done: float) -> None:
            with torch.inference_mode(False):
                between()
            if throttle.due():
                self._report(reports.Validating(min(self._at.epoch + 1, self._plan.epochs), done))

        with self._pace.validating(int(self._valid.size)):
            return mean_loss(
                self._model,
                self._valid,
                self._device,
                tick,
                self._micro.valid_rows,
                self._batch_threads,
            )

    def _between_steps(self) -> None:
        """Pause or stop when asked to, and save when a checkpoint is due. Raise StopRequested, DiskFull."""
        self._saver.check()
        if self._control.attention:
            if self._control.stopping:
                self.keep()
                raise StopRequested
            self._pause()
        elif self._saver.pace.due_within_epoch() and not self._saver.busy:
            self._save()

    def _pause(self) -> None:
        self._report(reports.Paused(*self.position))
        if self._plan.release_on_pause:
            self.keep()
            self._stepper.release()
            if self._best:
                self._best.release()
            state.release(self._model, self._device)
        else:
            self._save()
        kept_at = self._kept_at
        self._pace.pause()
        self._control.wait_while_paused()
        if self._plan.release_on_pause:
            self._go_on_from_checkpoint()
        self._pace.resume()
        self._report(reports.Resumed(*self.position))
        if self._kept_at != kept_at:
            log.warning("the checkpoint of the pause is lost, or not the newest any more")
            raise _WentElsewhere

    def _report_progress(self) -> None:
        reading = self._read()
        self._watch.judge(self._step_number(), reading, self._at.best_train_loss)
        self._report(
            reports.Progress(
                epoch=self._at.epoch + 1,
                epochs=self._plan.epochs,
                step=self._step_number(),
                steps=self._steps_per_epoch,
                train_loss=self._meter.recent_mean(reading),
                tokens_per_s=self._pace.tokens_per_s(),
                work=self._pace.work(),
            )
        )

    def _read(self) -> divergence.Reading:
        """Wait for the device and read its losses; lower the rate if steps could not be applied."""
        reading = self._meter.read()
        skipped = reading.skipped - self._at.skipped
        if skipped and self._plan.by_rule:  # which knows no other rate
            raise divergence.DivergedError(StepsNotFinite(reading.skipped, self._step_number()))
        if skipped:
            self._at.skipped = reading.skipped
            self._at.rate_share *= divergence.RATE_SHARE_AFTER_TROUBLE
            log.warning("epoch %d: %d steps gave no finite numbers", self._at.epoch + 1, skipped)
            self._report(reports.Skipped(self._at.epoch + 1, skipped))
            steps = self._at.epoch * self._steps_per_epoch + self._step_number()
            divergence.check_skipped(self._at.skipped, steps)
        return reading

    def _save(self) -> None:
        with self._pace.saving():
            reading = self._read()
            self._watch.judge(self._step_number(), reading, self._at.best_train_loss)
            content = state.capture(
                self._at, self._model, self._stepper, self._device, moments=self._plan.saves_moments
            )
            content |= {"loss_sum": reading.loss_sum, "loss_tokens": reading.tokens}
            content |= self._best.capture(self._at) if self._best else {}
            content |= self._more_to_save()
            unchanging = self._more_unchanging()
            unchanging |= self._best.capture_on_host(self._at) if self._best else {}
            self._saver.start(self._at.epoch, self._at.blocks_done, content, unchanging)
        self._kept_at = self._at.epoch, self._at.blocks_done

    def _more_to_save(self) -> dict[str, Any]:
        return {}

    def _more_unchanging(self) -> dict[str, Any]:
        return {}

    def _wait_for_writer(self) -> None:
        with self._pace.saving():
            if not self._saver.wait(metrics.REPORT_EVERY_S):
                self._report(reports.Saving(*self.position))
                self._saver.wait()

    def _go_on_from_checkpoint(self) -> None:
        content = self._store.load_newest()
        try:
            self._restore(content)
            return
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Once more with all that can be free. What is lacking still, others hold: the process starts again.
        log.warning("out of memory while going on from the checkpoint: trying once more")
        self._stepper.release()
        self._device.free_cache()
        self._restore(content)

    def _restore(self, content: Mapping[str, Any] | None) -> None:
        state.allocate_again(self._model)
        if content is None:
            self._start_over()
            return
        self._at = state.restore(content, self._model, self._stepper, self._device)
        if self._states and not self._states.go_on_after(self._at.epoch, within=self._at.blocks_done > 0):
            self._store.clear()
            self._start_over()
            return
        if self._best:
            self._best.restore(content)
        self._kept_at = self._at.epoch, self._at.blocks_done
        self._start_meter(content["loss_sum"], content["loss_tokens"])
        log.info("going on after %d epochs and %d blocks", self._at.epoch, self._at.blocks_done)

    def _start_over(self) -> None:
        torch.manual_seed(self._plan.seed)
        self._set_initial_weights(self._model)
        self._stepper.start_over()
        if self._best:
            self._best.start_over()
        self._at = Position()
        self._kept_at = None
        if self._states:
            self._states.go_on_after(0, within=False)
        self._start_meter()

    def _start_meter(self, loss_sum: float = 0.0, tokens: float = 0.0) -> None:
        """Begin an epoch's sums, or go on with them."""
        self._meter.start(loss_sum, tokens, self._at.skipped)
        self._watch.start(self._step_number(), divergence.Reading(loss_sum, tokens, self._at.skipped))

    def _lower_the_rate_and_go_back(self, reason: Reason) -> None:
        epoch, set_backs = self._at.epoch + 1, self._at.set_backs
        is_last_try = epoch <= self._at.diverged_in or set_backs == divergence.MAX_SET_BACKS
        if is_last_try or self._plan.by_rule:
            raise TrainingError(TrainingDiverged(epoch, reason))
        log.warning("diverged in epoch %d: %s", epoch, english(reason))
        self._report(reports.Diverged(epoch, to_data(reason)))
        rate_share = self._at.rate_share
        self._go_back()
        self._at.rate_share = rate_share * divergence.RATE_SHARE_AFTER_TROUBLE
        self._at.set_backs, self._at.diverged_in = set_backs + 1, epoch

    def _go_back(self) -> None:
        self._saver.wait()
        self._stepper.drop_gradients()
        self._go_on_from_checkpoint()
        self._kept_at = None
        self._report(reports.WentBack(*self.position))
