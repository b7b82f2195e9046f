"""One optimiser step: gradients in parts that fit the memory, clipped, applied if they are finite numbers.

Nothing here waits for the device, so that a step can also be recorded (`quick_steps`).
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.model.dropout import seed_masks
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.model.one_pass import OnePass
from emeth_tui.training.model.optimiser import MAX_GRADIENT_NORM, loss_scale, make_optimiser, set_rate
from emeth_tui.training.quick_steps.recording import CudaRecorder, Recorder
from emeth_tui.training.quick_steps.way import RecordedStep, Way
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.microbatch import MicroBatch, block_bytes
from emeth_tui.training.run.state import bytes_of

_RECORDED_PLACE = (0,)  # a GPU's dropout has a generator of its own
log = logging.getLogger(__name__)


class Step(NamedTuple):
    """A step's outcome: scalars that lie on the device."""

    loss: Tensor  # the mean over the step's tokens
    applied: Tensor  # whether its numbers were finite
    skipped: Tensor  # whether they were not, and no loss scale was to blame


class Stepper:
    """Takes the steps of one training. `on_less_memory` gets the new micro batch when memory ran out."""

    def __init__(
        self,
        model: Gpt2,
        device: Device,
        micro_batch: MicroBatch,
        batch_threads: BatchThreads,
        on_less_memory: Callable[[int], None],
        make_recorder: Callable[[Device], Recorder] = CudaRecorder,
    ) -> None:
        self.parameters = list(model.parameters())
        self.optimiser = make_optimiser(model)
        self.micro_batch = micro_batch
        self.way = Way()
        self._weights = model.weights()
        self._one_pass: OnePass | None = None
        self._recorded: RecordedStep[Step] | None = None
        self._held_back: Tensor | None = None  # added to each loss that is judged: not a number in a trial
        self._make_recorder = make_recorder
        self._model = model
        self._device = device
        self._batch_threads = batch_threads
        self._on_less_memory = on_less_memory
        self._scale = loss_scale(device.torch_device, device.compute_dtype)

    def take(self, ids: Tensor, rate: float, place: Sequence[int]) -> Step:
        """Learn from the blocks of `ids` `[blocks, tokens]`; `place` seeds their dropout.

        Memory that runs out before a weight was touched halves the micro batch, and the step is done again.
        Raise TrainingError when it does not hold one block, and what torch raises when it ran out later.
        """
        self._make_ready(ids)
        if self._recorded is not None and self._recorded.fits(ids):
            self._tell_one_pass(self._recorded.gradients)
            return self._recorded.take(ids, rate)
        return self._apply(self._gradients(ids, place), rate)

    def use(self, way: Way) -> None:
        """Take steps this way from now on. If that fails, `way` says after the next step how they are."""
        self._forget_recorded()
        if not way.one_pass:
            self._forget_one_pass()
        self.way = way

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """Have steps change nothing within the context: neither weights nor states, random ones included."""
        cuda = [self._device.torch_device] if self._device.torch_device.type == "cuda" else []
        if self._held_back is None:
            self._held_back = torch.zeros((), device=self._device.torch_device)
        held_back = self._held_back.clone()
        scale = {} if self._scale is None else {k: v.clone() for k, v in self._scale.state_dict().items()}
        self._held_back.fill_(math.nan)
        try:
            with torch.random.fork_rng(devices=cuda):
                yield
        finally:
            self._held_back.copy_(held_back)
            if self._scale is not None:
                self._scale.load_state_dict(scale)

    def start_over(self) -> None:
        """Forget what the optimiser has learnt, for other weights."""
        for state in self.optimiser.state.values():  # in place: recorded steps know where they are
            torch._foreach_zero_(list(state.values()))
        self.weights_changed()
        if self._scale is not None:
            self._scale.start_over()

    def weights_changed(self) -> None:
        """Take note that the model has other weights than the last step left."""
        for weight in self._weights:
            weight.refresh()

    def state_dict(self, *, moments: bool = True) -> dict[str, Any]:
        """Name all that `load_state_dict` needs, with or without the optimiser's moments.

        The tensors are the living ones.
        """
        optimiser = {"optimiser": self.optimiser.state_dict()} if moments else {}
        scale = {} if self._scale is None else {"loss_scale": self._scale.state_dict()}
        return {**optimiser, **scale}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as the stepper would whose state this is, on whatever device; without moments, begin them."""
        self.release()  # else there would be two of everything for a moment
        if "optimiser" in state:
            self.optimiser.load_state_dict(state["optimiser"])
        if self._scale is not None and "loss_scale" in state:
            self._scale.load_state_dict(state["loss_scale"])

    def release(self) -> None:
        """Drop the gradients and all that the optimiser keeps, until `load_state_dict`."""
        self.drop_gradients()
        self._forget_recorded()
        self._forget_one_pass()
        self.optimiser.state.clear()

    def drop_gradients(self) -> None:
        """Free the memory of the gradients."""
        for weight in self._weights:
            weight.leaf.grad = None

    def take_less_memory(self) -> None:
        """Go on with less, because memory ran out. Raise TrainingError when one block is too much.

        Recorded steps hold memory of their own, so they go first; then the micro batch is halved.
        """
        self.drop_gradients()
        if self._recorded is not None:
            log.warning("out of memory: steps are no longer recorded")
            self.use(Way(one_pass=self.way.one_pass))
            self._device.free_cache()
            return
        self.use(Way())
        self._model.use_compiled(None)  # compiled layers would fill up the smaller micro batches with blocks
        self.micro_batch.halve()
        self._device.free_cache()
        self._on_less_memory(self.micro_batch.size)

    def find_micro_batch(self, block_tokens: int) -> None:
        """Set how many blocks to train at once. Steps are tried here before there are weights to spoil."""
        if not self._device.refuses_memory:
            # Still to come beside the blocks: gradients, two AdamW states, a checkpoint's copy of three, and
            # the best weights.
            reserved_bytes = 7 * bytes_of(self.parameters)
            self.micro_batch.bound_on_host(block_bytes(self._model.shape, block_tokens), reserved_bytes)
            return
        # Weights, gradients and two AdamW states stay beside the blocks.
        fit_by_estimate = (self._device.memory_bytes() - 4 * bytes_of(self.parameters)) // block_bytes(
            self._model.shape, block_tokens
        )
        self.micro_batch.find(lambda blocks: self._try(blocks, block_tokens), fit_by_estimate)
        self.start_over()

    def _gradients(self, ids: Tensor, place: Sequence[int]) -> Tensor:
        """Make the gradients of the mean loss over `ids`, in micro batches that fit; return that loss."""
        while True:
            try:
                return self._add_up_gradients(ids, place)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            self.take_less_memory()

    def _add_up_gradients(self, ids: Tensor, place: Sequence[int]) -> Tensor:
        losses: list[Tensor] = []

        def forward_backward(part: Tensor, thread: int) -> tuple[Tensor, tuple[Tensor, ...]]:
            seed_masks((*place, len(losses), thread))
            with self._device.autocast():
                loss = self._model.loss(part, scale=None if self._scale is None else self._scale.value)
            if len(part) < len(ids):  # all blocks have as many tokens: their share is that of the blocks
                loss = loss * (len(part) / len(ids))
            scaled = loss if self._scale is None else self._scale.apply(loss)
            if thread:
                return loss.detach(), torch.autograd.grad(scaled, self._leaves)
            # Added one by one to those that are there, so that there are never two of each.
            scaled.backward()  # type: ignore[no-untyped-call]
            return loss.detach(), ()

        for micro_batch in torch.split(ids, self.micro_batch.size):
            for loss, gradients in self._batch_threads.run(forward_backward, micro_batch):
                losses.append(loss)
                if gradients:
                    torch._foreach_add_(self._present_gradients(), list(gradients))
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    @property
    def _leaves(self) -> list[Tensor]:
        return [weight.leaf for weight in self._weights]

    def _present_gradients(self) -> list[Tensor]:
        return [leaf.grad for leaf in self._leaves if leaf.grad is not None]

    def _apply(self, loss: Tensor, rate: float | Tensor) -> Step:
        """Apply the gradients, unless they are no finite numbers: the device decides."""
        self._tell_one_pass(self._present_gradients())
        step = self._update(loss, rate)
        self.drop_gradients()
        return step

    def _tell_one_pass(self, gradients: list[Tensor]) -> None:
        if self._one_pass is not None:
            self._one_pass.read_gradients_at([each.data_ptr() for each in gradients])

    def _update(self, loss: Tensor, rate: float | Tensor) -> Step:
        if self._scale is not None:
            self._scale.remove(self.parameters)
        judged = loss if self._held_back is None else loss + self._held_back
        if self._one_pass is not None:
            on_device = rate if isinstance(rate, Tensor) else torch.full((), rate, device=loss.device)
            finite = self._one_pass.apply(judged, on_device)
        else:
            finite = self._update_plainly(judged, rate)
        return Step(loss, finite, ~finite if self._scale is None else self._scale.adapt(finite))

    def _update_plainly(self, loss: Tensor, rate: float | Tensor) -> Tensor:
        norm = nn.utils.get_total_norm(self._present_gradients())
        finite = torch.isfinite(norm) & torch.isfinite(loss)
        set_rate(self.optimiser, rate)
        optimiser: Any = self.optimiser
        # A fused optimiser divides by the one, and changes nothing where the other is 1.
        optimiser.grad_scale = (norm / MAX_GRADIENT_NORM).clamp_(min=1.0)
        optimiser.found_inf = 1.0 - finite.float()
        optimiser.step()
        return finite

    def _make_ready(self, ids: Tensor) -> None:
        """Make what the way takes, where it is not there yet or not any more."""
        try:
            if self.way.one_pass and self._one_pass is None:
                self._begin_one_pass()
            if self.way.recorded == tuple(ids.shape) and self._recorded is None:
                self._recorded = self._record(ids)
            return
        except Exception as error:  # no compiler, no memory, a new driver: the plain way is left
            reason = " ".join(str(error).splitlines()[:2])
            log.warning("steps stay plain: %s: %s", type(error).__name__, reason, exc_info=True)
        # Outside of the handler, whose traceback holds on to what has been recorded.
        self.drop_gradients()
        self.use(Way())
        self._device.free_cache()

    def _begin_one_pass(self) -> None:
        # Gradients of several micro batches add up, for which bf16 has too few digits.
        in_one_part = self.micro_batch.is_whole(self.micro_batch.size)
        narrow = in_one_part and self._device.compute_dtype == torch.bfloat16
        self._model.use_narrow(torch.bfloat16 if narrow else None)
        self._weights = self._model.weights()
        self._one_pass = OnePass(self.optimiser, self._weights)
        self._one_pass.try_out()  # a compiler that is not there shows here, and in no step
        self._device.wait()

    def _record(self, ids: Tensor) -> RecordedStep[Step]:
        """Record a step in two parts: where the gradients lie is known when they have been made."""
        recorder = self._make_recorder(self._device)
        own_ids, rate = ids.clone(), torch.zeros((), device=ids.device)
        with self.trying():
            recorder.warm_up(lambda: self._apply(self._add_up_gradients(own_ids, _RECORDED_PLACE), rate))
            make_gradients, loss = recorder.record(lambda: self._add_up_gradients(own_ids, _RECORDED_PLACE))
            gradients = self._present_gradients()
            self._tell_one_pass(gradients)
            update, outcome = recorder.record(lambda: self._update(loss, rate))
        self.drop_gradients()
        set_rate(self.optimiser, 0.0)
        return RecordedStep(own_ids, rate, make_gradients, update, outcome, gradients)

    def _forget_recorded(self) -> None:
        if self._recorded is not None:
            self._device.wait()  # it may still be at work
            self._recorded = None

    def _forget_one_pass(self) -> None:
        self._one_pass = None
        self._model.use_narrow(None)
        self._weights = self._model.weights()

    def _try(self, blocks: int, block_tokens: int) -> int:
        """Train one step on so many blocks; return the peak of memory in bytes."""
        self._device.start_peak()
        ids = torch.zeros(blocks, block_tokens, dtype=torch.int64)
        self._model.train()
        try:
            for _ in range(1 if self.micro_batch.is_whole(blocks) else 2):  # the second finds gradients there
                with self._device.autocast():
                    loss = self._model.loss(self._device.put(ids))
                loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.parameters, MAX_GRADIENT_NORM)
            self.optimiser.step()
        finally:
            self.drop_gradients()
        return self._device.peak_bytes()
