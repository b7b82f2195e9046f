"""What a training is to do, and all that it is at one moment: what a checkpoint holds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from emeth_tui.training.devices import Device


@dataclass(frozen=True, slots=True)
class SavingLimits:
    """How often there may be checkpoints, and how seldom."""

    every_s: float = 0.0  # no older is one within an epoch, unless `cost_share` wants it so
    cost_share: float = math.inf  # of the time that they may cost
    gap_s: float = 0.0  # the least time between two
    bytes_a_day: float = math.inf


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a model and its tokens; see `TrainRequest`."""

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    saving: SavingLimits
    saves_moments: bool = True  # of the optimiser
    release_on_pause: bool = False
    back_to_best: bool = False  # see `best_weights`
    quick_steps: bool = True
    by_rule: bool = False  # so that others can train an epoch again: see `training.replay`


@dataclass(slots=True)
class Position:
    """How far the training is: whole epochs, and blocks of the next one; and what trouble there was."""

    epoch: int = 0
    blocks_done: int = 0
    valid_loss: float = math.inf
    best_train_loss: float = math.inf
    rate_share: float = 1.0  # of the planned learning rate
    skipped: int = 0  # steps
    set_backs: int = 0
    diverged_in: int = 0  # the epoch of the last set-back


class Resumable(Protocol):
    """What goes on from where it was, as modules do."""

    def state_dict(self, *, moments: bool = True) -> dict[str, Any]:
        """Name all that `load_state_dict` needs; the tensors are the living ones.

        Without `moments` the optimiser's are left out, and begin anew where this is loaded.
        """

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Be as the one was whose state this is."""


def capture(
    at: Position, model: nn.Module, stepper: Resumable, device: Device, *, moments: bool = True
) -> dict[str, Any]:
    """Name everything that `restore` needs. The tensors are the living ones, to be copied before a step."""
    return {
        **dataclasses.asdict(at),
        "model": model.state_dict(),
        **stepper.state_dict(moments=moments),
        "random": _random_states(device),
    }


def restore(state: Mapping[str, Any], model: nn.Module, stepper: Resumable, device: Device) -> Position:
    """Restore everything as it was; the optimiser's moments begin anew where the state has none."""
    model.load_state_dict(state["model"])
    stepper.load_state_dict(state)
    if device.is_cuda and "cuda" in state["random"]:
        torch.cuda.set_rng_state(state["random"]["cuda"], device.torch_device)
    return Position(**{field.name: state[field.name] for field in dataclasses.fields(Position)})


def release(model: nn.Module, device: Device) -> None:
    """Free the parameters' memory; the model is an empty shell until `allocate_again` and `restore`."""
    for parameter in model.parameters():
        parameter.untyped_storage().resize_(0)
    device.free_cache()


def allocate_again(model: nn.Module) -> None:
    """Allocate the parameters that are released; their values are arbitrary."""
    for parameter in model.parameters():
        parameter.untyped_storage().resize_(parameter.numel() * parameter.element_size())


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Return the bytes that these tensors take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _random_states(device: Device) -> dict[str, Tensor]:
    """Return what a GPU's next dropout follows from; for a CPU see `dropout.seed_masks`."""
    return {"cuda": torch.cuda.get_rng_state(device.torch_device)} if device.is_cuda else {}
