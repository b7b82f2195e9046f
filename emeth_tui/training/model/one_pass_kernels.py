"""The kernels of `one_pass`, in Triton; torch brings it along where it can use a GPU.

All tensors are reached through one table of addresses, so that one launch serves them all: a GPT-2 has some
three hundred, and at small batches launching is what a step's time goes to. Each program of a launch has a
chunk of one tensor.
"""

from __future__ import annotations

import triton
import triton.language as tl

# A row of the table: addresses, but for the last two.
COLUMNS = tl.constexpr(8)
PARAMETER = tl.constexpr(0)
FIRST_MOMENT = tl.constexpr(1)
SECOND_MOMENT = tl.constexpr(2)
STEP = tl.constexpr(3)
GRADIENT = tl.constexpr(4)
NARROW = tl.constexpr(5)  # 0: there is no copy in bf16
ELEMENTS = tl.constexpr(6)
FLAGS = tl.constexpr(7)
IN_BF16 = tl.constexpr(1)  # the gradient is
DECAYS = tl.constexpr(2)
# What `judge` leaves for `update`.
DIVISOR = tl.constexpr(0)  # of the gradients: 1 unless they are clipped
FINITE = tl.constexpr(1)
FIRST_CORRECTION = tl.constexpr(2)
SECOND_CORRECTION = tl.constexpr(3)
SCALARS = tl.constexpr(4)


@triton.jit
def _gradient(row, offsets, mask):
    address = tl.load(row + GRADIENT)
    if (tl.load(row + FLAGS) & IN_BF16) != 0:
        values = tl.load(address.to(tl.pointer_type(tl.bfloat16)) + offsets, mask=mask, other=0.0)
        wide = values.to(tl.float32)
    else:
        wide = tl.load(address.to(tl.pointer_type(tl.float32)) + offsets, mask=mask, other=0.0)
    return wide


@triton.jit
def add_squares(table, chunks, sums, CHUNK: tl.constexpr, BLOCK: tl.constexpr):  # noqa: N803
    """Write the sum of the squares of each chunk of the gradients."""
    program = tl.program_id(0)
    row = table + tl.load(chunks + 2 * program) * COLUMNS
    start = tl.load(chunks + 2 * program + 1)
    elements = tl.load(row + ELEMENTS)
    end = tl.minimum(start + CHUNK, elements)
    total = tl.zeros((BLOCK,), tl.float32)
    for at in range(start, end, BLOCK):
        offsets = at + tl.arange(0, BLOCK)
        values = _gradient(row, offsets, offsets < end)
        total += values * values
    tl.store(sums + program, tl.sum(total))


@triton.jit
def judge(
    table,
    tensors,
    sums,
    chunks,
    loss,
    betas,
    scalars,
    MOST: tl.constexpr,  # noqa: N803
    BLOCK: tl.constexpr,  # noqa: N803
):
    """Write how the gradients are clipped and whether all numbers are finite; count the step if they are."""
    total = tl.zeros((BLOCK,), tl.float32)
    for at in range(0, chunks, BLOCK):
        offsets = at + tl.arange(0, BLOCK)
        total += tl.load(sums + offsets, mask=offsets < chunks, other=0.0)
    norm = tl.sqrt(tl.sum(total))
    finite = (norm < float("inf")) & (tl.abs(tl.load(loss)) < float("inf"))
    counted = tl.where(finite, 1.0, 0.0)
    for at in range(0, tensors, BLOCK):
        offsets = at + tl.arange(0, BLOCK)
        mask = offsets < tensors
        steps = tl.load(table + offsets * COLUMNS + STEP, mask=mask, other=0)
        places = steps.to(tl.pointer_type(tl.float32))
        tl.store(places, tl.load(places, mask=mask, other=0.0) + counted, mask=mask)
    tl.debug_barrier()
    step = tl.load(tl.load(table + STEP).to(tl.pointer_type(tl.float32))).to(tl.float64)
    tl.store(scalars + DIVISOR, tl.maximum(norm / MOST, 1.0))
    tl.store(scalars + FINITE, counted)
    # In fp64: what is left of 1 when 0.999 is taken from it has few of fp32's digits.
    first = 1.0 - tl.exp(step * tl.log(tl.load(betas)))
    second = 1.0 - tl.exp(step * tl.log(tl.load(betas + 1)))
    tl.store(scalars + FIRST_CORRECTION, first.to(tl.float32))
    tl.store(scalars + SECOND_CORRECTION, tl.sqrt(second).to(tl.float32))


@triton.jit
def update(
    table,
    chunks,
    scalars,
    rate,
    FIRST_BETA: tl.constexpr,  # noqa: N803
    SECOND_BETA: tl.constexpr,  # noqa: N803
    EPSILON: tl.constexpr,  # noqa: N803
    WEIGHT_DECAY: tl.constexpr,  # noqa: N803
    CHUNK: tl.constexpr,  # noqa: N803
    BLOCK: tl.constexpr,  # noqa: N803
):
    """Clip, take AdamW's step and write the copies in bf16; do nothing where numbers were not finite."""
    if tl.load(scalars + FINITE) == 0.0:
        return
    program = tl.program_id(0)
    row = table + tl.load(chunks + 2 * program) * COLUMNS
    start = tl.load(chunks + 2 * program + 1)
    end = tl.minimum(start + CHUNK, tl.load(row + ELEMENTS))
    parameters = tl.load(row + PARAMETER).to(tl.pointer_type(tl.float32))
    first_moments = tl.load(row + FIRST_MOMENT).to(tl.pointer_type(tl.float32))
    second_moments = tl.load(row + SECOND_MOMENT).to(tl.pointer_type(tl.float32))
    narrow = tl.load(row + NARROW)
    divisor = tl.load(scalars + DIVISOR)
    first_correction = tl.load(scalars + FIRST_CORRECTION)
    second_correction = tl.load(scalars + SECOND_CORRECTION)
    step_rate = tl.load(rate)
    kept = 1.0 - step_rate * tl.where((tl.load(row + FLAGS) & DECAYS) != 0, WEIGHT_DECAY, 0.0)
    for at in range(start, end, BLOCK):
        offsets = at + tl.arange(0, BLOCK)
        mask = offsets < end
        gradient = _gradient(row, offsets, mask) / divisor
        parameter = tl.load(parameters + offsets, mask=mask, other=0.0) * kept
        first = tl.load(first_moments + offsets, mask=mask, other=0.0)
        second = tl.load(second_moments + offsets, mask=mask, other=0.0)
        first = FIRST_BETA * first + (1.0 - FIRST_BETA) * gradient
        second = SECOND_BETA * second + (1.0 - SECOND_BETA) * gradient * gradient
        spread = tl.sqrt(second) / second_correction + EPSILON
        parameter -= step_rate / first_correction * first / spread
        tl.store(first_moments + offsets, first, mask=mask)
        tl.store(second_moments + offsets, second, mask=mask)
        tl.store(parameters + offsets, parameter, mask=mask)
        if narrow != 0:
            tl.store(narrow.to(tl.pointer_type(tl.bfloat16)) + offsets, parameter.to(tl.bfloat16), mask=mask)
