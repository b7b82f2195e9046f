"""Dropout masks: the right share, everywhere alike, from the place in the training alone."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor

from emeth_tui.training.model.dropout import add_dropped, draw_masks, seed_masks, weigh_dropped


def one_mask(elements: int, dropout: float = 0.1) -> Tensor:
    (mask,) = draw_masks((1, elements), dropout, torch.float32)
    return mask


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.5, 0.9])
def test_the_dropped_share_is_right_in_every_part_of_a_draw(dropout: float) -> None:
    seed_masks((1,))

    mask = torch.cat(draw_masks((2, 50_000, 4), dropout, torch.float32))

    assert mask.eq(0).double().mean(0) == pytest.approx([dropout] * 4, abs=0.006)  # four standard deviations
    assert set(mask.unique().tolist()) <= {0.0, 1.0}


def test_neighbours_drop_independently() -> None:
    seed_masks((2,))

    dropped = one_mask(200_000).eq(0)

    both = (dropped[1:] & dropped[:-1]).double().mean()
    assert both == pytest.approx(0.01, abs=0.001)


def test_masks_follow_from_the_place_alone() -> None:
    seed_masks((3, 1, 8))
    first, second = one_mask(101), one_mask(101)
    torch.rand(1)
    seed_masks((3, 1, 8))

    assert torch.equal(one_mask(101), first)
    assert torch.equal(one_mask(101), second)
    assert not torch.equal(first, second)
    seed_masks((3, 1, 16))
    assert not torch.equal(one_mask(101), first)


def test_threads_draw_apart() -> None:
    seed_masks((4,))
    expected = [one_mask(50), one_mask(50)]
    seed_masks((4,))
    drawn = [one_mask(50)]

    thread = threading.Thread(target=lambda: (seed_masks((5,)), one_mask(50)))
    thread.start()
    thread.join()

    assert torch.equal(one_mask(50), expected[1])
    assert torch.equal(drawn[0], expected[0])


def test_masks_have_the_shape_and_type_asked_for() -> None:
    masks = draw_masks((3, 5, 7), 0.5, torch.bfloat16)

    assert [mask.shape for mask in masks] == [(5, 7)] * 3
    assert {mask.dtype for mask in masks} == {torch.bfloat16}


def test_masks_of_bytes_give_the_numbers_and_gradients_of_those_in_fp32() -> None:
    generator = torch.Generator().manual_seed(1)
    scores, value, states, change = (
        torch.randn(shape, generator=generator) for shape in [(6, 9, 9), (6, 9, 4), (7, 5), (7, 5)]
    )
    of_shares, of_change = (torch.rand(shape, generator=generator) > 0.3 for shape in [(6, 9, 9), (7, 5)])
    results = []
    for dtype in (torch.bool, torch.float32):
        leaves = [each.clone().requires_grad_() for each in (scores, value, states, change)]
        # A product lies before the scores, as in a layer: what overwrites them may not touch its gradients.
        weighed = weigh_dropped(leaves[0] * 1.5, of_shares.to(dtype), leaves[1])
        added = add_dropped(leaves[2], leaves[3], of_change.to(dtype), 1.25)
        gradients = torch.autograd.grad((weighed**2).sum() + (added**2).sum(), leaves)
        results.append([weighed, added, *gradients])

    assert all(torch.equal(*pair) for pair in zip(*results, strict=True))
