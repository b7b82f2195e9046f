"""A training of a few seconds on made-up tokens: whether a device calculates at all, and roughly how fast."""

from __future__ import annotations

import contextlib
import time

import torch

from emeth_tui.training.devices import Device
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.microbatch import MicroBatch
from emeth_tui.training.run.step import Stepper

_BLOCK_TOKENS = 128  # protocol.md §8
_BLOCKS = 8
_RATE = 1e-3
# Wide enough that a GPU's matrix units are used, and in memory within a moment.
_ON_GPU = Gpt2Shape(layers=4, heads=16, width=1024, positions=_BLOCK_TOKENS, vocab_size=4096)
_ON_CPU = Gpt2Shape(layers=2, heads=4, width=128, positions=_BLOCK_TOKENS, vocab_size=1024)


def train_for_a_moment(device: Device, seconds: float) -> tuple[float, bool]:
    """Return the tokens a second of a small model, and whether its loss stayed a finite number.

    At least two steps are taken, however long they last; the first loads kernels, and does not count.
    """
    shape = _ON_GPU if device.is_cuda else _ON_CPU
    model = Gpt2(shape)
    model.initialise(seed=0)
    model.to(device.torch_device).train()
    ids = torch.randint(
        shape.vocab_size, (_BLOCKS, _BLOCK_TOKENS), generator=torch.Generator().manual_seed(0)
    )
    with contextlib.closing(BatchThreads()) as threads:
        stepper = Stepper(model, device, MicroBatch(_BLOCKS, device), threads, lambda _blocks: None)
        ids = device.put(ids)
        steps, started_s, finite = 0, 0.0, True
        while steps < 2 or time.perf_counter() - started_s < seconds:
            loss = stepper.take(ids, _RATE, (0, steps)).loss
            finite = bool(torch.isfinite(loss)) and finite  # reading it waits for the device
            steps += 1
            if steps == 1:
                started_s = time.perf_counter()
        took_s = time.perf_counter() - started_s
    return (steps - 1) * ids.numel() / took_s, finite
