"""The validation loss: of a running training, and of a result that a verifier holds against its dataset."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emeth_tui.errors import JobError
from emeth_tui.notices.reasons.training.result import ResultUnfit
from emeth_tui.training.data.dataset import Blocks, load_tokens, token_ids
from emeth_tui.training.devices import Device, open_device
from emeth_tui.training.files.models import open_model
from emeth_tui.training.model.gpt2 import Gpt2, UnfitWeights, tensor_shapes
from emeth_tui.training.run.batch_threads import BatchThreads

_MAX_BLOCKS_AT_ONCE = 32
_UNTRAINED_SEED = 0
_ONE_THREAD = BatchThreads()


def mean_loss(
    model: Gpt2,
    blocks: Blocks,
    device: Device,
    tick: Callable[[float], None] = lambda done: None,
    max_rows: int = _MAX_BLOCKS_AT_ONCE,
    batch_threads: BatchThreads = _ONE_THREAD,
) -> float:
    """Return the mean cross-entropy per predicted token, over at most `max_rows` blocks at a time.

    `tick` is called with the share of blocks done, and may raise.
    """

    def summed_loss(part: Tensor, thread: int) -> Tensor:
        with torch.inference_mode(), device.autocast():
            return model.loss(part, reduction="sum")

    rows = min(max_rows, _MAX_BLOCKS_AT_ONCE)
    total = torch.zeros((), dtype=torch.float64, device=device.torch_device)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(blocks), rows):
                batch = device.put(torch.from_numpy(token_ids(blocks[start : start + rows])))
                for loss in batch_threads.run(summed_loss, batch):
                    total += loss
                tick(min(1.0, (start + rows) / len(blocks)))
    finally:
        model.train(was_training)
    predicted: int = len(blocks) * (blocks.shape[1] - 1)
    return float(total.item()) / predicted


def spread_sample(blocks: Blocks, wanted: int) -> Blocks:
    """Return so many of these blocks, evenly spread over all of them: always the same ones."""
    if wanted >= len(blocks):
        return blocks
    return blocks[np.linspace(0, len(blocks) - 1, wanted).astype(np.int64)]


class Evaluator:
    """A dataset tokenised as its job's node does it, to measure models on its validation text.

    Raise DatasetError for a dataset that no node could train on.
    """

    def __init__(self, model_name: str, language: str, dataset_path: Path, device_name: str = "cpu") -> None:
        self._model = open_model(model_name)
        self._device = open_device(device_name)
        with tempfile.TemporaryDirectory(prefix="emeth-evaluation-") as cache:
            tokens = load_tokens(dataset_path, Path(cache), self._model.token_source(language))
            self.valid = tokens.valid[:].copy()  # the mapped file goes away with the directory
        self.shape = self._model.shape(tokens.vocab_size)

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """What `checkpoint.load_result` has to find in a result of this job."""
        return tensor_shapes(self.shape)

    def loss(self, state_dict: Mapping[str, Tensor]) -> float:
        """Return the validation loss of a result's weights. Raise JobError when they do not fit."""
        model = self._model.build(self.shape)
        try:
            model.import_weights(state_dict)
        except UnfitWeights as error:
            raise JobError(ResultUnfit(self._model.spec.name, error.reason)) from error
        return self._measure(model)

    def untrained_loss(self) -> float:
        """Return the validation loss of the model that every node starts from."""
        model = self._model.build(self.shape)
        self._model.set_initial_weights(model, _UNTRAINED_SEED)
        return self._measure(model)

    def _measure(self, model: Gpt2) -> float:
        return mean_loss(model.to(self._device.torch_device), self.valid, self._device)
