"""Whole jobs by every side: real results, read and measured as a verifier does it."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import job
from benchmarks.training.flops import flops_per_token
from benchmarks.training.products import _Products
from emeth_tui.training.model.gpt2 import Gpt2Shape

pytestmark = pytest.mark.slow


def test_every_side_delivers_a_result_that_has_learnt_the_same(threaded_sides: None) -> None:
    arguments = ["--rounds", "1", "--epochs", "2", "--size-bytes", "4096", "--json"]
    outcome = CliRunner().invoke(job.command, arguments)
    content = json.loads(outcome.stdout)
    (only,) = content["rounds"]
    losses = [side["valid_loss"] for side in only.values()]

    assert outcome.exit_code == 0
    assert list(only) == ["ours", "reference", "hf"]
    assert max(losses) < content["untrained_loss"] - 0.1
    assert max(losses) - min(losses) < 0.05  # dropout draws other masks on every side
    assert content["speed"]["hf"]["median"] == only["hf"]["seconds"] / only["ours"]["seconds"]
    assert min(content["products_s"][0], only["ours"]["seconds"]) > 0
    assert content["goals"] == []  # too small a job to say anything about them


def test_the_products_of_a_step_are_all_there() -> None:
    shape = Gpt2Shape(layers=2, heads=2, width=64, positions=32, vocab_size=640)
    products = _Products(shape, blocks=3, block=32, dtype=torch.float32)

    with FlopCounterMode(display=False) as counted:
        for product in products.forward + products.backward:
            product()

    whole = 3 * 32 * flops_per_token(shape, 32)
    unpredicted = 3 * 6 * shape.width * shape.vocab_size  # each block's last token
    assert counted.get_total_flops() == whole - unpredicted
    assert 2 * len(products.forward) == len(products.backward)
