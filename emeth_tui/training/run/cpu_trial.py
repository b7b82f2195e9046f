"""How a CPU trains a model fastest, found by a short trial: its precision, and how its cores work together.

bf16 is faster where the CPU has it. Cores share out every operation of a large model among them; of a small
one, whose operations are over before a second thread is awake, each core trains a part of the batch.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.model.head import head_loss
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.state import bytes_of

# Without these instructions bf16 is emulated, many times slower than fp32, and not worth the trial.
_BF16_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16"})
_WORTH_IT = 1.1  # times as fast; for less, neither coarser numbers nor more cores
# Of weights. Each thread has gradients and logits of its own: beyond this, memory matters more than speed.
_BATCH_THREADS_UP_TO_BYTES = 16 << 20
_BATCH_THREADS = (1, 2, 4)  # reasoned, not measured past 2: more would mostly wait for the interpreter's lock
_TRIALS = 3  # the first of them also loads the kernels
_TRIAL_TOKENS, _TRIAL_BLOCK = 1024, 128
_TRIAL_VOCAB = 4096  # rows of the head at most
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class CpuPlan:
    """How a CPU calculates: its precision, and what its cores do."""

    precision: torch.dtype = torch.float32
    threads: int = 1  # that share out every operation
    batch_threads: int = 1  # that train a part of every batch each, on one thread

    @property
    def required_speedup(self) -> float:
        """How many times as fast as the plain plan it must be to be chosen."""
        coarser, wider = self.precision != torch.float32, max(self.threads, self.batch_threads) > 1
        return (_WORTH_IT if coarser else 1.0) * (_WORTH_IT if wider else 1.0)


def fastest_on_cpu(model: Gpt2, cpu_info: Path = _CPU_INFO) -> CpuPlan:
    """Choose the plan by which this CPU trains a layer and the head of `model` fastest.

    At most as many cores are taken as torch may use threads now. Leaves gradients, weights, torch's random
    state and its threads as they are.
    """
    plans = _possible_plans(model, torch.get_num_threads(), _instructions(cpu_info))
    if len(plans) == 1:
        return plans[0]
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[]))
        batch_threads = {count: BatchThreads(count) for count in {plan.batch_threads for plan in plans}}
        for each in batch_threads.values():
            stack.callback(each.close)
        rounds = [
            [_trial_s(model, plan, batch_threads[plan.batch_threads]) for plan in plans]
            for _ in range(_TRIALS)
        ]
    best_s = dict(zip(plans, map(min, zip(*rounds, strict=True)), strict=True))
    return min(plans, key=lambda plan: best_s[plan] * plan.required_speedup)


def _possible_plans(model: Gpt2, cores: int, instructions: frozenset[str]) -> list[CpuPlan]:
    has_bf16 = bool(_BF16_INSTRUCTIONS & instructions)
    precisions = [torch.float32, torch.bfloat16] if has_bf16 else [torch.float32]
    if bytes_of(model.parameters()) <= _BATCH_THREADS_UP_TO_BYTES:
        together = [(1, batch_threads) for batch_threads in _BATCH_THREADS if batch_threads <= cores]
    else:
        together = [(threads, 1) for threads in sorted({1, cores})]
    return [CpuPlan(precision, *plan) for precision, plan in itertools.product(precisions, together)]


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Set torch's threads within the context."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _trial_s(model: Gpt2, plan: CpuPlan, batch_threads: BatchThreads) -> float:
    """Return the seconds that a forward and backward pass takes through a layer and the head."""
    length = min(_TRIAL_BLOCK, model.shape.positions)
    ids = torch.zeros(_TRIAL_TOKENS // length, length, dtype=torch.int64)
    layer, head = model.transformer.h[0], model.transformer.wte.weight[:_TRIAL_VOCAB]
    in_bf16 = plan.precision != torch.float32

    def forward_backward(part: Tensor, thread: int) -> tuple[Tensor, ...]:
        states = torch.randn(part.numel(), model.shape.width, requires_grad=True)
        with torch.autocast("cpu", plan.precision) if in_bf16 else contextlib.nullcontext():
            _, (masks,) = model.transformer.masks(len(part), length, layers=1)
            loss = head_loss(layer(states, length, masks), head, part.flatten(), len(head))
        return torch.autograd.grad(loss, [head, *layer.parameters()])

    with threads(plan.threads):
        started = time.perf_counter()
        first, *others = batch_threads.run(forward_backward, ids)
        for gradients in others:
            torch._foreach_add_(first, gradients)
        return time.perf_counter() - started


def _instructions(cpu_info: Path) -> frozenset[str]:
    try:
        lines = cpu_info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = (line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    return frozenset(next(flags, ()))
