"""The average of what the members have trained: made in a process without the key, as a file for all of them.

The mean is added up in float64 and rounded once, so that it is the same to the bit whoever hands over first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from emeth_tui.errors import JobError, TrainingError
from emeth_tui.files import disk_full_translated, link_or_copy
from emeth_tui.notices.reasons.training.result import ResultEpochWrong
from emeth_tui.notices.reasons.training.run import PartUnfit
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.training.files.checkpoint import (
    checkpoint_name,
    load_result,
    save_archive,
    save_result,
)
from emeth_tui.training.files.models import open_model
from emeth_tui.training.model.gpt2 import EMBEDDING_NAME, HEAD_NAME, Gpt2, tensor_shapes
from emeth_tui.training.reports import Averaged, AverageRequest

AVERAGES = "averages"  # in the job's directory at home
_NO_LINK = "0" * 64  # what is handed over proves nothing yet
Weights = dict[str, Tensor]


class Average(TypedDict):
    """An average's file: weights under their published names, and the best epoch's where there is one."""

    epoch: int
    weights: Weights
    best: dict[str, Any] | None
    best_weights: Weights


def hand_over(path: Path, epoch: int, model: Gpt2, train_loss: float) -> None:
    """Write what a member has trained in an epoch. Raise DiskFull."""
    save_result(path, epoch, model.export_weights(), train_loss, _NO_LINK)


def mean_weights(members: Sequence[Path], epoch: int, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """Return the plain mean of what members handed over, one read at a time.

    Raise TrainingError when one of them is no such file, or of another epoch.
    """
    total: Weights = {}
    for number, path in enumerate(members, start=1):
        try:
            part = load_result(path, shapes)
        except JobError as error:
            raise TrainingError(PartUnfit(number, error.reason)) from error
        if part.epochs != epoch:
            raise TrainingError(PartUnfit(number, ResultEpochWrong(part.epochs)))
        for name, tensor in part.state_dict.items():
            if name == HEAD_NAME:  # the embedding once more
                continue
            wide = tensor.to(torch.float64)
            total[name] = total[name].add_(wide) if name in total else wide
    weights = {name: tensor.div_(len(members)).to(torch.float32) for name, tensor in total.items()}
    return weights | {HEAD_NAME: weights[EMBEDDING_NAME]}


def average(request: AverageRequest, jobs_dir: Path) -> Averaged:
    """Make an average, and the newest checkpoint of each member of it. Raise TrainingError or DiskFull."""
    shapes = tensor_shapes(open_model(request.model).shape(request.vocab_size))
    members = [jobs_dir / member for member in request.members]
    averages = jobs_dir / request.directory / AVERAGES
    content: Average = {
        "epoch": request.epoch,
        "weights": mean_weights([member / RESULT_NAME for member in members], request.epoch, shapes),
        "best": asdict(request.best) if request.best else None,
        "best_weights": {},
    }
    if request.best and request.best.epoch:
        best = torch.load(average_path(averages, request.best.epoch), map_location="cpu", weights_only=True)
        content["best_weights"] = best["weights"]
    path = average_path(averages, request.epoch)
    with disk_full_translated(path):
        averages.mkdir(exist_ok=True)
        save_archive(path, content)
        for member in members:
            _place(path, member / "checkpoints" / checkpoint_name(request.epoch, 0))
    return Averaged(request.epoch)


def average_path(averages: Path, epoch: int) -> Path:
    """Return where the average of an epoch lies."""
    return averages / f"epoch-{epoch:06d}.pt"


def is_average(content: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is an average that this module has made."""
    return set(content) == set(Average.__annotations__)


def _place(path: Path, target: Path) -> None:
    """Have a member find a file of this disk, without a second copy where that is possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    link_or_copy(path, target)
