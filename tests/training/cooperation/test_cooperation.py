"""Members that train one job together: their average, bit by bit, and how they go on after a stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from emeth_tui.errors import TrainingError
from emeth_tui.notices.reasons.training.run import PartUnfit
from emeth_tui.training.cooperation.average import mean_weights
from emeth_tui.training.data.dataset import load_tokens
from emeth_tui.training.files.checkpoint import save_result
from emeth_tui.training.files.models import DEVNET_SMALL, open_model
from emeth_tui.training.reports import EpochDone, PartEnded, PartTrained, PartValidated, Prepared, Trained
from tests.training.cooperation.members import Members
from tests.training.jobs import be_killed_while_writing, make_request, result_weights
from tests.training.texts import english

TEXT = english(8192)


def numbers(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    content = torch.load(path, weights_only=True)
    weights: dict[str, torch.Tensor] = content["model_state_dict"]
    return {name: tensor.numpy().copy() for name, tensor in weights.items()}


def plain_mean(handed_over: Sequence[dict[str, npt.NDArray[np.float32]]], name: str) -> Any:
    """The reference: the mean of all numbers in float64, rounded once."""
    return np.mean([weights[name].astype(np.float64) for weights in handed_over], axis=0).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [2, 3])
def test_members_go_on_from_the_plain_mean_to_the_bit(tmp_path: Path, parts: int) -> None:
    handed_over: dict[int, list[dict[str, npt.NDArray[np.float32]]]] = {}
    request = make_request(tmp_path / "job", TEXT, epochs=2)
    members = Members(
        request,
        parts,
        lambda epoch, paths: handed_over.__setitem__(epoch, [numbers(path) for path in paths]),
    )

    members.train()

    result = result_weights(members.requests[0])
    assert sorted(handed_over) == [1, 2]
    assert not np.array_equal(handed_over[2][0]["lm_head.weight"], handed_over[2][1]["lm_head.weight"])
    for name, tensor in result.items():
        assert tensor.numpy().tobytes() == plain_mean(handed_over[2], name).tobytes(), name
    losses = {
        event.valid_loss for heard in members.heard for event in heard if isinstance(event, PartValidated)
    }
    assert len(losses) == 2  # the same for all members, after each of two epochs
    assert [type(heard[-1]) for heard in members.heard[1:]] == [PartEnded] * (parts - 1)


def test_each_member_trains_on_its_own_share_of_the_text(tmp_path: Path) -> None:
    request = make_request(tmp_path / "job", TEXT, epochs=1)
    members = Members(request, 2)

    members.train()

    whole = load_tokens(
        tmp_path / "job" / "dataset.txt", tmp_path, open_model(DEVNET_SMALL).token_source("en")
    )
    prepared = [next(event for event in heard if isinstance(event, Prepared)) for heard in members.heard]
    assert {event.dataset_digest for event in prepared} == {whole.digest}
    assert all(0.4 < event.tokens / whole.train.size < 0.52 for event in prepared)
    assert prepared[0].valid_tokens == prepared[1].valid_tokens == whole.valid.size


def test_what_a_killed_process_had_half_averaged_is_gone_once_averaging_begins_again(tmp_path: Path) -> None:
    averages = tmp_path / "job/averages"
    be_killed_while_writing(averages / "epoch-000001.pt", averages / "epoch-000001.left")
    members = Members(make_request(tmp_path / "job", TEXT, epochs=1), 2)

    members.train()

    assert [path.name for path in averages.iterdir()] == ["epoch-000001.pt"]


@pytest.mark.slow
def test_after_a_stop_members_go_on_where_they_were(tmp_path: Path) -> None:
    request = make_request(tmp_path / "job", TEXT, epochs=3)
    members = Members(request, 2, lambda epoch, paths: members.stop() if epoch == 2 else None)
    members.train()
    stopped_at = max(members.counted)
    assert stopped_at < 3
    for heard in members.heard:
        heard.clear()

    members = members.again()
    members.train()

    assert [event.epoch for event in members.heard[0] if isinstance(event, EpochDone)][-1] == 3
    assert max(members.counted) == 3
    assert next(event for event in members.heard[0] if isinstance(event, Trained)).epochs == 3
    assert {event.epoch for event in members.heard[1] if isinstance(event, PartTrained)} <= {2, 3}


def test_what_is_no_result_is_not_averaged(tmp_path: Path) -> None:
    shapes = {"lm_head.weight": (2, 2), "transformer.wte.weight": (2, 2)}
    good, late, bad = tmp_path / "good", tmp_path / "late", tmp_path / "bad"
    weights = {name: torch.ones(shape) for name, shape in shapes.items()}
    save_result(good, 3, weights, 1.0, "0" * 64)
    save_result(late, 2, weights, 1.0, "0" * 64)
    bad.write_bytes(b"cos\nsystem\n(S'true'\ntR.")

    assert mean_weights([good, good], 3, shapes).keys() == shapes.keys()
    for other in (late, bad):
        with pytest.raises(TrainingError) as raised:
            mean_weights([good, other], 3, shapes)
        assert isinstance(raised.value.reason, PartUnfit)
        assert raised.value.reason.part == 2
