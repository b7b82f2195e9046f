"""A whole job: what it learns, leaves behind and reports, and how it resumes after any interruption."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from emeth_tui.errors import DatasetError, TrainingError
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.training.run import StepsNotFinite
from emeth_tui.protocol import hash_chain
from emeth_tui.training import job
from emeth_tui.training.data import dataset
from emeth_tui.training.files.checkpoint import load_result
from emeth_tui.training.files.models import DEVNET_SMALL
from emeth_tui.training.job_control import Control
from emeth_tui.training.model.gpt2 import Gpt2
from emeth_tui.training.reports import (
    CheckpointKept,
    Diverged,
    EpochDone,
    Event,
    Paused,
    Prepared,
    Preparing,
    Progress,
    ResultWritten,
    Resumed,
    Skipped,
    Stage,
    Stopped,
    Trained,
    WentBack,
)
from emeth_tui.training.run.cpu_trial import CpuPlan
from emeth_tui.training.run.evaluation import Evaluator
from tests.training.jobs import (
    HASH,
    Run,
    assert_same_weights,
    be_killed_while_writing,
    dataset_of,
    directory_of,
    make_request,
    result_weights,
    was_stopped,
)
from tests.training.texts import english, japanese


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The final weights of the standard request, trained in one go."""
    request = make_request(tmp_path_factory.mktemp("uninterrupted"))
    Run().go(request)
    return result_weights(request)


def newest_checkpoint(directory: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(max((directory / "checkpoints").iterdir()), weights_only=True)
    return state


@pytest.mark.slow
@pytest.mark.parametrize(("language", "make_text"), [("en", english), ("ja", japanese)])
def test_a_job_learns_from_its_text(tmp_path: Path, language: str, make_text: Callable[[int], str]) -> None:
    request = make_request(tmp_path, make_text(4096), language=language, epochs=8, batch_size=None)
    run = Run()

    run.go(request)

    trained = run.of_type(Trained)[0]
    dataset = dataset_of(request)
    evaluator = Evaluator(DEVNET_SMALL, language, dataset)
    result = load_result(directory_of(request) / "checkpoint.pt", evaluator.tensor_shapes)
    assert (result.epochs, result.hash_hex) == (8, HASH)
    assert result.loss == pytest.approx(trained.valid_loss)
    assert evaluator.loss(result.state_dict) == pytest.approx(trained.valid_loss, rel=1e-4)
    assert evaluator.loss(result.state_dict) < 0.8 * evaluator.untrained_loss()


def test_the_untrained_model_guesses_at_random(tmp_path: Path) -> None:
    request = make_request(tmp_path)
    evaluator = Evaluator(DEVNET_SMALL, "en", dataset_of(request))
    vocab_size = evaluator.tensor_shapes["lm_head.weight"][0]

    assert evaluator.untrained_loss() == pytest.approx(math.log(vocab_size), rel=0.02)


def test_a_job_tells_its_story_in_order(tmp_path: Path) -> None:
    request = make_request(tmp_path)
    run = Run()

    run.go(request)

    prepared = run.of_type(Prepared)[0]
    assert prepared.dataset_digest == hash_chain.dataset_digest(english(4096))
    assert (prepared.resumed_epoch, prepared.resumed_step) == (0, 0)
    assert prepared.steps_per_epoch == math.ceil(prepared.tokens / 128 / 2)
    assert [event.epoch for event in run.of_type(EpochDone)] == [1, 2, 3]
    assert run.of_type(EpochDone)[-1].train_loss < run.of_type(EpochDone)[0].train_loss
    assert isinstance(run.events[0], Preparing)
    told = [event for event in run.events if not isinstance(event, CheckpointKept)]  # one may be due any time
    assert told[-2:] == [
        Trained(3, run.of_type(EpochDone)[-1].valid_loss),
        ResultWritten("checkpoint.pt", (tmp_path / "checkpoint.pt").stat().st_size),
    ]


def test_progress_is_told_with_numbers_that_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 0.0)  # every step
    run = Run()

    run.go(make_request(tmp_path))

    steps = run.of_type(Prepared)[0].steps_per_epoch
    progress = run.of_type(Progress)
    assert [(event.epoch, event.step) for event in progress] == [
        (epoch, step) for epoch in (1, 2, 3) for step in range(1, steps + 1)
    ]
    first = [event.train_loss for event in progress if event.epoch == 1]
    assert sum(first) / len(first) == pytest.approx(run.of_type(EpochDone)[0].train_loss, rel=1e-3)
    assert all(event.tokens_per_s > 0 and event.steps == steps for event in progress)


@pytest.mark.slow
def test_the_work_that_is_told_is_the_work_that_was_done(tmp_path: Path) -> None:
    request = make_request(tmp_path, checkpoint_share=math.inf)
    first, again = Run(), Run()

    first.go(request)
    (tmp_path / "checkpoints").rename(tmp_path / "elsewhere")
    again.go(request)

    prepared, work = first.of_type(Prepared)[0], first.of_type(EpochDone)[-1].work
    assert work.trained_tokens == 3 * prepared.tokens
    assert work.validated_tokens == 3 * prepared.valid_tokens > 0
    assert min(work.trained_s, work.validated_s, work.saving_s, prepared.loading_s) > 0.0
    assert prepared.tokenised_s > 0.0
    assert again.of_type(Prepared)[0].tokenised_s is None, "the tokens were kept, and nothing was measured"


@pytest.mark.slow
def test_the_same_request_gives_the_same_weights(
    tmp_path: Path, uninterrupted: dict[str, torch.Tensor]
) -> None:
    request = make_request(tmp_path)

    Run().go(request)

    assert_same_weights(result_weights(request), uninterrupted)


def test_another_seed_gives_other_weights(tmp_path: Path, uninterrupted: dict[str, torch.Tensor]) -> None:
    request = make_request(tmp_path, seed=1)

    Run().go(request)

    name = "transformer.wpe.weight"
    assert not torch.equal(result_weights(request)[name], uninterrupted[name])


@pytest.mark.slow
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_job_on_batch_threads_goes_on_at_its_step_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: torch.dtype
) -> None:
    monkeypatch.setattr(job, "fastest_on_cpu", lambda model: CpuPlan(precision, batch_threads=2))
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 0.0)
    whole, broken = (make_request(tmp_path / name, deterministic=False) for name in ("whole", "broken"))

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, Progress) and (event.epoch, event.step) == (2, 2):
            control.stop()

    Run().go(whole)
    stopped = Run(stop)
    stopped.go(broken)
    Run().go(broken)

    assert stopped.events[-1] == Stopped(1, 2)
    assert_same_weights(result_weights(broken), result_weights(whole))


@pytest.mark.parametrize("quick", [True, False])
def test_steps_are_compiled_or_recorded_only_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    tried: list[object] = []
    monkeypatch.setattr(
        "emeth_tui.training.run.loop.find_quickest", lambda *arguments: tried.append(arguments)
    )

    Run().go(make_request(tmp_path, epochs=1, quick_steps=quick))

    assert bool(tried) == quick


def test_every_part_of_every_step_drops_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[tuple[int, ...]] = []
    monkeypatch.setattr(job, "fastest_on_cpu", lambda model: CpuPlan(torch.float32, batch_threads=2))
    monkeypatch.setattr("emeth_tui.training.run.step.seed_masks", places.append)

    run = Run()
    run.go(make_request(tmp_path, deterministic=False))

    steps = 3 * run.of_type(Prepared)[0].steps_per_epoch
    assert len(places) > steps
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("stop_at", [(0, 1), (1, 0), (1, 2)])
def test_a_stopped_job_goes_on_at_its_step_to_the_same_weights(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    uninterrupted: dict[str, torch.Tensor],
    stop_at: tuple[int, int],
) -> None:
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 0.0)

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, Progress) and (event.epoch - 1, event.step) == stop_at:
            control.stop()
        if isinstance(event, EpochDone) and (event.epoch, 0) == stop_at:
            control.stop()

    request = make_request(tmp_path)
    stopped, resumed = Run(stop), Run()

    stopped.go(request)
    resumed.go(request)

    assert stopped.events[-1] == Stopped(*stop_at)
    prepared = resumed.of_type(Prepared)[0]
    assert (prepared.resumed_epoch, prepared.resumed_step) == stop_at
    assert [event.epoch for event in resumed.of_type(EpochDone)] == list(range(stop_at[0] + 1, 4))
    assert_same_weights(result_weights(request), uninterrupted)


@pytest.mark.slow
def test_the_resumed_epochs_loss_counts_its_first_part_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 0.0)
    whole = Run()
    whole.go(make_request(tmp_path / "whole"))
    request = make_request(tmp_path / "parts")
    Run(lambda event, control: control.stop() if isinstance(event, Progress) else None).go(request)
    resumed = Run()

    resumed.go(request)

    assert resumed.of_type(EpochDone)[0].train_loss == pytest.approx(
        whole.of_type(EpochDone)[0].train_loss, rel=1e-6
    )


def test_a_paused_job_stands_still_until_it_may_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: dict[str, torch.Tensor]
) -> None:
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 0.0)
    waits: list[int] = []

    class ObservedControl(Control):
        def wait_while_paused(self) -> None:
            waits.append(len(run.events))
            self.resume()
            super().wait_while_paused()

    def pause(event: Event, control: Control) -> None:
        if isinstance(event, Progress) and (event.epoch, event.step) == (2, 2):
            control.pause()

    request = make_request(tmp_path)
    run = Run(pause)
    run.control = ObservedControl()

    run.go(request)

    index = run.events.index(Paused(1, 2))
    assert run.events[index + 1] == Resumed(1, 2)
    assert waits == [index + 1]
    assert_same_weights(result_weights(request), uninterrupted)


def test_a_paused_job_has_its_checkpoint_and_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: dict[str, torch.Tensor]
) -> None:
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 0.0)

    class StoppedWhilePaused(Control):
        def wait_while_paused(self) -> None:
            self.stop()
            super().wait_while_paused()

    def pause(event: Event, control: Control) -> None:
        if isinstance(event, Progress) and (event.epoch, event.step) == (2, 1):
            control.pause()

    request = make_request(tmp_path)
    run = Run(pause)
    run.control = StoppedWhilePaused()

    run.go(request)
    kept = newest_checkpoint(tmp_path)
    Run().go(request)

    assert (kept["epoch"], kept["blocks_done"]) == (1, 2)
    (path,) = (tmp_path / "checkpoints").glob("epoch-000001-block-000000002.pt")
    assert run.events[-3:] == [Paused(1, 1), CheckpointKept(1, 2, path.stat().st_size), Stopped(1, 1)]
    assert_same_weights(result_weights(request), uninterrupted)


def test_a_job_paused_while_preparing_stands_still_and_counts_no_time_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times_s = itertools.count()
    for module in (job, dataset):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(times_s))))
    pause_s = 1_000_000

    class LongPause(Control):
        def wait_while_paused(self) -> None:
            nonlocal times_s
            times_s = itertools.count(next(times_s) + pause_s)
            self.resume()
            super().wait_while_paused()

    def pause(event: Event, control: Control) -> None:
        if isinstance(event, Preparing) and event.stage is Stage.TOKENISING and not run.of_type(Paused):
            control.pause()

    run = Run(pause)
    run.control = LongPause()

    run.go(make_request(tmp_path, epochs=1))

    index = run.events.index(Paused(0, 0))
    assert isinstance(run.events[index + 1], Preparing)
    (prepared,) = run.of_type(Prepared)
    assert 0 < prepared.tokenised_s < pause_s


def test_a_job_stopped_while_preparing_ends_before_training(tmp_path: Path) -> None:
    run = Run(lambda event, control: control.stop() if isinstance(event, Preparing) else None)

    run.go(make_request(tmp_path))

    assert run.events[-1] == Stopped(0, 0)
    assert not run.of_type(Prepared)


def test_what_a_killed_process_had_half_written_is_gone_when_the_job_begins_again(tmp_path: Path) -> None:
    request = make_request(tmp_path)
    be_killed_while_writing(tmp_path / "checkpoint.pt", tmp_path / "tokens/tokens.json")
    assert len(list(tmp_path.rglob(".*"))) == 2
    arriving = tmp_path / ".checkpoint.pt.0123abcd.part"  # the node's own process brings it home
    arriving.write_bytes(b"half")

    Run(lambda event, control: control.stop() if isinstance(event, Preparing) else None).go(request)

    assert list(tmp_path.rglob(".*")) == [arriving]


def test_a_trained_job_waits_for_its_hash_and_can_be_asked_again(
    tmp_path: Path, uninterrupted: dict[str, torch.Tensor]
) -> None:
    request = make_request(tmp_path)
    stopped = Run(
        lambda event, control: control.stop() if isinstance(event, EpochDone) and event.epoch == 3 else None
    )
    stopped.control.wait_for_hash = stopped.control.check  # type: ignore[method-assign,assignment]
    stopped.go(request)
    assert was_stopped(stopped)
    assert not (tmp_path / "checkpoint.pt").exists()
    again = Run()

    again.go(request)

    assert again.of_type(Prepared)[0].resumed_epoch == 3
    assert not again.of_type(EpochDone)
    assert again.of_type(Trained)[0].valid_loss == stopped.of_type(EpochDone)[-1].valid_loss
    assert_same_weights(result_weights(request), uninterrupted)


def test_a_batch_size_changed_between_runs_keeps_the_place(tmp_path: Path) -> None:
    request = make_request(tmp_path, batch_size=2)
    Run(lambda event, control: control.stop() if isinstance(event, EpochDone) else None).go(request)
    run = Run()

    run.go(make_request(tmp_path, batch_size=5))

    assert run.of_type(Prepared)[0].resumed_epoch == 1
    assert [event.epoch for event in run.of_type(EpochDone)] == [2, 3]


def test_another_seed_does_not_go_on_from_this_ones_checkpoint(tmp_path: Path) -> None:
    Run().go(make_request(tmp_path, epochs=1))
    run = Run()

    run.go(make_request(tmp_path, epochs=1, seed=9))

    assert run.of_type(Prepared)[0].resumed_epoch == 0
    assert len(run.of_type(EpochDone)) == 1


def test_a_hopeless_learning_rate_ends_the_job_with_the_reason(tmp_path: Path) -> None:
    run = Run()

    with pytest.raises(TrainingError, match="diverged in epoch 1 even with a lower learning rate"):
        run.go(make_request(tmp_path, learning_rate=1e6))

    assert len(run.of_type(Diverged)) == 1
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_step_without_finite_numbers_is_skipped_and_lowers_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(spoil_in_epoch(3, [0], monkeypatch))

    run.go(make_request(tmp_path, epochs=4, checkpoint_share=math.inf))

    assert run.of_type(Skipped) == [Skipped(3, 1)]
    assert not run.of_type(Diverged)
    assert [event.epoch for event in run.of_type(EpochDone)] == [1, 2, 3, 4]
    assert run.of_type(EpochDone)[-1].train_loss < run.of_type(EpochDone)[0].train_loss
    kept = newest_checkpoint(tmp_path)
    assert (kept["rate_share"], kept["skipped"]) == (0.5, 1)


@pytest.mark.slow
def test_many_bad_steps_send_training_back_to_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody reads the loss meanwhile.
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 1e9)  # one look, at the epoch's end
    request = make_request(tmp_path, english(8192), epochs=4, checkpoint_share=math.inf)
    run = Run(spoil_in_epoch(3, range(4), monkeypatch))

    run.go(request)

    steps = 3 * run.of_type(Prepared)[0].steps_per_epoch
    assert run.of_type(Diverged) == [Diverged(3, to_data(StepsNotFinite(4, steps)))]
    (went_back,) = run.of_type(WentBack)
    epochs = [event.epoch for event in run.of_type(EpochDone)]
    assert epochs == [1, 2, *range(went_back.epoch + 1, 5)]
    kept = newest_checkpoint(tmp_path)
    assert (kept["set_backs"], kept["diverged_in"], kept["skipped"]) == (1, 3, 0)
    assert kept["rate_share"] == 0.25  # once for the skipped steps, once for going back


@pytest.mark.slow
def test_a_fourth_set_back_in_all_fails_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody reads the loss meanwhile.
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 1e9)  # one look, at the epoch's end
    spoils = [spoil_in_epoch(epoch, range(4), monkeypatch) for epoch in (2, 3, 4, 5)]

    def spoil(event: Event, control: Control) -> None:
        for spoil_one in spoils:
            spoil_one(event, control)

    run = Run(spoil)

    with pytest.raises(TrainingError, match="diverged in epoch 5 even with a lower learning rate"):
        run.go(make_request(tmp_path, english(8192), epochs=6, checkpoint_share=math.inf))

    assert [event.epoch for event in run.of_type(Diverged)] == [2, 3, 4]


def spoil_in_epoch(
    epoch: int, steps: Iterable[int], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Event, Control], None]:
    """Have the losses of these steps of an epoch be no numbers, the first time that it is trained."""
    spoilt = False

    def spoil(event: Event, control: Control) -> None:
        nonlocal spoilt
        if isinstance(event, EpochDone) and event.epoch == epoch - 1 and not spoilt:
            spoilt = True
            spoil_losses(steps, monkeypatch)

    return spoil


def spoil_losses(steps: Iterable[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the losses of the coming training steps with these numbers be no numbers."""
    loss, spoilt, count = Gpt2.loss, set(steps), itertools.count()

    def spoilt_loss(self: Gpt2, token_ids: torch.Tensor, *more: Any, **named: Any) -> torch.Tensor:
        value = loss(self, token_ids, *more, **named)
        return value * torch.nan if self.training and next(count) in spoilt else value

    monkeypatch.setattr(Gpt2, "loss", spoilt_loss)


def test_a_stop_never_saves_spoilt_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emeth_tui.training.run.metrics.REPORT_EVERY_S", 1e9)
    request = make_request(tmp_path)

    def spoil_and_stop(event: Event, control: Control) -> None:
        if isinstance(event, EpochDone):
            spoil_losses([0], monkeypatch)
            stop_after_next_step(control, monkeypatch)

    run = Run(spoil_and_stop)

    run.go(request)

    assert was_stopped(run)
    state = newest_checkpoint(tmp_path)
    assert (state["epoch"], state["blocks_done"], state["skipped"]) == (1, 2, 1)
    assert all(torch.isfinite(tensor).all() for tensor in state["model"].values())


def stop_after_next_step(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the stop be seen only after the next training step has been applied."""
    from emeth_tui.training.run.metrics import LossMeter

    add = LossMeter.add

    def add_and_stop(self: LossMeter, *arguments: object) -> None:
        add(self, *arguments)  # type: ignore[arg-type]
        control.stop()

    monkeypatch.setattr(LossMeter, "add", add_and_stop)


@pytest.mark.parametrize("size_bytes", [240, 700])
def test_a_text_shorter_than_a_block_is_trained_on_all_the_same(tmp_path: Path, size_bytes: int) -> None:
    run = Run()

    run.go(make_request(tmp_path, japanese(size_bytes), language="ja"))

    assert len(run.of_type(EpochDone)) == 3
    assert run.of_type(ResultWritten)


def test_a_bad_dataset_fails_before_training(tmp_path: Path) -> None:
    request = make_request(tmp_path)
    dataset_of(request).write_bytes(b"\xff" * 5000)

    with pytest.raises(DatasetError, match="not UTF-8"):
        Run().go(request)
