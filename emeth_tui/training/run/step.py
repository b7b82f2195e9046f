"""One optimiser step: gradients in parts that fit the memory, clipped, applied if they are finite numbers.

Nothing here waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from emeth_tui.training.devices import Device, is_out_of_memory
from emeth_tui.training.model.dropout import seed_masks
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.model.optimiser import MAX_GRADIENT_NORM, loss_scale, make_optimiser, set_rate
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.microbatch import MicroBatch, block_bytes
from emeth_tui.training.run.state import bytes_of


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
    ) -> None:
        self.parameters = list(model.parameters())
        self.optimiser = make_optimiser(model)
        self.micro_batch = micro_batch
        self._model = model
        self._device = device
        self._batch_threads = batch_threads
        self._told_less_memory = on_less_memory
        self._scale = loss_scale(device.torch_device, device.compute_dtype)

    def take(self, ids: Tensor, rate: float, place: Sequence[int]) -> Step:
        """Learn from the blocks of `ids` `[blocks, tokens]`; `place` seeds their dropout.

        Memory that runs out before a weight was touched halves the micro batch, and the step is done again.
        Raise TrainingError when it does not hold one block, and what torch raises when it ran out later.
        """
        return self._apply(self._gradients(ids, place), rate)

    def start_over(self) -> None:
        """Forget what the optimiser has learnt."""
        self.optimiser = make_optimiser(self._model)
        self._scale = loss_scale(self._device.torch_device, self._device.compute_dtype)

    def state_dict(self) -> dict[str, Any]:
        """Name all that `load_state_dict` needs; the tensors are the living ones."""
        scale = {} if self._scale is None else {"loss_scale": self._scale.state_dict()}
        return {"optimiser": self.optimiser.state_dict(), **scale}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as the stepper would whose state this is, on whatever device."""
        self.release()  # else there would be two of everything for a moment
        self.optimiser.load_state_dict(state["optimiser"])
        if self._scale is not None and "loss_scale" in state:
            self._scale.load_state_dict(state["loss_scale"])

    def release(self) -> None:
        """Drop the gradients and all that the optimiser keeps, until `load_state_dict`."""
        self.drop_gradients()
        self.optimiser.state.clear()

    def drop_gradients(self) -> None:
        """Free the memory of the gradients."""
        self.optimiser.zero_grad(set_to_none=True)

    def take_less_memory(self) -> None:
        """Halve the micro batch, because memory ran out. Raise TrainingError when one block is too much."""
        self.drop_gradients()
        self.micro_batch.halve()
        self._device.free_cache()
        self._told_less_memory(self.micro_batch.size)

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
                return loss.detach(), torch.autograd.grad(scaled, self.parameters)
            # Added one by one to those that are there, so that there are never two of each.
            scaled.backward()  # type: ignore[no-untyped-call]
            return loss.detach(), ()

        for micro_batch in torch.split(ids, self.micro_batch.size):
            for loss, gradients in self._batch_threads.run(forward_backward, micro_batch):
                losses.append(loss)
                if gradients:
                    torch._foreach_add_(self._present_gradients(), list(gradients))
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _present_gradients(self) -> list[Tensor]:
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def _apply(self, loss: Tensor, rate: float) -> Step:
        """Apply the gradients, unless they are no finite numbers: the device decides."""
        if self._scale is not None:
            self._scale.remove(self.parameters)
        norm = nn.utils.get_total_norm(self._present_gradients())
        finite = torch.isfinite(norm) & torch.isfinite(loss)
        set_rate(self.optimiser, rate)
        optimiser: Any = self.optimiser
        # A fused optimiser divides by the one, and changes nothing where the other is 1.
        optimiser.grad_scale = (norm / MAX_GRADIENT_NORM).clamp_(min=1.0)
        optimiser.found_inf = 1.0 - finite.float()
        optimiser.step()
        self.drop_gradients()
        return Step(loss, finite, ~finite if self._scale is None else self._scale.adapt(finite))

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
