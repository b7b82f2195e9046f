"""Which precision a CPU calculates in: fp32, or bf16 where the CPU has it and a short trial is faster."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import torch

from emeth_tui.training.gpt2 import Gpt2
from emeth_tui.training.head import head_loss

# Without these instructions bf16 is emulated, many times slower than fp32, and not worth the trial.
_BF16_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16"})
_WORTH_IT = 1.1  # times as fast; less is not worth the coarser numbers
_TRIALS = 4  # the first of them also load the kernels
_TRIAL_TOKENS = 256
_TRIAL_VOCAB = 4096  # rows of the head at most
_CPU_INFO = Path("/proc/cpuinfo")


def fastest_on_cpu(model: Gpt2, cpu_info: Path = _CPU_INFO) -> torch.dtype:
    """Choose the precision in which this CPU trains a layer and the head of `model` faster: a short trial.

    Leaves gradients, weights and torch's random state as they are.
    """
    if not _BF16_INSTRUCTIONS & _instructions(cpu_info):
        return torch.float32
    with torch.random.fork_rng(devices=[]):
        trials = [(_trial_s(model, torch.float32), _trial_s(model, torch.bfloat16)) for _ in range(_TRIALS)]
    fp32_s, bf16_s = (min(column) for column in zip(*trials, strict=True))
    return torch.bfloat16 if fp32_s > _WORTH_IT * bf16_s else torch.float32


def _trial_s(model: Gpt2, precision: torch.dtype) -> float:
    """This thread's own seconds for a layer and the head, there and back, whatever else the machine does."""
    length = min(_TRIAL_TOKENS, model.shape.positions)
    states = torch.randn(_TRIAL_TOKENS // length, length, model.shape.width, requires_grad=True)
    layer, head = model.transformer.h[0], model.transformer.wte.weight[:_TRIAL_VOCAB]
    targets = torch.zeros(states.shape[:2], dtype=torch.int64).flatten()
    started = time.thread_time()
    with contextlib.nullcontext() if precision == torch.float32 else torch.autocast("cpu", precision):
        loss = head_loss(layer(states).flatten(0, 1), head, targets, len(head))
    torch.autograd.grad(loss, [states, head, *layer.parameters()])
    return time.thread_time() - started


def _instructions(cpu_info: Path) -> frozenset[str]:
    try:
        lines = cpu_info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = (line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    return frozenset(next(flags, ()))
