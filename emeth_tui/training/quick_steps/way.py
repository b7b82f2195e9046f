"""How a training's steps are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Way:
    """How a step is taken; the plain way can be gone everywhere."""

    one_pass: bool = False  # clipped and applied in one pass over the parameters
    recorded: tuple[int, int] | None = None  # batches of this shape are learnt from by a recorded step

    def __str__(self) -> str:
        named = ["in one pass"] * self.one_pass + ["recorded"] * (self.recorded is not None)
        return " and ".join(named) or "plain"


@dataclass(frozen=True, slots=True)
class RecordedStep(Generic[Outcome]):
    """A step that can be repeated: it reads `ids` and `rate`, and writes `outcome`."""

    ids: Tensor
    rate: Tensor
    make_gradients: Callable[[], object]
    update: Callable[[], object]
    outcome: Outcome
    gradients: list[Tensor]  # kept: the update reads them where they are

    def fits(self, ids: Tensor) -> bool:
        """Return whether these blocks can be learnt from by it."""
        return self.ids.shape == ids.shape

    def take(self, ids: Tensor, rate: float) -> Outcome:
        """Learn from these blocks."""
        self.ids.copy_(ids, non_blocking=True)
        self.rate.fill_(rate)
        self.make_gradients()
        self.update()
        return self.outcome
