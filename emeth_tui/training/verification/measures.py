"""What is measured on a result, as plain numbers. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Losses:
    """A model's mean losses per token: on the text that it is to learn, and on text that it never saw."""

    train: float
    valid: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """A segment of epochs, trained again: those after `first` until `last`.

    `equal` is whether each epoch's state was the same to the bit. `share` is how far the weights at its end
    are from those that were delivered, in ways of the epoch that moved them least. `moments` is how far the
    optimiser's moments are, as a share of their size. `astray` is how far what was delivered is off on the
    way to where another order of the blocks leads: 0 for this job's training, one half for another job's.
    """

    first: int
    last: int
    equal: bool
    share: float
    moments: float
    astray: float = 0.0


@dataclass(frozen=True, slots=True)
class Learning:
    """A result beside the model that its training starts from and a short run of the verifier's own.

    `own_share` and `start_share` are as `sketches` defines them. `memorises` is whether the model has more
    parameters than the text has tokens.
    """

    pretrained: bool
    memorises: bool
    start: Losses
    short: Losses
    result: Losses
    own_share: float
    start_share: float
