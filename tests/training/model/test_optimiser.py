"""The optimiser and its schedule, as protocol.md §8 has them."""

from __future__ import annotations

import pytest

from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.model.optimiser import WARM_UP_SHARE, make_optimiser, scheduled_share, set_rate


def test_biases_and_layer_norms_do_not_decay() -> None:
    model = Gpt2(Gpt2Shape(layers=1, heads=2, width=8, positions=16, vocab_size=70))
    groups = make_optimiser(model).param_groups
    decay_of = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}

    for name, parameter in model.named_parameters():
        undecayed = name.endswith("bias") or ".ln_" in name
        assert decay_of[id(parameter)] == (0.0 if undecayed else 0.01), name


def test_the_rate_reaches_every_group() -> None:
    optimiser = make_optimiser(Gpt2(Gpt2Shape(layers=1, heads=2, width=8, positions=16, vocab_size=70)))

    set_rate(optimiser, 0.25)

    assert [group["lr"] for group in optimiser.param_groups] == [0.25, 0.25]


def test_the_rate_warms_up_then_decays_to_a_tenth() -> None:
    shares = [scheduled_share(step / 1000) for step in range(1001)]
    peak = shares.index(max(shares))

    assert shares[0] == 0.0
    assert peak == 1000 * WARM_UP_SHARE
    assert shares[peak] == 1.0
    assert shares[:peak] == sorted(shares[:peak])
    assert shares[peak:] == sorted(shares[peak:], reverse=True)
    assert scheduled_share(WARM_UP_SHARE + (1 - WARM_UP_SHARE) / 2) == pytest.approx(0.55)
    assert shares[-1] == pytest.approx(0.1)
