"""A training that does not learn is seen; one that does is left in peace."""

from __future__ import annotations

import math

import pytest

from emeth_tui.training.run.divergence import DivergedError, LossWatch, Reading, check_skipped

VOCAB_SIZE = 1024  # guessing at random: 6.93


def watch(mean_losses: list[float], steps_each: int, best_loss: float = math.inf) -> None:
    """Judge an epoch whose loss runs through these means, each for some steps."""
    judge, loss_sum, steps = LossWatch(VOCAB_SIZE), 0.0, 0
    judge.start(0, Reading(0.0, 0.0, 0))
    for mean_loss in mean_losses:
        loss_sum += mean_loss * steps_each * 10
        steps += steps_each
        judge.judge(steps, Reading(loss_sum, steps * 10.0, 0), best_loss)


def test_a_loss_far_beyond_guessing_is_hopeless() -> None:
    watch([7.0, 13.0], steps_each=20)

    with pytest.raises(DivergedError, match=r"the training loss is 15\.00"):
        watch([7.0, 15.0], steps_each=20)


def test_a_loss_far_beyond_the_best_epochs_has_left_the_rails() -> None:
    watch([3.0, 5.4], steps_each=20, best_loss=3.0)

    with pytest.raises(DivergedError, match=r"the training loss is 5\.60"):
        watch([3.0, 5.6], steps_each=20, best_loss=3.0)


def test_a_pretrained_model_may_leave_the_rails_in_its_first_epoch() -> None:
    watch([3.5, 3.5, 6.0], steps_each=20)

    with pytest.raises(DivergedError, match=r"the training loss is 10\.80"):
        watch([3.5, 3.5, 10.8], steps_each=20)


def test_a_loss_that_falls_from_guessing_is_in_good_health() -> None:
    watch([6.93 - 0.01 * window for window in range(600)], steps_each=20)


def test_a_window_that_is_low_by_chance_raises_no_alarm() -> None:
    watch([3.5, 3.5, 1.0, 3.5, 3.5], steps_each=20)
    watch([1.0, 3.5, 3.5, 3.5], steps_each=20)


def test_what_an_epoch_was_at_best_is_forgotten_with_it() -> None:
    judge = LossWatch(VOCAB_SIZE)
    judge.start(0, Reading(0.0, 0.0, 0))
    judge.judge(100, Reading(1_000.0, 1_000.0, 0), math.inf)

    judge.start(0, Reading(0.0, 0.0, 0))  # gone back to the start
    judge.judge(20, Reading(1_380.0, 200.0, 0), math.inf)


def test_an_epoch_gone_on_with_is_judged_against_its_beginning() -> None:
    judge = LossWatch(VOCAB_SIZE)
    judge.start(100, Reading(3_500.0, 1_000.0, 0))

    with pytest.raises(DivergedError, match=r"10\.80"):
        judge.judge(120, Reading(3_500.0 + 2_160.0, 1_200.0, 0), math.inf)


def test_a_few_steps_are_too_few_to_judge_but_many_short_looks_add_up() -> None:
    watch([20.0], steps_each=19)
    watch([20.0] * 19, steps_each=1)

    with pytest.raises(DivergedError):
        watch([20.0] * 20, steps_each=1)


def test_steps_before_a_window_do_not_hide_what_comes_after() -> None:
    with pytest.raises(DivergedError, match=r"15\.00"):
        watch([3.0] * 1000 + [15.0] * 2, steps_each=10)


def test_an_epoch_without_a_loss_is_a_divergence() -> None:
    with pytest.raises(DivergedError, match="no step of the epoch gave finite numbers"):
        LossWatch(VOCAB_SIZE).judge_mean(Reading(0.0, 0.0, 5).mean_loss, math.inf)


@pytest.mark.parametrize(("skipped", "steps"), [(0, 0), (3, 3), (3, 1_000), (10, 1_000)])
def test_some_skipped_steps_are_no_divergence(skipped: int, steps: int) -> None:
    check_skipped(skipped, steps)


@pytest.mark.parametrize(("skipped", "steps"), [(4, 4), (4, 300), (11, 1_000)])
def test_too_many_skipped_steps_are(skipped: int, steps: int) -> None:
    with pytest.raises(DivergedError, match=f"{skipped} of {steps:,} steps"):
        check_skipped(skipped, steps)
