"""A small pretrained model in a directory like the hub's, made once for each text and kept.

It is trained until a part of its text that it does not learn from is predicted no better: a model that has
learnt what so small a one can, as published ones have.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.training.local_model import write_model
from benchmarks.training.reference import Blocks, tokenised
from emeth_tui.training.data.dataset import epoch_order, token_ids
from emeth_tui.training.data.tokenizer import pretrained_tokenizer
from emeth_tui.training.devices import Device
from emeth_tui.training.files.models import BLOCK_TOKENS
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.model.optimiser import scheduled_share
from emeth_tui.training.run.batch_threads import BatchThreads
from emeth_tui.training.run.evaluation import mean_loss
from emeth_tui.training.run.microbatch import MicroBatch
from emeth_tui.training.run.step import Stepper

_RATE = 1.5e-3
_BATCH = 8
_DROPOUT = 0.1
_HELD_OUT_SHARE = 0.05
_PATIENCE = 2  # epochs
_LOSS_NAME = "held-out-loss.txt"  # written last: the model is whole

Narrate = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BaseShape:
    """The size of a base model, and how long it may be trained."""

    layers: int = 4
    width: int = 128
    vocab: int = 4096
    epochs: int = 16

    @property
    def shape(self) -> Gpt2Shape:
        return Gpt2Shape(self.layers, self.width // 64, self.width, BLOCK_TOKENS, self.vocab)


def base_model(cache: Path, text: str, size: BaseShape, device: Device, narrate: Narrate) -> Path:
    """Return the directory of a model pretrained on this text."""
    key = hashlib.sha256(f"{astuple(size)}:{text}".encode()).hexdigest()[:16]
    directory = cache / f"base-{key}"
    if (directory / _LOSS_NAME).is_file():
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    write_model(directory, size.shape, text, size.vocab)
    tokenizer = pretrained_tokenizer(str(directory), directory, lower_case=False)
    blocks = tokenised(text, tokenizer, BLOCK_TOKENS)
    held_out = max(1, int(len(blocks) * _HELD_OUT_SHARE))
    model = Gpt2(size.shape, _DROPOUT, _DROPOUT)
    model.initialise(0)
    model.to(device.torch_device)
    loss = _train(model, blocks[:-held_out], blocks[-held_out:], size.epochs, device, narrate)
    write_model(directory, size.shape, text, size.vocab, model)
    staged = directory / f"{_LOSS_NAME}.new"
    staged.write_text(f"{loss:.4f}\n")
    staged.replace(directory / _LOSS_NAME)
    return directory


def _train(
    model: Gpt2, blocks: Blocks, held_out: Blocks, epochs: int, device: Device, narrate: Narrate
) -> float:
    """Train, leave the best weights in the model, and return their loss on the blocks held out."""
    best_loss, best_epoch, best = float("inf"), 0, model.state_dict()
    with contextlib.closing(BatchThreads()) as threads:
        stepper = Stepper(model, device, MicroBatch(_BATCH, device), threads, lambda _blocks: None)
        for epoch in range(epochs):
            model.train()
            order = epoch_order(0, epoch, len(blocks))
            for start in range(0, len(blocks), _BATCH):
                ids = torch.from_numpy(token_ids(np.asarray(blocks)[order[start : start + _BATCH]]))
                share = scheduled_share((epoch + start / len(blocks)) / epochs)
                stepper.take(device.put(ids), _RATE * share, (0, epoch, start))
            loss = mean_loss(model, held_out, device)
            narrate(f"pretraining, epoch {epoch + 1}: held-out loss {loss:.4f}")
            if loss < best_loss:
                best_loss, best_epoch = loss, epoch
                best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            elif epoch - best_epoch >= _PATIENCE:
                break
    model.load_state_dict(best)
    return best_loss
