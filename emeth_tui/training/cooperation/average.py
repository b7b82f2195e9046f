"""The average of what the members have trained: made in a process without the key, as a file for all of them.

The mean is added up in float64 and rounded once, so that it is the same to the bit whoever hands over first.
Where members hand over differences, it goes back to them as one, rounded alike: what that leaves out goes
with the next (`differences`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from emeth_tui.errors import JobError, TrainingError
from emeth_tui.files import disk_full_translated, link_or_copy, remove_unfinished
from emeth_tui.notices.reasons.training.result import ResultEpochWrong
from emeth_tui.notices.reasons.training.run import PartUnfit
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.training.cooperation import differences
from emeth_tui.training.cooperation.differences import Difference, Shapes, Weights
from emeth_tui.training.files.checkpoint import (
    checkpoint_name,
    load_result,
    save_archive,
    save_result,
)
from emeth_tui.training.files.models import open_model
from emeth_tui.training.model.gpt2 import EMBEDDING_NAME, HEAD_NAME, Gpt2, tensor_shapes
from emeth_tui.training.reports import AVERAGE_NAME, Averaged, AverageRequest

AVERAGES = "averages"  # in the job's directory at home
_NO_LINK = "0" * 64  # what is handed over proves nothing yet


class Average(TypedDict):
    """An average's file: weights under their published names, and the best epoch's where there is one."""

    epoch: int
    weights: Weights
    best: dict[str, Any] | None
    best_weights: Weights


def hand_over(path: Path, epoch: int, model: Gpt2, train_loss: float) -> None:
    """Write what a member has trained in an epoch. Raise DiskFull."""
    save_result(path, epoch, model.export_weights(), train_loss, _NO_LINK)


def mean_weights(members: Sequence[Path], epoch: int, shapes: Shapes) -> Weights:
    """Return the plain mean of what members handed over, one read at a time.

    Raise TrainingError when one of them is no such file, or of another epoch.
    """
    weights = _mean(len(members), lambda number: _weights_of(members[number - 1], epoch, shapes))
    return weights | {HEAD_NAME: weights[EMBEDDING_NAME]}


def average(request: AverageRequest, jobs_dir: Path) -> Averaged:
    """Make an average, and the newest checkpoint of each member of it. Raise TrainingError or DiskFull."""
    shapes = tensor_shapes(open_model(request.model).shape(request.vocab_size))
    members = [jobs_dir / member for member in request.members]
    averages = jobs_dir / request.directory / AVERAGES
    with disk_full_translated(averages):
        averages.mkdir(exist_ok=True)
    remove_unfinished(averages)
    handed_over = [member / RESULT_NAME for member in members]
    holding: tuple[int, ...] = ()
    if request.averaging == "int8" and request.epoch > 1:  # there is no average before the first
        made = _from_differences(handed_over, request, averages, shapes)
        weights, holding = made.weights, made.holding
    else:
        weights = mean_weights(handed_over, request.epoch, shapes)
    content: Average = {
        "epoch": request.epoch,
        "weights": weights,
        "best": asdict(request.best) if request.best else None,
        "best_weights": {},
    }
    if request.best and request.best.epoch:
        content["best_weights"] = _load(average_path(averages, request.best.epoch))["weights"]
    path = average_path(averages, request.epoch)
    save_archive(path, content)
    with disk_full_translated(path):
        for member in members:
            _place(path, member / "checkpoints" / checkpoint_name(request.epoch, 0))
            if holding:
                _place(path.with_suffix(_DIFFERENCE), member / AVERAGE_NAME)
    return Averaged(request.epoch, holding)


def average_path(averages: Path, epoch: int) -> Path:
    """Return where the average of an epoch lies."""
    return averages / f"epoch-{epoch:06d}.pt"


def is_average(content: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is an average that this module has made."""
    return set(content) == set(Average.__annotations__)


# -- differences

_DIFFERENCE, _LEFT = ".int8", ".left"  # beside the average that they belong to


@dataclass(frozen=True, slots=True)
class _Made:
    """An average, and the numbers of the parts that are known to hold the one before it."""

    weights: Weights
    holding: tuple[int, ...]


def _from_differences(
    members: Sequence[Path], request: AverageRequest, averages: Path, shapes: Shapes
) -> _Made:
    """Return the last average with the members' mean difference added, as all members come to know it.

    A member that hands over weights in full, because it does not hold the last average, is taken as well.
    The difference lies beside the average then, and what it left out for the next.
    """
    epoch = request.epoch
    base = _load(average_path(averages, epoch - 1))["weights"]
    before = differences.digest(base)
    holding = tuple(number for number, path in enumerate(members, start=1) if differences.epoch_of(path))

    def part(number: int) -> dict[str, Tensor]:
        path = members[number - 1]
        if number not in holding:
            weights = _weights_of(path, epoch, shapes)
            apart = {name: tensor.double() - base[name].double() for name, tensor in weights.items()}
            differences.check_bounds(apart)
            return apart
        content = differences.read(path, epoch, before, shapes)
        return {name: each.tensor() for name, each in content.tensors.items()}

    mean = _mean(len(members), part)
    sent, left = differences.encode(mean, _left_of(averages, request))
    weights = differences.plus(base, sent)
    path = average_path(averages, epoch)
    save_archive(path.with_suffix(_LEFT), left)
    differences.write(
        path.with_suffix(_DIFFERENCE), Difference(epoch, before, sent, differences.digest(weights))
    )
    return _Made(weights, holding)


def _left_of(averages: Path, request: AverageRequest) -> Weights:
    """Return what the last difference left out; nothing where members went back to other weights."""
    path = average_path(averages, request.epoch - 1).with_suffix(_LEFT)
    went_back = request.best is not None and request.best.went_back_after == request.epoch - 1
    if went_back or not path.exists():
        return {}
    left: Weights = _load(path)
    return left


# -- files


def _mean(members: int, part: Callable[[int], Weights]) -> Weights:
    """Return the mean of what `part` gives for each member, by its number from 1; the head is left out.

    `part` raises JobError where that is unfit, and this TrainingError.
    """
    total: Weights = {}
    for number in range(1, members + 1):
        try:
            weights = part(number)
        except JobError as error:
            raise TrainingError(PartUnfit(number, error.reason)) from error
        for name, tensor in weights.items():
            if name == HEAD_NAME:  # the embedding once more
                continue
            wide = tensor.to(torch.float64)
            total[name] = total[name].add_(wide) if name in total else wide
    return {name: tensor.div_(members).to(torch.float32) for name, tensor in total.items()}


def _weights_of(path: Path, epoch: int, shapes: Shapes) -> Weights:
    """Read weights in full. Raise JobError."""
    part = load_result(path, shapes)
    if part.epochs != epoch:
        raise JobError(ResultEpochWrong(part.epochs))
    return part.state_dict


def _load(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _place(path: Path, target: Path) -> None:
    """Have a member find a file of this disk, without a second copy where that is possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    link_or_copy(path, target)
