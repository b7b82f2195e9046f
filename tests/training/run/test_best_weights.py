"""When a training goes back to its best weights, and what its result holds."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emeth_tui.training.devices import Device, open_device
from emeth_tui.training.job_control import StopRequested
from emeth_tui.training.model.gpt2 import Gpt2, Gpt2Shape
from emeth_tui.training.run.best_keeper import BestKeeper
from emeth_tui.training.run.best_weights import (
    LEAST_RATE_SHARE,
    MOST_HALVINGS,
    BestSoFar,
    Verdict,
    blocks_to_validate,
)
from emeth_tui.training.run.state import Position
from tests.training.jobs import assert_same_weights

BEST, GO_ON, GO_BACK = Verdict.BEST, Verdict.GO_ON, Verdict.GO_BACK
SHAPE = Gpt2Shape(layers=1, heads=1, width=16, positions=8, vocab_size=64)


def verdicts(start: float, *losses: float) -> tuple[list[Verdict], BestSoFar]:
    best = BestSoFar()
    best.start(start)
    given_losses = enumerate(losses, start=1)
    return [best.judge(epoch, loss, last=epoch == len(losses)) for epoch, loss in given_losses], best


def test_the_loss_before_the_training_is_the_first_best() -> None:
    said, best = verdicts(5.0, 5.1, 5.2, 4.9)

    assert said == [GO_ON, GO_BACK, BEST]
    assert (best.start_loss, best.loss, best.epoch) == (5.0, 4.9, 3)


def test_after_two_epochs_without_a_new_best_it_goes_back_at_a_tenth_of_the_rate() -> None:
    said, best = verdicts(5.0, 4.0, 4.1, 4.2, 4.3, 3.9, 4.0, 4.1, 4.2)

    assert said == [BEST, GO_ON, GO_BACK, GO_ON, BEST, GO_ON, GO_BACK, GO_ON]
    assert (best.epoch, best.went_back_after) == (5, 7)
    assert best.rate_share == pytest.approx(0.01)


def test_a_loss_as_good_as_the_best_is_no_new_best() -> None:
    said, best = verdicts(5.0, 5.0, 5.0, 5.0)

    assert said == [GO_ON, GO_BACK, GO_ON]
    assert best.epoch == 0


def test_after_the_last_epoch_nothing_goes_back() -> None:
    said, _best = verdicts(5.0, 5.1, 5.2)

    assert said == [GO_ON, GO_ON]


def test_the_rate_never_falls_so_far_that_the_weights_stand_still() -> None:
    _said, best = verdicts(5.0, *[6.0] * 40)

    assert best.rate_share == LEAST_RATE_SHARE


@pytest.mark.parametrize(
    ("valid", "train", "measured"),
    [
        (1, 10, 1),  # all that there is
        (2, 1, 2),
        (32, 100, 32),  # a small text: all of it
        (40, 400, 32),
        (111, 1_000, 80),  # a Japanese text, of which a tenth validates
        (75, 1_000, 75),
        (14_000, 200_000, 4_096),  # a large one
    ],
)
def test_validation_takes_few_blocks_of_a_large_text_and_all_of_a_small_one(
    valid: int, train: int, measured: int
) -> None:
    assert blocks_to_validate(valid, train) == measured


def fresh_model(seed: int) -> Gpt2:
    model = Gpt2(SHAPE)
    model.initialise(seed)
    return model


def weights_of(model: Gpt2) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def train(model: Gpt2, at: Position, loss: float, by: float = 0.5) -> None:
    """Pretend an epoch that leaves other weights and this validation loss."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(by)
    at.epoch, at.blocks_done, at.valid_loss = at.epoch + 1, 0, loss


def keeper_of(model: Gpt2) -> BestKeeper:
    return BestKeeper(model, open_device("cpu"), lambda fresh: fresh.initialise(1))


def keeper(start: float) -> tuple[Gpt2, BestKeeper, Position]:
    model = fresh_model(seed=1)
    best = keeper_of(model)
    best.so_far.start(start)
    return model, best, Position(valid_loss=start)


def test_the_best_weights_come_back_to_the_bit() -> None:
    model, best, at = keeper(start=5.0)
    train(model, at, loss=4.0)
    assert not best.judge(at, last=False)
    wanted = weights_of(model)
    for loss, goes_back in ((4.1, False), (4.2, True)):
        train(model, at, loss)
        at.best_train_loss = 1.0

        assert best.judge(at, last=False) is goes_back

    assert_same_weights(weights_of(model), wanted)
    assert at.best_train_loss == float("inf"), "the best weights had a greater loss than the overfitted ones"


def test_the_weights_that_came_come_back_where_nothing_was_better() -> None:
    model, best, at = keeper(start=5.0)
    wanted = weights_of(model)
    for _epoch in range(2):
        train(model, at, loss=6.0)
        best.judge(at, last=False)

    assert_same_weights(weights_of(model), wanted)


@pytest.mark.slow
@given(st.lists(st.sampled_from([3.0, 4.0, 5.0, 6.0]), min_size=1, max_size=8), st.integers(0, 8))
def test_a_keeper_restored_anywhere_goes_on_as_if_nothing_had_been(losses: list[float], stop: int) -> None:
    model, best, at = keeper(start=4.5)
    other_model, other, other_at = keeper(start=4.5)
    for number, loss in enumerate(losses):
        if number == stop:  # the checkpoint of here, loaded into another model
            saved = {**best.capture(at), **best.capture_on_host(at)}
            other_model = fresh_model(seed=2)
            other_model.load_state_dict(weights_of(model))
            other = keeper_of(other_model)
            other.restore(saved)
        for one, one_at, one_model in ((best, at, model), (other, other_at, other_model)):
            train(one_model, one_at, loss)
            one.judge(one_at, last=number == len(losses) - 1)

    for one, one_at in ((best, at), (other, other_at)):
        one.settle(one_at, lambda: None, lambda: 4.5)
    assert_same_weights(weights_of(model), weights_of(other_model))
    assert at.valid_loss == other_at.valid_loss == min(4.5, *losses)


def test_a_checkpoint_holds_no_weights_twice() -> None:
    model, best, at = keeper(start=5.0)
    assert best.capture_on_host(at) == {"best_weights": {}}
    train(model, at, loss=4.0)
    best.judge(at, last=False)
    assert best.capture_on_host(at) == {"best_weights": {}}

    at.blocks_done = 1

    assert best.capture_on_host(at)["best_weights"].keys() == model.state_dict().keys()
    assert best.capture(at)["best_weights"] == {}


@pytest.mark.parametrize(("memory_bytes", "on_device"), [(10**9, True), (10**5, False)])
def test_a_gpu_with_room_keeps_the_best_weights_itself(
    monkeypatch: pytest.MonkeyPatch, memory_bytes: int, on_device: bool
) -> None:
    monkeypatch.setattr(Device, "memory_bytes", lambda device: memory_bytes)
    monkeypatch.setattr(Device, "is_cuda", True)
    _model, best, at = keeper(start=5.0)
    train(_model, at, loss=4.0)
    best.judge(at, last=False)
    at.blocks_done = 1

    assert bool(best.capture(at)["best_weights"]) is on_device
    assert bool(best.capture_on_host(at).get("best_weights")) is not on_device


def test_a_gpu_without_room_after_all_leaves_the_best_weights_to_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_tensor: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Device, "memory_bytes", lambda device: 10**9)
    monkeypatch.setattr(Device, "is_cuda", True)
    model, best, at = keeper(start=5.0)
    train(model, at, loss=4.0)
    wanted = weights_of(model)
    with monkeypatch.context() as short:
        short.setattr(torch.Tensor, "clone", refuse)
        best.judge(at, last=False)
    at.blocks_done = 1

    assert_same_weights(best.capture_on_host(at)["best_weights"], wanted)


def distance(model: Gpt2, other: dict[str, torch.Tensor]) -> float:
    return sum(float((weight - other[name]).abs().sum()) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("good_share", [1 / 2, 1 / 16])
def test_where_nothing_was_better_the_result_is_drawn_towards_the_start_until_it_is_no_worse(
    good_share: float,
) -> None:
    model, best, at = keeper(start=5.0)
    start = weights_of(model)
    train(model, at, loss=6.0)
    best.judge(at, last=True)
    whole_way, saved = distance(model, start), []

    def measure() -> float:
        return 5.0 if distance(model, start) <= good_share * whole_way * 1.001 else 5.5

    best.settle(at, lambda: saved.append(at.epoch), measure)

    assert at.valid_loss == 5.0
    assert distance(model, start) == pytest.approx(good_share * whole_way, rel=1e-3)
    assert saved == [1], "a stop meanwhile begins again from here"


def test_a_result_always_differs_from_what_it_started_from() -> None:
    model, best, at = keeper(start=5.0)
    start = weights_of(model)
    train(model, at, loss=6.0, by=1e-3)
    measured: list[float] = []

    def measure() -> float:
        measured.append(5.5)
        return 5.5

    best.settle(at, lambda: None, measure)

    assert len(measured) == MOST_HALVINGS
    assert distance(model, start) > 0


def test_a_stop_while_random_weights_are_measured_leaves_what_was_trained() -> None:
    model = fresh_model(seed=1)
    at = Position()
    train(model, at, loss=4.0)
    trained = weights_of(model)

    def stopped() -> float:
        raise StopRequested

    with pytest.raises(StopRequested):
        keeper_of(model).settle(at, lambda: None, stopped)

    assert_same_weights(weights_of(model), trained)
