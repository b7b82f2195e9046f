"""The matrix products of a job alone: what no way to train it can be spared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch
from torch import Tensor

from emeth_tui.training.devices import set_threads
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.cpu_trial import fastest_on_cpu

_HEAD_ROWS = 256  # as many logits at a time as the training holds
_TRIALS = 9

Product = Callable[[], object]


@dataclass(frozen=True, slots=True)
class ProductsTask:
    """Steps of `batch` blocks of `block` tokens, on a CPU as a job takes them."""

    shape: Gpt2Shape
    batch: int
    block: int


@dataclass(frozen=True, slots=True)
class ProductsTimes:
    """Seconds that a step's products take, and those of its forward pass alone."""

    step_s: float
    forward_s: float

    def of_job(self, steps: float, validated_batches: float) -> float:
        """Return the seconds of so many steps, and of validating so many batches."""
        return self.step_s * steps + self.forward_s * validated_batches


def multiply_steps(connection: Connection, task: ProductsTask) -> None:
    """Run a process that answers each message with a ProductsTimes, until the parent hangs up."""
    model = Gpt2(task.shape)
    model.initialise(seed=0)
    plan = fastest_on_cpu(model)
    set_threads(plan.threads)
    threads = BatchThreads(plan.batch_threads)
    ids = torch.zeros(task.batch, task.block, dtype=torch.int64)
    # Each thread has products of its own, made before the time is taken.
    parts = [
        _Products(task.shape, len(part), task.block, plan.precision)
        for part in ids.tensor_split(min(plan.batch_threads, task.batch))
    ]
    while True:
        connection.recv()
        forward_s = _seconds(threads, ids, [part.forward for part in parts])
        step_s = _seconds(threads, ids, [part.forward + part.backward for part in parts])
        connection.send(ProductsTimes(step_s, forward_s))


def _seconds(threads: BatchThreads, ids: Tensor, products: list[list[Product]]) -> float:
    def multiply(_: Tensor, thread: int) -> None:
        for product in products[thread]:
            product()

    def once() -> float:
        started = time.perf_counter()
        threads.run(multiply, ids)
        return time.perf_counter() - started

    once()
    return statistics.median(once() for _ in range(_TRIALS))


class _Products:
    """The products of one thread's part of a step, as functions that write where the last ones wrote."""

    def __init__(self, shape: Gpt2Shape, blocks: int, block: int, dtype: torch.dtype) -> None:
        self.forward: list[Product] = []
        self.backward: list[Product] = []
        self._dtype = dtype
        rows, width, heads = blocks * block, shape.width, blocks * shape.heads
        of_head = width // shape.heads
        for _ in range(shape.layers):
            for inputs, outputs in ((1, 3), (1, 1), (1, 4), (4, 1)):
                self._linear(rows, inputs * width, outputs * width)
            self._both_ways(torch.bmm, (heads, block, of_head), (heads, of_head, block))
            self._both_ways(torch.bmm, (heads, block, block), (heads, block, of_head))
        for start in range(0, rows - blocks, _HEAD_ROWS):
            self._linear(min(_HEAD_ROWS, rows - blocks - start), width, shape.padded_vocab_size)

    def _linear(self, rows: int, inputs: int, outputs: int) -> None:
        self._both_ways(torch.mm, (rows, inputs), (inputs, outputs))

    def _both_ways(
        self, multiply: Callable[..., Tensor], left: tuple[int, ...], right: tuple[int, ...]
    ) -> None:
        """Add a product to the forward pass, and those that make its gradients to the backward pass."""
        first, second = (torch.randn(each, dtype=self._dtype) for each in (left, right))
        outcome = multiply(first, second)
        of_first, of_second = torch.empty_like(first), torch.empty_like(second)
        self.forward.append(lambda: multiply(first, second, out=outcome))
        self.backward.append(lambda: multiply(outcome, second.transpose(-2, -1), out=of_first))
        self.backward.append(lambda: multiply(first.transpose(-2, -1), outcome, out=of_second))
