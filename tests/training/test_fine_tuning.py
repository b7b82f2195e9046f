"""A job with a pretrained model: its result is never worse than what it started from."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from emeth_tui.training.job_control import Control
from emeth_tui.training.reports import (
    BackToBest,
    CheckpointKept,
    EpochDone,
    Event,
    Prepared,
    Progress,
    Stopped,
    Trained,
    TrainRequest,
    Untrained,
    WentBack,
)
from emeth_tui.training.run import loop
from emeth_tui.training.run.best_keeper import BestKeeper
from emeth_tui.training.run.evaluation import Evaluator
from tests.training.jobs import (
    Observed,
    Run,
    assert_same_weights,
    dataset_of,
    make_request,
    result_weights,
    was_stopped,
)
from tests.training.pretrained import save_small_gpt2
from tests.training.texts import made_up_words, of_another_kind_at_its_end

EPOCHS = 12
RATE = 2e-2  # soon overfits


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("gpt2")
    save_small_gpt2(directory)
    return directory


def overfitting(directory: Path, model: Path, **changes: Any) -> TrainRequest:
    return make_request(
        directory,
        made_up_words(500),
        **{"model": str(model), "epochs": EPOCHS, "learning_rate": RATE, **changes},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, model: Path) -> tuple[Run, TrainRequest]:
    """An overfitting job, trained in one go."""
    request = overfitting(tmp_path_factory.mktemp("whole"), model)
    run = Run()
    run.go(request)
    return run, request


@pytest.mark.slow
def test_the_result_is_the_best_there_was(whole: tuple[Run, TrainRequest]) -> None:
    run, request = whole
    evaluator = Evaluator(request.model, "en", dataset_of(request))
    (start,), (trained,) = run.of_type(Untrained), run.of_type(Trained)
    losses = [event.valid_loss for event in run.of_type(EpochDone)]

    assert len(losses) == trained.epochs == EPOCHS, "every epoch is trained"
    assert trained.valid_loss == min(losses) < losses[-1]
    assert evaluator.untrained_loss() == pytest.approx(start.valid_loss, rel=1e-4)
    assert evaluator.loss(result_weights(request)) == pytest.approx(trained.valid_loss, rel=1e-4)
    assert trained.valid_loss < start.valid_loss


@pytest.mark.slow
def test_the_job_says_how_far_it_has_come_and_when_it_goes_back(whole: tuple[Run, TrainRequest]) -> None:
    run, _request = whole
    best, goings_back = run.of_type(Untrained)[0].valid_loss, run.of_type(BackToBest)

    assert goings_back
    for done in run.of_type(EpochDone):
        best = min(best, done.valid_loss)
        assert done.best_loss == best
    for back in goings_back:
        assert back.best_epoch + 2 <= back.epoch
        losses = {event.epoch: event.valid_loss for event in run.of_type(EpochDone)}
        assert back.best_loss == losses[back.best_epoch]


def at_step(epoch: int, step: int) -> Callable[[Event, Control], None]:
    def stop(event: Event, control: Control) -> None:
        place = (event.epoch - 1, event.step) if isinstance(event, Progress) else None
        if place == (epoch, step) or (isinstance(event, EpochDone) and (event.epoch, 0) == (epoch, step)):
            control.stop()

    return stop


@pytest.mark.slow
@pytest.mark.parametrize("after", [-2, -1, 0, 1])  # epochs before or after a going back
@pytest.mark.parametrize("step", [0, 1])
def test_a_job_stopped_around_a_going_back_ends_with_the_same_weights(
    tmp_path: Path,
    model: Path,
    whole: tuple[Run, TrainRequest],
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    step: int,
) -> None:
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 0.0)
    epoch = whole[0].of_type(BackToBest)[0].epoch + after
    request = overfitting(tmp_path, model)
    stopped, resumed = Run(at_step(epoch, step)), Run()

    stopped.go(request)
    resumed.go(request)

    assert stopped.events[-1] == Stopped(epoch, step)
    assert (resumed.of_type(Prepared)[0].resumed_epoch, len(resumed.of_type(Untrained))) == (epoch, 1)
    assert_same_weights(result_weights(request), result_weights(whole[1]))
    assert resumed.of_type(Trained) == whole[0].of_type(Trained)


@pytest.mark.slow
def test_a_job_killed_after_any_checkpoint_ends_with_the_same_weights(
    tmp_path: Path, model: Path, whole: tuple[Run, TrainRequest]
) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()

    def put_by(event: Event, _control: Control) -> None:
        if isinstance(event, CheckpointKept):
            for path in (tmp_path / "first/checkpoints").glob("*.pt"):
                shutil.copy(path, saved)

    often = {"checkpoint_share": math.inf, "checkpoint_every_s": 0.0}
    Run(put_by).go(overfitting(tmp_path / "first", model, **often))
    back = whole[0].of_type(BackToBest)[0].epoch
    paths = sorted(saved.iterdir())
    around = [path for path in paths if f"epoch-{back - 1:06d}" <= path.name < f"epoch-{back + 2:06d}"]

    assert len(around) >= 4
    for number, path in enumerate([paths[0], *around[:: len(around) // 4], paths[-1]]):
        request = overfitting(tmp_path / str(number), model)
        (tmp_path / str(number) / "checkpoints").mkdir()
        shutil.copy(path, tmp_path / str(number) / "checkpoints")
        Run().go(request)
        assert_same_weights(result_weights(request), result_weights(whole[1]))


@pytest.mark.slow
def test_a_job_stopped_while_its_start_is_measured_measures_it_again(
    tmp_path: Path, model: Path, whole: tuple[Run, TrainRequest]
) -> None:
    request = overfitting(tmp_path, model)
    stopped = Run(lambda event, control: control.stop() if isinstance(event, Prepared) else None)

    stopped.go(request)
    assert was_stopped(stopped)
    assert not stopped.of_type(Untrained)
    Run().go(request)

    assert_same_weights(result_weights(request), result_weights(whole[1]))


def hopeless(directory: Path, model: Path) -> TrainRequest:
    """What it learns of the text makes it worse at the lines that validate, which are of another kind."""
    return make_request(
        directory,
        of_another_kind_at_its_end(),
        **{"model": str(model), "language": "ja", "epochs": 6, "learning_rate": RATE},
    )


@pytest.mark.slow
def test_where_no_epoch_is_better_than_the_start_the_result_is_no_worse_and_not_the_same(
    tmp_path: Path, model: Path
) -> None:
    request, run = hopeless(tmp_path, model), Run()

    run.go(request)

    (start,), (trained,) = run.of_type(Untrained), run.of_type(Trained)
    assert min(event.valid_loss for event in run.of_type(EpochDone)) > start.valid_loss
    assert trained.valid_loss <= start.valid_loss * (1 + 1e-6)
    weights = Evaluator(request.model, "ja", dataset_of(request)).tensor_shapes.keys()
    result = result_weights(request)
    before = load_file(model / "model.safetensors")
    assert any(not torch.equal(result[name], before[name]) for name in weights & before.keys())


def test_a_model_from_random_weights_is_trained_as_ever(tmp_path: Path) -> None:
    run = Run()

    run.go(make_request(tmp_path))

    assert not run.of_type(Untrained)
    assert [event.best_loss for event in run.of_type(EpochDone)] == [None] * 3
    assert run.of_type(Trained)[0].valid_loss == run.of_type(EpochDone)[-1].valid_loss


@pytest.mark.slow
def test_a_paused_job_that_frees_its_memory_frees_the_best_weights_too(
    tmp_path: Path, model: Path, whole: tuple[Run, TrainRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    keepers: list[BestKeeper] = []
    make = BestKeeper.__init__

    def kept(self: BestKeeper, *arguments: Any) -> None:
        keepers.append(self)
        make(self, *arguments)

    monkeypatch.setattr(BestKeeper, "__init__", kept)
    held: list[object] = []
    went_back = whole[0].of_type(BackToBest)[0].epoch

    def pause(event: Event, control: Control) -> None:
        if isinstance(event, EpochDone) and event.epoch in (went_back - 1, went_back):
            control.pause()

    run = Run(pause)
    run.control = Observed(lambda: held.append(keepers[0]._best))
    request = overfitting(tmp_path, model, release_on_pause=True)

    run.go(request)

    assert held == [None, None]
    assert_same_weights(result_weights(request), result_weights(whole[1]))


@pytest.mark.slow
def test_a_pause_right_after_one_in_the_measuring_of_the_start_forgets_no_start(
    tmp_path: Path, model: Path, whole: tuple[Run, TrainRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = loop.mean_loss

    def pause_first(*arguments: Any) -> float:
        monkeypatch.setattr(loop, "mean_loss", measure)
        run.control.pause()
        return measure(*arguments)

    monkeypatch.setattr(loop, "mean_loss", pause_first)
    monkeypatch.setattr("emeth_tui.training.run.evaluation._MAX_BLOCKS_AT_ONCE", 1)

    def pause(event: Event, control: Control) -> None:
        if isinstance(event, Untrained):
            control.pause()

    paused: list[None] = []
    run = Run(pause)
    run.control = Observed(lambda: paused.append(None))
    request = overfitting(tmp_path, model, release_on_pause=True)

    run.go(request)

    assert len(paused) == 2
    assert len(run.of_type(Untrained)) == 1
    assert_same_weights(result_weights(request), result_weights(whole[1]))
    assert [done.best_loss for done in run.of_type(EpochDone)] == [
        done.best_loss for done in whole[0].of_type(EpochDone)
    ]


@pytest.mark.slow
def test_a_start_whose_checkpoint_is_lost_in_a_pause_is_measured_again(
    tmp_path: Path, model: Path, whole: tuple[Run, TrainRequest]
) -> None:
    def pause(event: Event, control: Control) -> None:
        if isinstance(event, Untrained) and len(run.of_type(Untrained)) == 1:
            control.pause()

    run = Run(pause)
    run.control = Observed(lambda: [path.unlink() for path in (tmp_path / "checkpoints").iterdir()])
    request = overfitting(tmp_path, model, release_on_pause=True)

    run.go(request)

    assert len(run.of_type(Untrained)) == 2
    assert len(run.of_type(WentBack)) == 1
    assert_same_weights(result_weights(request), result_weights(whole[1]))
    assert [done.best_loss for done in run.of_type(EpochDone)] == [
        done.best_loss for done in whole[0].of_type(EpochDone)
    ]
