"""The vocabulary head and its cross-entropy, without ever holding the logits of a whole batch.

The logits of a GPT-2 outweigh everything else in a step: 2,048 tokens of a 50,257-token vocabulary are
412 MB in fp32, and a plain cross-entropy keeps three such tensors. Here a few hundred rows at a time go
through two buffers, and their gradients are made at once, while the logits are still there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from emeth_tui.training.devices import calculated_in

# Measured: fewer rows touch the weight's gradient too often, and of a small vocabulary are too little work at
# a time; more no longer fit a cache.
_ROWS_ON_CPU, _LOGITS_ON_CPU = 256, 1 << 19
_ROWS_ON_CUDA = 2048
_ROWS_COMPILED = 4096  # without buffers in fp32 beside the logits: twice as many take as much memory
_SMALLEST_SHARE = 1e-38  # a token's probability, for its logarithm: caps one token's loss at 87


LogitsToGradients = Callable[[Tensor, Tensor, int, Tensor | None], Tensor]


def head_loss(
    states: Tensor,
    weight: Tensor,
    targets: Tensor,
    vocab_size: int,
    to_gradients: LogitsToGradients | None = None,
    scale: Tensor | None = None,
    narrow_weight: Tensor | None = None,
) -> Tensor:
    """Return the summed cross-entropy of `targets` `[rows]` given `states` `[rows, width]` and `weight`.

    `weight` is `[padded vocabulary, width]`; rows from `vocab_size` on are padding and get no probability.
    Matrix products are in autocast's precision where it is on, all else in fp32. One token's loss is at most
    87; NaN and infinity in the states come out as NaN. `to_gradients` is `logits_to_gradients`, compiled.
    `scale` is about what the loss will be multiplied by: gradients are made that large, because in fp16 small
    ones vanish. `narrow_weight` is the weight in autocast's precision, where it is there already.
    """
    # Asked here: within the forward pass torch would answer yes even with gradients switched off.
    wants_gradients = torch.is_grad_enabled() and (states.requires_grad or weight.requires_grad)
    loss: Tensor = _HeadLoss.apply(  # type: ignore[no-untyped-call]
        states, weight, targets, vocab_size, wants_gradients, to_gradients, scale, narrow_weight
    )
    return loss


def logits_to_gradients(
    logits: Tensor, targets: Tensor, vocab_size: int, scale: Tensor | None = None
) -> Tensor:
    """Replace the logits of some rows by `scale` times the loss's gradients, and return their summed loss.

    Meant to be compiled: as a kernel or two it reads the logits about half as often as operation by
    operation, which by calculation is most of what the head costs on a GPU beside its products.
    """
    columns = torch.arange(logits.shape[1], device=logits.device)
    wide = logits.float()
    if logits.shape[1] > vocab_size:
        wide = wide.masked_fill(columns >= vocab_size, float("-inf"))
    log_sums = wide.logsumexp(-1, keepdim=True)
    losses = (log_sums - wide.gather(1, targets)).clamp(max=-math.log(_SMALLEST_SHARE))
    gradients = (wide - log_sums).exp() - (columns == targets).float()
    logits.copy_(gradients if scale is None else gradients * scale)
    return losses.sum()


class _HeadLoss(torch.autograd.Function):
    """Makes the gradients in the forward pass; the backward pass only scales them."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        targets: Tensor,
        vocab_size: int,
        wants_gradients: bool,
        to_gradients: LogitsToGradients | None,
        scale: Tensor | None,
        narrow_weight: Tensor | None,
    ) -> Tensor:
        kind = states.device.type
        precision = calculated_in(kind)
        narrow = states.to(precision), (weight if narrow_weight is None else narrow_weight).to(precision)
        with torch.autocast(kind, enabled=False):
            if wants_gradients and to_gradients is not None:
                loss, *gradients = _compiled_loss_and_gradients(
                    *narrow, targets, vocab_size, to_gradients, scale
                )
            else:
                loss, *gradients = _loss_and_gradients(*narrow, targets, vocab_size, wants_gradients, scale)
            if wants_gradients:
                ctx.state_dtype = states.dtype
                ctx.scale = scale
                ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        of_states, of_weight = ctx.saved_tensors
        (wanted,) = outputs
        scale = wanted if ctx.scale is None else wanted / ctx.scale
        # In place, for the weight's is as large as the weight; torch refuses a second backward pass after it.
        return of_states.mul_(scale).to(ctx.state_dtype), of_weight.mul_(scale), *[None] * 6


def _loss_and_gradients(
    states: Tensor,
    weight: Tensor,
    targets: Tensor,
    vocab_size: int,
    wants_gradients: bool,
    scale: Tensor | None,
) -> tuple[Tensor, ...]:
    """Return the summed loss and, where wanted, `scale` times its gradients for `states` and `weight`."""
    on_cpu = max(_ROWS_ON_CPU, _LOGITS_ON_CPU // len(weight))
    rows = min(len(states), _ROWS_ON_CUDA if states.is_cuda else on_cpu)
    buffers = _Buffers(states, weight, rows)
    gradients = _Gradients(states, weight) if wants_gradients else None
    loss = torch.zeros((), device=states.device)
    for start in range(0, len(states), rows):
        some_targets = targets[start : start + rows, None]
        shares = buffers.probabilities(states[start : start + rows], weight, vocab_size)
        loss -= shares.gather(1, some_targets).float().clamp_(min=_SMALLEST_SHARE).log_().sum()
        if gradients is not None:
            # d loss / d logits: the probabilities, less one at the target.
            shares.scatter_add_(1, some_targets, shares.new_full(some_targets.shape, -1.0))
            if scale is not None:
                shares.mul_(scale)
            gradients.add(buffers.in_precision(shares), start)
    return (loss,) if gradients is None else (loss, gradients.of_states, gradients.of_weight)


def _compiled_loss_and_gradients(
    states: Tensor,
    weight: Tensor,
    targets: Tensor,
    vocab_size: int,
    to_gradients: LogitsToGradients,
    scale: Tensor | None,
) -> tuple[Tensor, ...]:
    parts = -(-len(states) // _ROWS_COMPILED)
    rows = -(-len(states) // parts)  # about alike: each number of rows is compiled for
    gradients = _Gradients(states, weight)
    loss = torch.zeros((), device=states.device)
    for start in range(0, len(states), rows):
        logits = torch.mm(states[start : start + rows], weight.T)
        loss += to_gradients(logits, targets[start : start + rows, None], vocab_size, scale)
        gradients.add(logits, start)
    return loss, gradients.of_states, gradients.of_weight


class _Gradients:
    """The gradients for states and weight, made of those for the logits a few rows at a time."""

    def __init__(self, states: Tensor, weight: Tensor) -> None:
        self.of_states = torch.empty_like(states)
        self.of_weight = torch.empty(weight.shape, dtype=torch.float32, device=weight.device)
        self._states = states
        self._weight = weight

    def add(self, of_logits: Tensor, start: int) -> None:
        """Add what the rows from `start` on contribute."""
        end = start + len(of_logits)
        torch.mm(of_logits, self._weight, out=self.of_states[start:end])
        _accumulate(self.of_weight, of_logits.T, self._states[start:end], first=start == 0)


def _accumulate(total: Tensor, left: Tensor, right: Tensor, first: bool) -> None:
    """Add a matrix product to `total`, or at `first` put it there."""
    if left.dtype == total.dtype:
        torch.addmm(total, left, right, beta=0.0 if first else 1.0, out=total)
    elif first:
        total.copy_(left @ right)
    else:
        total += left @ right


class _Buffers:
    """Memory for the logits of a few rows, used again for the next: fresh pages cost more than the sums.

    Probabilities are in bf16 where the logits are: gradients come out as close to fp32's as with wider ones,
    for the logits were rounded before. fp16 has no room for small ones.
    """

    def __init__(self, states: Tensor, weight: Tensor, rows: int) -> None:
        shape = (rows, weight.shape[0])
        dtype = torch.bfloat16 if states.dtype == torch.bfloat16 else torch.float32
        self._logits = torch.empty(shape, dtype=states.dtype, device=states.device)
        # A CPU's softmax reads a row before it writes it, so it may write it where it was.
        in_place = dtype == states.dtype and not states.is_cuda
        self._shares = self._logits if in_place else torch.empty(shape, dtype=dtype, device=states.device)

    def probabilities(self, states: Tensor, weight: Tensor, vocab_size: int) -> Tensor:
        rows = len(states)
        logits = torch.mm(states, weight.T, out=self._logits[:rows])
        if logits.shape[1] > vocab_size:
            logits[:, vocab_size:] = float("-inf")
        return torch.softmax(logits, -1, dtype=self._shares.dtype, out=self._shares[:rows])

    def in_precision(self, shares: Tensor) -> Tensor:
        if self._logits.dtype == shares.dtype:
            return shares
        return self._logits[: len(shares)].copy_(shares)
