"""Honest results, and what dishonest nodes make of them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from emeth_tui.model import JobId
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.protocol.job_ids import job_id_from_bytes, training_seed
from emeth_tui.training import job, reports
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.checkpoint import load_result
from emeth_tui.training.job_control import Control
from emeth_tui.training.model.gpt2 import EMBEDDING_NAME, HEAD_NAME
from emeth_tui.training.verification.yardstick import Yardstick

Weights = Mapping[str, Tensor]
_HASH = "0" * 64
_NOISE_SHARE = 0.5  # of the length of the way that the training took


@dataclass(frozen=True, slots=True)
class Text:
    """A job's text, and the model to train on it."""

    number: int
    language: str
    model: str
    content: bytes

    def job_id(self, name: str) -> JobId:
        """Return the id of a job of this text's."""
        return job_id_from_bytes(hashlib.sha256(f"{name}:".encode() + self.content).digest()[:16])


def trained(
    text: Text,
    yardstick: Yardstick,
    name: str,
    epochs: int,
    rate: float | None = None,
    batch: int | None = None,
) -> Weights:
    """Train a job as a node does, on one thread."""
    control = Control()

    def hear(event: reports.Event) -> None:
        if isinstance(event, reports.Trained):
            control.write_result(_HASH)

    with tempfile.TemporaryDirectory(prefix="emeth-verification-") as place:
        directory = Path(place) / "job"
        directory.mkdir()
        (directory / reports.DATASET_NAME).write_bytes(text.content)
        request = reports.TrainRequest(
            job_id=text.job_id(name),
            language=text.language,
            epochs=epochs,
            directory="job",
            model=text.model,
            batch_size=batch,
            learning_rate=rate,
            seed=training_seed(text.job_id(name)),
            threads=1,
        )
        job.run(request, Path(place), open_device("cpu"), hear, control)
        return load_result(directory / RESULT_NAME, yardstick.tensor_shapes).state_dict


def average(one: Weights, other: Weights) -> Weights:
    """Average two results."""
    return {name: (tensor + other[name]) / 2 for name, tensor in one.items()}


def with_noise(weights: Weights, start: Weights, seed: int) -> Weights:
    """Add noise to a result: half as long, in each tensor, as the way that its training took."""
    generator = torch.Generator().manual_seed(seed)
    noisy = {}
    for name, tensor in weights.items():
        noise = torch.randn(tensor.shape, generator=generator)
        way = float((tensor - start[name]).norm())
        noisy[name] = tensor + noise * (_NOISE_SHARE * way / max(float(noise.norm()), 1e-12))
    return _tied(noisy)


def resized(weights: Weights, shapes: Mapping[str, tuple[int, ...]], fill: Weights) -> Weights:
    """Make another text's result fit: its vocabulary is cut, or filled up from the start."""
    fitted = {}
    for name, shape in shapes.items():
        rows = min(shape[0], len(weights[name]))
        fitted[name] = torch.cat([weights[name][:rows], fill[name][rows : shape[0]]])
    return _tied(fitted)


def _tied(weights: dict[str, Tensor]) -> Weights:
    return {**weights, HEAD_NAME: weights[EMBEDDING_NAME]}
