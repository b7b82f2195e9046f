"""All sides of `train` do the same work, and what is said about them follows from what they did."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from benchmarks.deadline import Deadline
from benchmarks.processes import SideFailed, _environment_for
from benchmarks.training import command, sides
from benchmarks.training.data import chain_tokens, text_tokens
from benchmarks.training.flops import flops_per_token
from benchmarks.training.reference import LoopPlan
from benchmarks.training.sides import Begin, End, Final, Go, Ready, Turn
from benchmarks.training.train import KINDS, TrainResult, TrainSetup, measure
from emeth_tui.training.devices import open_device
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape

pytestmark = pytest.mark.slow

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
        command.command, ["--corpus", "shipped", "--steps", "10000", "--threads", "1"]
    )

    assert outcome.exit_code == 1
    assert "160000 are wanted" in outcome.output


def test_an_unknown_side_is_told() -> None:
    outcome = CliRunner().invoke(command.command, ["--sides", "ours,fairseq"])

    assert outcome.exit_code == 2
    assert "fairseq" in outcome.output


def test_a_side_that_breaks_off_is_noted_and_the_others_go_on(
    threaded_sides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "reference", command.KINDS["reference"].__class__("broken", "no-such-loop"))
    arguments = ["--shape", "tiny", "--sides", "reference", "--json"]
    outcome = CliRunner().invoke(command.command, arguments)
    content = json.loads(outcome.stdout)

    assert outcome.exit_code == 0
    assert list(content["sides"]) == ["ours"]
    assert "no-such-loop" in content["failures"]["reference"]
    assert content["sides"]["ours"]["tokens_per_s"]["median"] > 0


TINY = TrainSetup(
    sides=("ours", "hf", "nanogpt"), rounds=3, steps=1, batch=2, layers=1, width=64, heads=1, vocab=128
)


class ScriptedSide:
    """Answers like a side, and trains nothing; `said` is everything sent and answered, in order."""

    said: list[str]
    ours_fails_at: int  # the turn of ours, the warm-up counted; 0: never
    never_warm: str  # a side that is not done with its first epoch in 100 s

    def __init__(self, name: str, *arguments: object) -> None:
        self.name = name
        self._message: object = None
        self._turns = 0

    def send(self, message: object) -> None:
        self._message = message
        if message is not None:
            self.said.append(f"{type(message).__name__} to {self.name}")

    def hear(self, within_s: float) -> Any:
        match self._message:
            case Begin():
                self.said.append(f"Ready from {self.name}")
                return Ready("bf16")
            case Go():
                self._turns += 1
                if self.name == self.never_warm and within_s < 100.0:
                    raise SideFailed(f"{self.name}: it had not answered when the time was up")
                if self.name == "ours" and self._turns == self.ours_fails_at:
                    raise SideFailed("ours: no memory")
                return Turn(2.0 if self.name == "hf" else 1.0, 1.0)
            case End():
                return Final(3.0, 1_000)
        return 1e12  # the matrix product

    def ask(self, message: object, within_s: float) -> Any:
        self.send(message)
        return self.hear(within_s)

    def hang_up(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[ScriptedSide]:
    monkeypatch.setattr(ScriptedSide, "said", [], raising=False)
    monkeypatch.setattr(ScriptedSide, "ours_fails_at", 0, raising=False)
    monkeypatch.setattr(ScriptedSide, "never_warm", "", raising=False)
    monkeypatch.setattr("benchmarks.training.train.SideProcess", ScriptedSide)
    return ScriptedSide


def test_on_a_gpu_ours_begins_alone_and_the_others_together(scripted: type[ScriptedSide]) -> None:
    measure(dataclasses.replace(TINY, device="cuda:0"), lambda line: None)

    assert scripted.said[:6] == [
        "Begin to ours",
        "Ready from ours",
        "Begin to hf",
        "Begin to nanogpt",
        "Ready from hf",
        "Ready from nanogpt",
    ]


def test_on_a_cpu_one_begins_after_the_other(scripted: type[ScriptedSide]) -> None:
    measure(TINY, lambda line: None)

    begun = [f"{what} {name}" for name in TINY.sides for what in ("Begin to", "Ready from")]
    assert scripted.said[:6] == begun


@pytest.mark.usefixtures("scripted")
def test_rounds_that_do_not_begin_in_time_are_left_out() -> None:
    result = measure(TINY, lambda line: None, Deadline(begin_by_s=0.0))

    assert len(result.rounds) == 1
    assert {name: side.speed.median for name, side in result.sides.items()} == {
        "ours": 1.0,
        "hf": 2.0,
        "nanogpt": 1.0,
    }
    assert "1 interleaved rounds in all" in command.report(result).lines[1]


def test_a_side_that_takes_too_long_to_warm_up_is_left_out(scripted: type[ScriptedSide]) -> None:
    scripted.never_warm = "nanogpt"

    result = measure(dataclasses.replace(TINY, warm_up_limit_s=50.0), lambda line: None)

    assert list(result.failures) == ["nanogpt"]
    assert list(result.sides) == ["ours", "hf"]
    assert len(result.rounds) == 3


def test_when_ours_fails_the_rounds_before_keep_their_figures(scripted: type[ScriptedSide]) -> None:
    scripted.ours_fails_at = 3

    result = measure(TINY, lambda line: None)

    assert result.failures == {"ours": "ours: no memory"}
    assert len(result.rounds) == 1
    assert result.sides["hf"].speed.median == 2.0
    assert result.sides["hf"].held_out_loss is None
    assert "unknown" in "".join(command.report(result).lines)


def test_when_ours_fails_before_any_round_there_is_nothing_to_report(scripted: type[ScriptedSide]) -> None:
    scripted.ours_fails_at = 1

    with pytest.raises(SideFailed, match="ours: no memory"):
        measure(TINY, lambda line: None)


def test_a_side_that_does_not_answer_in_time_has_failed(threaded_sides: None) -> None:
    with pytest.raises(SideFailed, match="ours: it had not answered when the time was up"):
        measure(TINY, lambda line: None, Deadline(end_by_s=0.0))


def test_ours_does_not_go_on_with_less_than_its_batch(
    threaded_sides: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = Gpt2.loss

    def little_memory(self: Gpt2, token_ids: torch.Tensor, *more: Any, **named: Any) -> torch.Tensor:
        if self.training and len(token_ids) == TINY.batch:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss(self, token_ids, *more, **named)

    monkeypatch.setattr(Gpt2, "loss", little_memory)

    with pytest.raises(SideFailed, match=r"ours: MemoryError: .* micro batches of 1 blocks"):
        measure(dataclasses.replace(TINY, sides=("ours",), as_shipped=False), lambda line: None)


@pytest.fixture
def tf32() -> Iterator[None]:
    """Allow TF32 in the way of which torch's older functions do not know, as transformers does."""
    torch.backends.fp32_precision = "tf32"  # type: ignore[attr-defined]
    yield
    torch.backends.fp32_precision = "none"  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision("highest")


@pytest.mark.usefixtures("tf32")
def test_held_out_losses_are_measured_in_fp32_whatever_was_trained_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, str]] = []

    def mean_loss(*arguments: object) -> float:
        products: Any = torch.backends.cuda.matmul
        seen.append((products.fp32_precision, torch.get_float32_matmul_precision()))
        return 0.0

    monkeypatch.setattr(sides, "mean_loss", mean_loss)
    shape = Gpt2Shape(layers=1, heads=1, width=64, positions=128, vocab_size=128)
    task: Any = sides.Task("ours", shape, chain_tokens(2, 128, seed=0), LoopPlan(1, 2, 1e-3, 0), 0.0)

    sides._held_out_loss(task, sides._initial_weights(task), open_device("cpu"))

    assert seen == [("ieee", "highest")]


def test_sides_on_a_gpu_keep_no_memory_that_they_do_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTORCH_ALLOC_CONF", raising=False)
    assert _environment_for(1, "cuda:0")["PYTORCH_ALLOC_CONF"] == "expandable_segments:True"
    assert "PYTORCH_ALLOC_CONF" not in _environment_for(1, "cpu")

    monkeypatch.setenv("PYTORCH_ALLOC_CONF", "backend:native")
    assert _environment_for(1, "cuda:0")["PYTORCH_ALLOC_CONF"] == "backend:native"
