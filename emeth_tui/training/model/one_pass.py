"""Clipping and AdamW in one pass over the parameters, on a GPU.

The plain way casts the gradients to fp32, reads them for their norm, then reads them again with weights and
moments for the step, and the next forward pass reads the weights once more for its copies in bf16. Here the
gradients are read in bf16 as they come, and what makes the step writes the copies. State and results are
those of torch's AdamW, which keeps the state: either may go on from the other.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from emeth_tui.training.model.optimiser import MAX_GRADIENT_NORM
from emeth_tui.training.model.projection import Weight

_CHUNK = 16_384  # elements, that one program of a launch goes through
_BLOCK = 2_048  # at a time
_JUDGED = 1_024
_WARPS = 8


def is_possible() -> bool:
    """Return whether Triton is there; it comes with torch's wheels for GPUs."""
    return importlib.util.find_spec("triton") is not None


class OnePass:
    """Takes AdamW's steps for an optimiser of torch's, whose state must stay where it is in memory."""

    def __init__(self, optimiser: torch.optim.AdamW, weights: Sequence[Weight]) -> None:
        self._kernels: Any = importlib.import_module("emeth_tui.training.model.one_pass_kernels")
        self._weights = weights
        self._optimiser = optimiser
        device = weights[0].parameter.device
        first, second = optimiser.param_groups[0]["betas"]
        self._betas = torch.tensor([first, second], dtype=torch.float64, device=device)
        chunks = [
            (row, start)
            for row, weight in enumerate(weights)
            for start in range(0, weight.parameter.numel(), _CHUNK)
        ]
        self._chunks = torch.tensor(chunks, dtype=torch.int32, device=device)
        self._sums = torch.empty(len(chunks), device=device)
        self._scalars = torch.empty(self._kernels.SCALARS.value, device=device)
        self._gradients_at: list[int] = []
        self._rows = self._make_rows()
        self._table = torch.tensor(self._rows, device=device)

    def try_out(self) -> None:
        """Compile and start the kernels, with a step that is not taken. Raise what Triton raises."""
        self.read_gradients_at([weight.leaf.data_ptr() for weight in self._weights])  # any numbers will do
        device = self._sums.device
        self.apply(torch.full((), math.nan, device=device), torch.zeros((), device=device))

    def read_gradients_at(self, addresses: list[int]) -> None:
        """Have `apply` read the gradients there, one for each weight."""
        if addresses == self._gradients_at:
            return
        self._gradients_at = addresses
        for row, address in zip(self._rows, addresses, strict=True):
            row[self._kernels.GRADIENT.value] = address
        on_host = torch.tensor(self._rows)
        self._table.copy_(on_host.pin_memory() if self._table.is_cuda else on_host, non_blocking=True)

    def apply(self, loss: Tensor, rate: Tensor) -> Tensor:
        """Take a step at this rate unless loss or gradients are no finite numbers; return whether they are.

        Starts three kernels and nothing else.
        """
        kernels, chunks = self._kernels, len(self._chunks)
        first, second = self._optimiser.param_groups[0]["betas"]
        kernels.add_squares[(chunks,)](
            self._table, self._chunks, self._sums, CHUNK=_CHUNK, BLOCK=_BLOCK, num_warps=_WARPS
        )
        kernels.judge[(1,)](
            self._table,
            len(self._weights),
            self._sums,
            chunks,
            loss,
            self._betas,
            self._scalars,
            MOST=MAX_GRADIENT_NORM,
            BLOCK=_JUDGED,
            num_warps=_WARPS,
        )
        kernels.update[(chunks,)](
            self._table,
            self._chunks,
            self._scalars,
            rate,
            FIRST_BETA=first,
            SECOND_BETA=second,
            EPSILON=self._optimiser.param_groups[0]["eps"],
            WEIGHT_DECAY=max(group["weight_decay"] for group in self._optimiser.param_groups),
            CHUNK=_CHUNK,
            BLOCK=_BLOCK,
            num_warps=_WARPS,
        )
        finite: Tensor = self._scalars[kernels.FINITE.value] != 0.0
        return finite

    def _make_rows(self) -> list[list[int]]:
        decayed = {
            id(parameter)
            for group in self._optimiser.param_groups
            for parameter in group["params"]
            if group["weight_decay"]
        }
        return [self._row(weight, id(weight.parameter) in decayed) for weight in self._weights]

    def _row(self, weight: Weight, decays: bool) -> list[int]:
        kernels, parameter = self._kernels, weight.parameter
        state = _state_of(self._optimiser, parameter)
        in_bf16 = weight.leaf.dtype == torch.bfloat16
        row = [0] * kernels.COLUMNS.value
        row[kernels.PARAMETER.value] = parameter.data_ptr()
        row[kernels.FIRST_MOMENT.value] = state["exp_avg"].data_ptr()
        row[kernels.SECOND_MOMENT.value] = state["exp_avg_sq"].data_ptr()
        row[kernels.STEP.value] = state["step"].data_ptr()
        row[kernels.NARROW.value] = 0 if weight.narrow is None else weight.narrow.data_ptr()
        row[kernels.ELEMENTS.value] = parameter.numel()
        row[kernels.FLAGS.value] = kernels.IN_BF16.value * in_bf16 + kernels.DECAYS.value * decays
        return row


def _state_of(optimiser: torch.optim.AdamW, parameter: nn.Parameter) -> dict[str, Tensor]:
    """Return a parameter's state; where there is none yet, such as torch makes it in its first step."""
    state: dict[str, Tensor] = optimiser.state[parameter]
    if not state:
        state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
        state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        state["exp_avg_sq"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
    return state
