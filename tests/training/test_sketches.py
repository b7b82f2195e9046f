"""Sketches tell a node's own work from copies, averages and copies with noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from emeth_tui.training.verification.sketches import own_share, sketch, start_share

_WEIGHTS = 4_096
Sketch = npt.NDArray[np.float32]


def drawn(seed: int) -> Sketch:
    return np.random.default_rng(seed).standard_normal(_WEIGHTS).astype(np.float32)


START, ONE, TWO, NOISE = (drawn(seed) for seed in range(4))


@pytest.mark.parametrize(
    ("result", "earlier", "share"),
    [
        (START + ONE, [], 1.0),
        (START + TWO, [START + ONE], 1.0),
        (START, [], 0.0),
        (START + ONE, [START + ONE], 0.0),
        (START + (ONE + TWO) / 2, [START + ONE, START + TWO], 0.0),
        (START + ONE + 0.5 * NOISE, [START + ONE], 0.447),  # 0.5 / sqrt(1 + 0.25)
        (START + (ONE + TWO) / 2, [START + ONE], 0.707),
    ],
    ids=["the first", "own work", "no work", "copy", "average", "copy with noise", "half a copy"],
)
def test_the_own_share_of_a_result(result: Sketch, earlier: list[Sketch], share: float) -> None:
    assert own_share(result, START, earlier) == pytest.approx(share, abs=0.03)


def test_weights_that_come_from_a_start_agree_with_it_and_others_do_not() -> None:
    assert start_share(START + 0.5 * ONE, START) > 0.85
    assert abs(start_share(ONE + TWO, START)) < 0.1
    assert start_share(1e37 * START, START) == pytest.approx(1.0, abs=1e-3)
    assert start_share(0 * START, START) == 0.0


def test_a_secret_picks_the_same_weights_of_matrices_each_time() -> None:
    weights = {"matrix": torch.arange(100.0).reshape(10, 10), "bias": torch.full((5,), -1.0)}

    picked = sketch(weights, "a secret")

    assert (picked == sketch(weights, "a secret")).all()
    assert (picked != sketch(weights, "another")).any()
    assert (picked >= 0).all()  # nothing of the bias
