"""A shared job with a pretrained model: all go back to the best, and it ends no worse than it began."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from emeth_tui.engine.cooperation.averages import best_of
from emeth_tui.training.reports import BackToBest, Best, EpochDone, Trained, TrainRequest
from tests.training.cooperation.members import Members
from tests.training.cooperation.test_differences import weights_of
from tests.training.jobs import assert_same_weights, make_request, result_weights
from tests.training.pretrained import save_small_gpt2
from tests.training.texts import made_up_words, of_another_kind_at_its_end

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("gpt2")
    save_small_gpt2(directory)
    return directory


def shared(request: TrainRequest) -> Members:
    """Two members, one of them elsewhere, and in every average the best epoch, as the node says it."""
    members = Members(request, 2)
    members.far = {1}

    def note_best(epoch: int, _paths: list[Path]) -> None:
        members.best = Best(**asdict(best_of(members.counted, epoch - 1, request.epochs)))

    members.on_average = note_best
    return members


@pytest.mark.parametrize(
    ("text", "language", "rate", "epochs"),
    [
        pytest.param(made_up_words(500), "en", 2e-2, 6, id="goes back"),
        pytest.param(made_up_words(500), "en", 0.3, 8, id="overfits at its end", marks=pytest.mark.slow),
        pytest.param(of_another_kind_at_its_end(), "ja", 2e-2, 4, id="nothing is better than the start"),
    ],
)
def test_two_members_end_no_worse_than_the_start(
    tmp_path: Path, model: Path, text: str, language: str, rate: float, epochs: int
) -> None:
    request = make_request(
        tmp_path / "job",
        text,
        model=str(model),
        language=language,
        epochs=epochs,
        learning_rate=rate,
        averaging="int8",
    )
    members = shared(request)

    members.train()

    losses = members.counted
    best = min(range(epochs + 1), key=lambda epoch: losses[epoch])
    (trained,) = (event for event in members.heard[0] if isinstance(event, Trained))
    assert trained.valid_loss <= losses[0] * (1 + 1e-6)
    if best:
        assert trained.valid_loss == losses[best]
        assert_same_weights(result_weights(request), weights_of(members, best))
    by_node = best_of(losses, epochs, epochs)
    for heard in members.heard:
        goings_back = [event.epoch for event in heard if isinstance(event, BackToBest)]
        assert goings_back[-1:] == ([by_node.went_back_after] if by_node.went_back_after else [])
        assert [event.best_loss for event in heard if isinstance(event, EpochDone)][-1] == by_node.loss
