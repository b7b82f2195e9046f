"""All sides of `train` do the same work, and what is said about them follows from what they did."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks import train_command
from benchmarks.data import chain_tokens, text_tokens
from benchmarks.flops import flops_per_token
from benchmarks.train import KINDS, TrainResult, TrainSetup, measure
from emeth_tui.training.gpt2 import Gpt2Shape

MEDIUM = Gpt2Shape(layers=24, heads=16, width=1024, positions=128, vocab_size=50257)


@pytest.fixture(scope="module")
def result(module_threaded_sides: None) -> TrainResult:
    """Every loop, without dropout, so that nothing but rounding can differ."""
    setup = TrainSetup(
        sides=("ours", "reference", "hf", "nanogpt"),
        rounds=2,
        steps=2,
        batch=2,
        layers=2,
        width=64,
        heads=2,
        vocab=128,
        dropout=0.0,
        compile_backend="eager",
        as_shipped=False,
    )
    return measure(setup, lambda line: None)


def test_all_sides_learn_the_same(result: TrainResult) -> None:
    ours = result.sides["ours"].held_out_loss

    assert not result.failures
    assert set(result.sides) == {"ours", "reference", "hf", "nanogpt"}
    for side in result.sides.values():
        assert side.held_out_loss == pytest.approx(ours, abs=2e-5), side.name


def test_ratios_are_ours_over_the_other_side(result: TrainResult) -> None:
    each = result.rounds[0]
    ratio = each.tokens_per_s["ours"] / each.tokens_per_s["reference"]
    speed = result.sides["reference"].speed

    assert len(result.rounds) == 2
    assert speed.low <= ratio <= speed.high
    assert result.sides["ours"].speed.median == 1.0


def test_gpt2_medium_costs_what_is_published() -> None:
    assert flops_per_token(MEDIUM, 128) == pytest.approx(2.158e9, rel=1e-3)


def test_drawn_tokens_have_something_to_learn_and_follow_from_the_seed() -> None:
    tokens = chain_tokens(8, 512, seed=1)
    followers: dict[int, list[int]] = {}
    for row in tokens.train:
        for before, after in zip(row[:-1].tolist(), row[1:].tolist(), strict=True):
            followers.setdefault(before, []).append(after)
    frequent = [after for after in followers.values() if len(after) > 20]
    usual = sum(max(map(after.count, set(after))) for after in frequent)

    assert tokens.train.shape == (8, 128)
    assert (tokens.train == chain_tokens(8, 512, seed=1).train).all()
    assert usual > 0.4 * sum(map(len, frequent)) > 0


def test_real_text_yields_blocks_of_training_and_held_out_text() -> None:
    tokens = text_tokens("shipped", "ja", blocks=4, vocab=600)

    assert tokens.train.shape == (4, 128)
    assert tokens.held_out.shape[1] == 128
    assert tokens.train.max() < 600


def test_too_short_a_text_is_told() -> None:
    outcome = CliRunner().invoke(
        train_command.command, ["--corpus", "shipped", "--steps", "10000", "--threads", "1"]
    )

    assert outcome.exit_code == 1
    assert "160000 are wanted" in outcome.output


def test_an_unknown_side_is_told() -> None:
    outcome = CliRunner().invoke(train_command.command, ["--sides", "ours,fairseq"])

    assert outcome.exit_code == 2
    assert "fairseq" in outcome.output


def test_a_side_that_breaks_off_is_noted_and_the_others_go_on(
    threaded_sides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        KINDS, "reference", train_command.KINDS["reference"].__class__("broken", "no-such-loop")
    )
    arguments = ["--shape", "tiny", "--sides", "reference", "--json"]
    outcome = CliRunner().invoke(train_command.command, arguments)
    content = json.loads(outcome.stdout)

    assert outcome.exit_code == 0
    assert list(content["sides"]) == ["ours"]
    assert "no-such-loop" in content["failures"]["reference"]
    assert content["sides"]["ours"]["tokens_per_s"]["median"] > 0
