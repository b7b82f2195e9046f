"""Where the time of one of our optimiser steps goes, by torch's profiler.

On a GPU it is the time that kernels take, and "host" is when none of them runs: a step that is mostly that is
short of Python, not of arithmetic. On a CPU it is the time within torch's operations, and "host" is what is
between them. The whole step is timed without the profiler. What a recorded step does cannot be told apart, so
the table is of the steps that are not; below it stands what a step takes each way that there is here.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.processes import synchronise
from benchmarks.training.train import LEARNING_RATE
from emeth_tui.training.devices import Device, open_device, set_threads
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.quick_steps.trial import shape_of, times_of
from emeth_tui.training.quick_steps.way import Way
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.compiling import compile_where_it_pays
from emeth_tui.training.run.cpu_trial import fastest_on_cpu
from emeth_tui.training.run.microbatch import MicroBatch
from emeth_tui.training.run.step import Stepper

KINDS = ("products", "attention", "head", "optimiser", "rest", "host")
_PRODUCTS = frozenset({"aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"})
_OF_ATTENTION = ("attention", "aten::bmm", "aten::baddbmm", "aten::_softmax")
_OF_OPTIMISER = ("Optimizer.step", "aten::_fused_adamw", "aten::_foreach_norm", "aten::linalg_vector_norm")
_WARM_UP_STEPS = 3


@dataclass(frozen=True, slots=True)
class WhereTask:
    """The steps to look at, as in a job that has `steps_left` to go."""

    shape: Gpt2Shape
    batch: int
    block: int
    device: str = "cpu"
    steps: int = 5
    steps_left: int = 6_000
    compile_backend: str = "inductor"
    as_shipped: bool = False  # on a CPU in the precision that a job would take; else in fp32


@dataclass(frozen=True, slots=True)
class Where:
    """The milliseconds of a step, in all and by kind; `products_ms` are all matrix products, wherever."""

    batch: int
    compiled: bool
    step_ms: float
    by_kind_ms: dict[str, float]
    products_ms: float
    by_way_ms: dict[str, float | None] = dataclasses.field(default_factory=dict)  # None: cannot be gone here

    @property
    def over_products(self) -> float:
        """How many times as long the step takes as its matrix products alone, which nothing can spare it."""
        return self.step_ms / self.products_ms

    @property
    def lines(self) -> list[str]:
        """The table, for people."""
        plain = "compiled" if self.compiled else "plain"
        head = f"a step of ours at batch {self.batch}, {plain}: {self.step_ms:.2f} ms"
        return [
            head,
            *(
                f"  {kind:<10} {self.by_kind_ms[kind]:>9.2f} ms {self.by_kind_ms[kind] / self.step_ms:>6.1%}"
                for kind in KINDS
            ),
            f"  all products together: {self.products_ms:.2f} ms, {self.products_ms / self.step_ms:.1%}",
            *(
                f"  a step {way}: " + ("not possible here" if ms is None else f"{ms:.2f} ms")
                for way, ms in self.by_way_ms.items()
            ),
        ]


def look(connection: Connection, task: WhereTask) -> None:
    """Run a process that looks once and answers with a Where."""
    on_cuda = task.device.startswith("cuda")
    connection.send(where(task, open_device("cuda:0" if on_cuda else "cpu")))


def where(task: WhereTask, device: Device) -> Where:
    """Take steps, some timed and some profiled."""
    model = Gpt2(task.shape)
    model.initialise(seed=0)
    if task.as_shipped and not device.is_cuda:
        plan = fastest_on_cpu(model)
        set_threads(plan.threads)
        device = dataclasses.replace(device, compute_dtype=plan.precision)
    model.to(device.torch_device).train()
    stepper = Stepper(model, device, MicroBatch(task.batch, device), BatchThreads(), lambda _blocks: None)
    compiled = compile_where_it_pays(
        model, task.batch, task.block, task.steps_left, device, task.compile_backend
    )
    generator = torch.Generator().manual_seed(0)
    ids = device.put(torch.randint(task.shape.vocab_size, (task.batch, task.block), generator=generator))

    def take(steps: int) -> float:
        synchronise(device.torch_device)
        started = time.perf_counter()
        for number in range(steps):
            stepper.take(ids, LEARNING_RATE, (0, number))
        synchronise(device.torch_device)
        return 1_000 * (time.perf_counter() - started) / steps

    take(_WARM_UP_STEPS)
    step_ms = take(task.steps)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.is_cuda else [])]
    with profile(activities=activities) as profiled:
        profiled_ms = take(task.steps)
    # Profiling slows down what happens on the CPU, so there it counts in shares.
    factor = 1.0 if device.is_cuda else step_ms / profiled_ms
    found = _summed_up(task, compiled, step_ms, factor, profiled.events() or [], device.is_cuda)
    return dataclasses.replace(found, by_way_ms=_by_way_ms(stepper, ids, device)) if device.is_cuda else found


def _by_way_ms(stepper: Stepper, ids: torch.Tensor, device: Device) -> dict[str, float | None]:
    """Return what a step takes with and without recording, and with clipping and AdamW in one pass."""
    shape = shape_of(ids)
    ways = [Way(), Way(one_pass=True), Way(recorded=shape), Way(True, shape)]
    seconds = times_of(ways, stepper, ids, device)
    return {str(way): 1_000 * seconds[way] if way in seconds else None for way in ways}


def _summed_up(
    task: WhereTask, compiled: bool, step_ms: float, factor: float, events: Sequence[Any], on_cuda: bool
) -> Where:
    by_kind_ms = dict.fromkeys(KINDS, 0.0)
    products_ms = 0.0
    for event in events:
        if event.device_type != DeviceType.CPU or event.name.startswith("ProfilerStep"):
            continue  # a kernel is counted with the operation that started it
        own_us = event.self_device_time_total if on_cuda else event.self_cpu_time_total
        own_ms = factor * own_us / 1_000 / task.steps
        by_kind_ms[_kind(list(_names(event)))] += own_ms
        products_ms += own_ms if event.name in _PRODUCTS else 0.0
    by_kind_ms["host"] = max(0.0, step_ms - sum(by_kind_ms.values()))
    return Where(task.batch, compiled, step_ms, by_kind_ms, products_ms)


def _names(event: Any) -> Iterator[str]:
    """Yield the names of an event and of all that it happened within."""
    while event is not None:
        yield event.name
        event = event.cpu_parent


def _kind(names: Sequence[str]) -> str:
    """Return the kind of an operation, given its name and those of what it happened within."""
    if any("_HeadLoss" in name for name in names):
        return "head"
    if any(name.startswith(_OF_OPTIMISER) for name in names):
        return "optimiser"
    if any(part in name.lower() for name in names for part in _OF_ATTENTION):
        return "attention"
    return "products" if names[0] in _PRODUCTS else "rest"
