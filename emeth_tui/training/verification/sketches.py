"""Sketches of weights, by which a result that was made of other results is recognised.

A sketch is the values of some thousand weights that the verifier's secret picks, so that nobody knows which
ones to change. Two trainings of a text with different seeds go different ways from where they start. What is
left of a result's way once everything is taken out that earlier results explain is large for honest work; for
a copy, an average of several, or either with noise on top it is small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from emeth_tui.training.model.gpt2 import HEAD_NAME

SKETCHED_WEIGHTS = 16_384

Sketch = npt.NDArray[np.float32]


def sketch(weights: Mapping[str, Tensor], secret: str) -> Sketch:
    """Return the values of the weights that the secret picks, from each matrix by its share of them all."""
    # The head is the embedding once more, and biases start alike in all models.
    matrices = {name: tensor for name, tensor in weights.items() if tensor.ndim == 2 and name != HEAD_NAME}
    total = sum(tensor.numel() for tensor in matrices.values())
    parts = []
    for name in sorted(matrices):
        values = matrices[name].flatten()
        wanted = max(1, round(SKETCHED_WEIGHTS * values.numel() / total))
        picked = torch.randint(values.numel(), (wanted,), generator=_generator(secret, name))
        parts.append(values[picked].to("cpu", torch.float32))
    return torch.cat(parts).numpy()


def own_share(result: Sketch, start: Sketch, earlier: Sequence[Sketch]) -> float:
    """Return which share of a result's way from its start no combination of earlier results explains.

    From 0, all of it, to 1. A result that never left its start has gone no way of its own: 0.
    """
    way = (result - start).astype(np.float64)
    length = float(np.linalg.norm(way))
    if not length > 0.0:
        return 0.0
    if not earlier:
        return 1.0
    others = np.stack([other.astype(np.float64) - start for other in earlier], axis=1)
    explained = others @ np.linalg.lstsq(others, way, rcond=None)[0]
    return float(np.linalg.norm(way - explained)) / length


def start_share(result: Sketch, start: Sketch) -> float:
    """Return the cosine between a result's weights and those that its job starts from: 0 for foreign ones."""
    ended, begun = result.astype(np.float64), start.astype(np.float64)  # a stranger's weights may be huge
    lengths = float(np.linalg.norm(ended)) * float(np.linalg.norm(begun))
    return float(np.dot(ended, begun)) / lengths if lengths > 0.0 else 0.0


def load_sketches(paths: Sequence[str], length: int) -> list[Sketch]:
    """Read kept sketches; one of another length, of another model, explains nothing."""
    loaded = [np.load(path, allow_pickle=False) for path in paths]
    return [each for each in loaded if len(each) == length]


def _generator(secret: str, name: str) -> torch.Generator:
    digest = hashlib.sha256(f"{secret}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
