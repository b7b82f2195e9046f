"""How a CPU trains a model fastest, found by a short trial: its precision, and on how many threads.

bf16 is faster where the CPU has it. A small model's operations are over before a second thread is awake.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from emeth_tui.training.gpt2 import Gpt2
from emeth_tui.training.head import head_loss

# Without these instructions bf16 is emulated, many times slower than fp32, and not worth the trial.
_BF16_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16"})
_WORTH_IT = 1.1  # times as fast; for less, neither coarser numbers nor more threads
_TRIALS = 3  # the first of them also loads the kernels
_TRIAL_TOKENS = 1024
_TRIAL_VOCAB = 4096  # rows of the head at most
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class CpuWay:
    """One way for a CPU to calculate."""

    precision: torch.dtype = torch.float32
    threads: int = 1

    @property
    def handicap(self) -> float:
        """By how much it must be faster to be taken."""
        return (1.0 if self.precision == torch.float32 else _WORTH_IT) * (
            _WORTH_IT if self.threads > 1 else 1
        )


def fastest_on_cpu(model: Gpt2, cpu_info: Path = _CPU_INFO) -> CpuWay:
    """Choose the way in which this CPU trains a layer and the head of `model` fastest.

    At most as many threads are taken as torch may use now. Leaves gradients, weights, torch's random state
    and its threads as they are.
    """
    has_bf16 = bool(_BF16_INSTRUCTIONS & _instructions(cpu_info))
    precisions = [torch.float32, torch.bfloat16] if has_bf16 else [torch.float32]
    ways = [CpuWay(*way) for way in itertools.product(precisions, sorted({1, torch.get_num_threads()}))]
    if len(ways) == 1:
        return ways[0]
    with torch.random.fork_rng(devices=[]):
        rounds = [[_trial_s(model, way) for way in ways] for _ in range(_TRIALS)]
    best_s = dict(zip(ways, map(min, zip(*rounds, strict=True)), strict=True))
    return min(ways, key=lambda way: best_s[way] * way.handicap)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads within."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _trial_s(model: Gpt2, way: CpuWay) -> float:
    """Seconds for a layer and the head, there and back."""
    length = min(_TRIAL_TOKENS, model.shape.positions)
    states = torch.randn(_TRIAL_TOKENS // length, length, model.shape.width, requires_grad=True)
    layer, head = model.transformer.h[0], model.transformer.wte.weight[:_TRIAL_VOCAB]
    targets = torch.zeros(states.shape[:2], dtype=torch.int64).flatten()
    in_bf16 = way.precision != torch.float32
    with threads(way.threads):
        started = time.perf_counter()
        with torch.autocast("cpu", way.precision) if in_bf16 else contextlib.nullcontext():
            loss = head_loss(layer(states).flatten(0, 1), head, targets, len(head))
        torch.autograd.grad(loss, [states, head, *layer.parameters()])
        return time.perf_counter() - started


def _instructions(cpu_info: Path) -> frozenset[str]:
    try:
        lines = cpu_info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = (line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    return frozenset(next(flags, ()))
