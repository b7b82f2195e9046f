"""Small models and their steppers, for the tests of quick steps."""

from __future__ import annotations

from typing import Any

import torch

from emeth_tui.training.devices import Device
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.microbatch import MicroBatch
from emeth_tui.training.run.step import Stepper
from tests.training.pretended_gpu import TapeRecorder

BATCH, LENGTH, VOCAB = 4, 16, 70
RATE = 2.0**-7


def make_model() -> Gpt2:
    model = Gpt2(Gpt2Shape(layers=2, heads=2, width=16, positions=LENGTH, vocab_size=VOCAB), dropout=0.0)
    model.initialise(1)
    return model.train()


def make_stepper(model: Gpt2, device: Device, blocks: int = BATCH, recorder: Any = TapeRecorder) -> Stepper:
    micro_batch = MicroBatch(BATCH, device)
    micro_batch.size = blocks
    return Stepper(model, device, micro_batch, BatchThreads(), lambda _blocks: None, recorder)


def ids_of(step: int, rows: int = BATCH) -> torch.Tensor:
    return torch.randint(VOCAB, (rows, LENGTH), generator=torch.Generator().manual_seed(step))


def train(stepper: Stepper, first: int = 0, steps: int = 6) -> list[float]:
    """Take steps at changing rates, which fp32 knows to the bit; return their losses."""
    return [
        float(stepper.take(ids_of(step), RATE / 2 ** (step % 3), (0, step)).loss)
        for step in range(first, first + steps)
    ]
