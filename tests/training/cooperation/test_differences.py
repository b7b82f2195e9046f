"""Differences in a byte each: the same bits at all ends, nothing lost by a stop, nothing taken on trust."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from emeth_tui.errors import JobError, TrainingError
from emeth_tui.model import Averaging
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.training.result import (
    DifferenceMalformed,
    DifferenceOfAnotherAverage,
    DifferenceOutOfBounds,
)
from emeth_tui.notices.reasons.training.run import PartUnfit
from emeth_tui.training.cooperation import differences, trainer
from emeth_tui.training.cooperation.average import average, mean_weights
from emeth_tui.training.cooperation.differences import Difference, Rounded
from emeth_tui.training.cooperation.member import MemberEnd
from emeth_tui.training.files.checkpoint import checkpoint_name, save_result
from emeth_tui.training.files.models import DEVNET_SMALL, open_model
from emeth_tui.training.model.gpt2 import EMBEDDING_NAME, HEAD_NAME, tensor_shapes
from emeth_tui.training.reports import AverageRequest, EpochDone, PartTrained, TrainRequest
from tests.training.cooperation.members import Members
from tests.training.jobs import assert_same_weights, make_request, result_weights
from tests.training.texts import english

TEXT = english(8192)
SHAPES = {EMBEDDING_NAME: (4, 3), "b": (5,)}
BEFORE = b"\x07" * 32
_HEAD_BYTES = 8 + 4 + 32 + 32


def request_in(directory: Path, epochs: int = 3) -> TrainRequest:
    return make_request(directory, TEXT, epochs=epochs, averaging="int8")


def weights_of(members: Members, epoch: int) -> dict[str, torch.Tensor]:
    """What a job's average of an epoch is at home."""
    path = members.directory(0) / "averages" / f"epoch-{epoch:06d}.pt"
    weights: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["weights"]
    return weights


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The result of two members that nothing disturbed."""
    members = Members(request_in(tmp_path_factory.mktemp("whole") / "job"), 2)
    members.train()
    return result_weights(members.requests[0])


@pytest.mark.slow
def test_the_result_is_the_average_that_all_know_and_hardly_another_than_the_plain_mean(
    tmp_path: Path,
) -> None:
    sizes: dict[int, list[int]] = {}
    members = Members(
        request_in(tmp_path / "job", epochs=2),
        2,
        lambda epoch, paths: sizes.__setitem__(epoch, [path.stat().st_size for path in paths]),
    )
    plain = Members(make_request(tmp_path / "plain", TEXT, epochs=2), 2)

    members.train()
    plain.train()

    result = result_weights(members.requests[0])
    assert_same_weights(result, weights_of(members, 2))
    assert_same_weights(weights_of(members, 1), weights_of(plain, 1))  # in full: there is no average before
    assert all(first > 3.8 * second for first, second in zip(sizes[1], sizes[2], strict=True))
    for name, tensor in result_weights(plain.requests[0]).items():
        way = (tensor - weights_of(plain, 1)[name]).abs().max()
        assert (result[name] - tensor).abs().max() <= way * 1.5 / differences.STEPS, name


@pytest.mark.slow
def test_a_member_that_receives_differences_alone_has_the_same_weights(
    tmp_path: Path, whole: dict[str, torch.Tensor]
) -> None:
    members = Members(request_in(tmp_path / "job"), 2)
    members.far = {0, 1}

    members.train()

    assert_same_weights(result_weights(members.requests[0]), whole)
    assert (members.directory(1) / "checkpoints" / checkpoint_name(3, 0)).exists()  # for a new process


@pytest.mark.slow
def test_averages_do_not_pile_up_with_a_member_that_seldom_saves(tmp_path: Path) -> None:
    request = make_request(tmp_path / "job", TEXT, epochs=5, averaging="int8", checkpoint_share=0.0)
    members = Members(request, 2)
    members.far = {1}

    members.train()

    for index in range(2):
        names = [path.name for path in sorted((members.directory(index) / "checkpoints").iterdir())]
        assert names == [checkpoint_name(4, 0), checkpoint_name(5, 0)]


@pytest.mark.slow
def test_a_member_that_cannot_read_an_average_asks_again_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "REPEAT_S", 0.3)
    members = Members(request_in(tmp_path / "job", epochs=2), 2)
    received, asked_at_s = MemberEnd.received, []

    def spoilt(end: MemberEnd, epoch: int) -> dict[str, torch.Tensor] | None:
        if end.directory == members.directory(1) and epoch == 2:
            asked_at_s.append(time.monotonic())
            if len(asked_at_s) < 3:
                (end.directory / "checkpoints" / checkpoint_name(2, 0)).unlink(missing_ok=True)
                return None
        return received(end, epoch)

    monkeypatch.setattr(MemberEnd, "received", spoilt)

    members.train()

    assert len(asked_at_s) == 3
    assert asked_at_s[2] - asked_at_s[0] >= 0.6


@pytest.mark.slow
@pytest.mark.parametrize(("at", "far"), [("handed over", set()), ("averaged", {0, 1}), ("within", {1})])
def test_a_stop_loses_nothing_of_what_is_left_out(
    tmp_path: Path, whole: dict[str, torch.Tensor], at: str, far: set[int]
) -> None:
    members = Members(request_in(tmp_path / "job"), 2)
    members.far = far
    stop_in(members, at)
    members.train()
    assert 3 not in members.counted

    members = members.again()
    members.train()

    assert_same_weights(result_weights(members.requests[0]), whole)


@pytest.mark.slow
@pytest.mark.parametrize("averaging", ["fp32", "int8"])
def test_a_stop_before_the_first_average_is_gone_on_from(tmp_path: Path, averaging: Averaging) -> None:
    members = Members(make_request(tmp_path / "job", TEXT, epochs=2, averaging=averaging), 2)
    members.on_average = lambda epoch, paths: members.stop()
    members.train()
    assert not members.counted

    members = members.again()
    members.train()

    assert members.counted.keys() == {1, 2}


def stop_in(members: Members, at: str) -> None:
    """Have all members stop in the second epoch or just after it."""
    if at == "averaged":
        members.on_average = lambda epoch, paths: members.stop() if epoch == 2 else None
        return
    kind = PartTrained if at == "handed over" else EpochDone
    members.on_event = lambda event: members.stop() if isinstance(event, kind) and event.epoch == 2 else None


class Weighted:
    """As much of a model as a member's end needs."""

    def __init__(self, number: float) -> None:
        weights = {name: torch.linspace(0.0, number, 12)[: 3 * shape[0]] for name, shape in SHAPES.items()}
        self.weights = {**weights, HEAD_NAME: weights[EMBEDDING_NAME]}

    def export_weights(self) -> dict[str, torch.Tensor]:
        return self.weights


def test_what_is_left_out_belongs_to_one_member_and_the_average_that_it_went_into(tmp_path: Path) -> None:
    model: Any = Weighted(1.1)
    end = MemberEnd(tmp_path, as_differences=True)
    end.took(1, Weighted(1.0).weights)
    end.leave_out(2, model)
    checkpoint = end.capture()
    end.took(2, model.weights)
    assert checkpoint["left"] == {}  # until the average is there
    assert float(end.capture()["left"][EMBEDDING_NAME].abs().max()) > 0.0
    kept = end.capture()

    for epoch, goes_on in ((2, True), (3, False)):  # it goes on, or an average went by without it
        end.restore(kept)
        end.took(epoch, model.weights)
        assert bool(end.capture()["left"]) is goes_on
    replaced = MemberEnd(tmp_path, as_differences=True)
    replaced.restore(None)
    replaced.took(2, model.weights)
    assert replaced.capture()["left"] == {}
    end.restore(kept)
    end.forget_left()
    assert end.capture()["left"] == {}


def test_what_one_difference_leaves_out_goes_with_the_next() -> None:
    wanted = {"b": torch.randn(64, 32, generator=torch.Generator().manual_seed(7))}
    arrived, left = torch.zeros(64, 32), {}

    for number in range(40):
        sent, left = differences.encode(wanted if not number else {"b": torch.zeros(64, 32)}, left)
        arrived += sent["b"].tensor()
        if not number:
            first = (arrived - wanted["b"]).abs().max()

    assert (arrived - wanted["b"]).abs().max() < first / 50


def a_difference(path: Path) -> bytes:
    """The bytes of a good difference of epoch 2."""
    tensors = {
        name: Rounded(torch.full(shape, -127, dtype=torch.int8), 0.5) for name, shape in SHAPES.items()
    }
    differences.write(path, Difference(2, BEFORE, tensors))
    return path.read_bytes()


def with_scale(content: bytes, scale: float) -> bytes:
    return content[:_HEAD_BYTES] + struct.pack("<f", scale) + content[_HEAD_BYTES + 4 :]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content[:-1], DifferenceMalformed()),
        (lambda content: content + b"\0", DifferenceMalformed()),
        (lambda content: b"", DifferenceMalformed()),
        (lambda content: b"PK\x03\x04" + content[4:], DifferenceMalformed()),
        (lambda content: content[:8] + b"\x03" + content[9:], DifferenceOfAnotherAverage()),
        (lambda content: content[:12] + b"\x08" + content[13:], DifferenceOfAnotherAverage()),
        *(
            (lambda content, scale=scale: with_scale(content, scale), DifferenceOutOfBounds("b"))
            for scale in (float("nan"), float("inf"), -0.5, 0.0, 1e30, 0.8)
        ),
        (lambda content: content[:-1] + b"\x80", DifferenceOutOfBounds(EMBEDDING_NAME)),
    ],
)
def test_what_is_no_difference_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], reason: Reason
) -> None:
    path = tmp_path / "checkpoint.pt"
    content = a_difference(path)
    assert differences.read(path, 2, BEFORE, SHAPES).tensors["b"].tensor().tolist() == [-63.5] * 5

    path.write_bytes(change(content))

    with pytest.raises(JobError) as raised:
        differences.read(path, 2, BEFORE, SHAPES)
    assert raised.value.reason == reason


class Home:
    """Two members' hand-overs of the second epoch, beside the average of the first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.shapes = tensor_shapes(open_model(DEVNET_SMALL).shape(300))
        self.base = {name: torch.zeros(shape) for name, shape in self.shapes.items()}
        (root / "a" / "averages").mkdir(parents=True)
        (root / "b").mkdir()
        for part in "ab":
            self.hand_over_in_full(part, 1, 0.0)
        self.average(1)

    def hand_over(self, part: str, by: float) -> None:
        tensors = {
            name: differences.rounded(torch.full(shape, by))
            for name, shape in self.shapes.items()
            if name != HEAD_NAME
        }
        content = Difference(2, differences.digest(self.base), tensors)
        differences.write(self.root / part / "checkpoint.pt", content)

    def hand_over_in_full(self, part: str, epoch: int, number: float) -> None:
        weights = {name: torch.full(shape, number) for name, shape in self.shapes.items()}
        save_result(self.root / part / "checkpoint.pt", epoch, weights, 1.0, "0" * 64)

    def average(self, epoch: int) -> tuple[int, ...]:
        request = AverageRequest("a", ("a", "b"), epoch, DEVNET_SMALL, 300, averaging="int8")
        return average(request, self.root).differences


def test_who_does_not_hold_the_last_average_hands_over_in_full(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.hand_over("a", 0.5)
    home.hand_over_in_full("b", 2, 0.25)

    assert home.average(2) == (1,)

    made = torch.load(tmp_path / "a" / "averages" / "epoch-000002.pt", weights_only=True)["weights"]
    assert made[HEAD_NAME].unique().tolist() == pytest.approx([0.375])
    assert mean_weights([tmp_path / "b" / "checkpoint.pt"], 2, home.shapes).keys() == made.keys()


@pytest.mark.parametrize("number", [101.0, -3e38])
def test_one_that_is_too_far_away_is_unfit(tmp_path: Path, number: float) -> None:
    home = Home(tmp_path)
    home.hand_over("a", 0.5)
    home.hand_over_in_full("b", 2, number)

    with pytest.raises(TrainingError) as raised:
        home.average(2)

    assert isinstance(raised.value.reason, PartUnfit)
    assert raised.value.reason.part == 2


def test_an_average_that_is_made_again_is_the_same_to_the_byte(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.hand_over("a", 0.3)
    home.hand_over("b", 0.1)
    names = ("epoch-000002.int8", "epoch-000002.left")
    contents = []
    for _try in range(2):
        home.average(2)
        contents.append([(tmp_path / "a" / "averages" / name).read_bytes() for name in names])
    assert contents[0] == contents[1]
