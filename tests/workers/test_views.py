"""What others see of a worker after each of its reports."""

from __future__ import annotations

from emeth_tui.model import WorkerPhase
from emeth_tui.training.reports import BackToBest, EpochDone, Untrained
from emeth_tui.workers.views import WorkerView, view_after


def test_the_loss_shown_is_that_of_the_weights_that_are_trained_on() -> None:
    shown = []
    view = WorkerView(0, "cpu", phase=WorkerPhase.VALIDATING)
    for message in (
        Untrained(3.6),
        EpochDone(1, 3.5, 3.7, 12.0),
        EpochDone(2, 3.4, 3.8, 12.0),
        BackToBest(2, 0, 3.6),
    ):
        view = view_after(view, message)
        shown.append((view.phase, view.epoch, view.valid_loss))

    assert shown == [
        (WorkerPhase.TRAINING, 0, 3.6),
        (WorkerPhase.TRAINING, 1, 3.7),
        (WorkerPhase.TRAINING, 2, 3.8),
        (WorkerPhase.TRAINING, 2, 3.6),
    ]
