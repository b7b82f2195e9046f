"""Dropout masks: the right share, everywhere alike, from torch's own random state."""

from __future__ import annotations

import pytest
import torch

from emeth_tui.training.dropout import keep_mask


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.9])
def test_the_dropped_share_is_right_in_every_lane(dropout: float) -> None:
    torch.manual_seed(1)

    mask = keep_mask((100_000, 4), dropout)

    dropped = mask.eq(0).double().mean(0)
    assert dropped == pytest.approx([dropout] * 4, abs=0.006)  # four standard deviations
    assert mask.unique().tolist() == pytest.approx([0.0, 1 / (1 - dropout)], rel=1e-4)


def test_neighbours_drop_independently() -> None:
    torch.manual_seed(2)

    dropped = keep_mask((200_000,), 0.1).eq(0)

    both = (dropped[1:] & dropped[:-1]).double().mean()
    assert both == pytest.approx(0.01, abs=0.001)


def test_the_mask_follows_from_the_random_state() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first, second = keep_mask((3, 5), 0.5), keep_mask((3, 5), 0.5)
    torch.set_rng_state(state)

    assert torch.equal(keep_mask((3, 5), 0.5), first)
    assert torch.equal(keep_mask((3, 5), 0.5), second)
    assert first.shape == (3, 5)
