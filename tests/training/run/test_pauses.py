"""A pause without its memory, after which the checkpoint that was made for it is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emeth_tui.protocol.replay import COMMITMENT_NAME
from emeth_tui.training.job_control import Control
from emeth_tui.training.reports import (
    STATES_DIRECTORY,
    EpochDone,
    Event,
    Paused,
    Prepared,
    Progress,
    TrainRequest,
    WentBack,
)
from emeth_tui.training.run import metrics
from tests.training.jobs import (
    Observed,
    Run,
    assert_same_weights,
    directory_of,
    make_request,
    result_weights,
)


def commitment_of(request: TrainRequest) -> str:
    """What a training by rule says of all of its epochs."""
    return (directory_of(request) / STATES_DIRECTORY / COMMITMENT_NAME).read_text("utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainRequest:
    """A training by rule that was never paused."""
    request = make_request(tmp_path_factory.mktemp("whole"), replay=True)
    Run().go(request)
    return request


def lose_all(checkpoints: Path) -> None:
    for path in checkpoints.iterdir():
        path.unlink()


def damage_the_newest(checkpoints: Path) -> None:
    newest = max(checkpoints.iterdir())
    newest.write_bytes(newest.read_bytes()[:-1000])


MOMENTS: dict[str, Callable[[Event], bool]] = {
    "before the first step": lambda event: isinstance(event, Prepared),
    "within an epoch": lambda event: isinstance(event, Progress) and (event.epoch, event.step) == (2, 1),
    "in a validation": lambda event: (
        isinstance(event, Progress) and event.epoch == 2 and event.step == event.steps
    ),
}


@pytest.mark.parametrize("lose", [lose_all, damage_the_newest])
@pytest.mark.parametrize("moment", MOMENTS)
def test_after_a_pause_whose_checkpoint_is_lost_no_epoch_counts_that_was_not_trained(
    tmp_path: Path,
    whole: TrainRequest,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    lose: Callable[[Path], None],
) -> None:
    monkeypatch.setattr(metrics, "REPORT_EVERY_S", 0.0)

    def pause(event: Event, control: Control) -> None:
        if MOMENTS[moment](event) and not run.of_type(Paused):
            control.pause()

    run = Run(pause)
    run.control = Observed(lambda: lose(tmp_path / "checkpoints"))
    request = make_request(tmp_path, replay=True, release_on_pause=True)

    run.go(request)

    assert len(run.of_type(Paused)) == len(run.of_type(WentBack)) == 1
    counted = 0
    for event in run.events:
        if isinstance(event, WentBack):
            counted = event.epoch
        elif isinstance(event, EpochDone):
            counted += 1
            assert event.epoch == counted
    assert counted == 3
    assert commitment_of(request) == commitment_of(whole)
    assert_same_weights(result_weights(request), result_weights(whole))
