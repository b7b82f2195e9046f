"""The optimiser and its schedule, as protocol.md §8 has them."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch

from emeth_tui.training.model.dropout import seed_masks
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.model.optimiser import WARM_UP_SHARE, make_optimiser, scheduled_share, set_rate

SHAPE = Gpt2Shape(layers=1, heads=2, width=8, positions=16, vocab_size=70)
TRAINED = """
import sys
import torch
from emeth_tui.training.devices import set_deterministic
from emeth_tui.training.model.optimiser import AdamW
set_deterministic(True)
parameter = torch.nn.Parameter(torch.ones(3, 3))
optimiser = AdamW([parameter], lr=0.1, fused=True)
for _ in range(2):
    (parameter * parameter).sum().backward()
    optimiser.step()
    optimiser.zero_grad()
    optimiser.load_state_dict(optimiser.state_dict())
assert torch.are_deterministic_algorithms_enabled()
set_deterministic(False)
assert not torch.are_deterministic_algorithms_enabled()
print(*(name for name in sys.modules if name in {"torch._dynamo", "torch._inductor"}))
"""


def test_biases_and_layer_norms_do_not_decay() -> None:
    model = Gpt2(SHAPE)
    groups = make_optimiser(model).param_groups
    decay_of = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}

    for name, parameter in model.named_parameters():
        undecayed = name.endswith("bias") or ".ln_" in name
        assert decay_of[id(parameter)] == (0.0 if undecayed else 0.01), name


def test_the_rate_reaches_every_group() -> None:
    optimiser = make_optimiser(Gpt2(SHAPE))

    set_rate(optimiser, 0.25)

    assert [group["lr"] for group in optimiser.param_groups] == [0.25, 0.25]


def test_steps_and_states_are_those_of_torchs_optimiser() -> None:
    ours = Gpt2(SHAPE)
    ours.initialise(0)
    theirs = copy.deepcopy(ours)
    optimiser = make_optimiser(ours)
    groups = [{**group, "params": []} for group in optimiser.param_groups]
    for parameter in theirs.parameters():
        groups[parameter.ndim < 2]["params"].append(parameter)
    torchs = torch.optim.AdamW(groups, fused=True)
    ids = torch.arange(32).reshape(2, 16)

    for step in range(3):
        for model, each in ((ours, optimiser), (theirs, torchs)):
            seed_masks((0, step))
            model.loss(ids).backward()  # type: ignore[no-untyped-call]
            set_rate(each, 0.01)
            each.step()
            each.zero_grad()
            each.load_state_dict(copy.deepcopy(each.state_dict()))

    assert optimiser.state_dict().keys() == torchs.state_dict().keys()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)
        assert optimiser.state[one].keys() == torchs.state[other].keys()
        for name, tensor in optimiser.state[one].items():
            assert torch.equal(tensor, torchs.state[other][name])


@pytest.mark.slow
def test_training_on_a_cpu_does_not_load_torchs_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", TRAINED], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


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
