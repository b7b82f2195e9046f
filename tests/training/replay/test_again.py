"""A training by rule, and what its verifier sees when it trains a part of it again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file

from emeth_tui.errors import JobError
from emeth_tui.model import JobId
from emeth_tui.network.verification.judging import MOST_ASTRAY, check_own_work, check_replay
from emeth_tui.network.verification.torch_tasks import replay as replay_task
from emeth_tui.notices.reasons.network import verification as why
from emeth_tui.protocol.replay import (
    COMMITMENT_NAME,
    Commitment,
    kept_epochs,
    read_commitment,
    segment_of,
    state_name,
)
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.checkpoint import load_result
from emeth_tui.training.replay.again import Again
from emeth_tui.training.replay.keeping import RECORDS_NAME, StateKeeper, kind_of
from emeth_tui.training.replay.states import digest_of, read_state
from emeth_tui.training.reports import STATES_DIRECTORY, BackToBest, EpochDone, Paused, TrainRequest
from emeth_tui.training.verification.measures import Replayed
from tests.training.jobs import Observed, Run, dataset_of, directory_of, make_request, was_stopped
from tests.training.pretrained import save_small_gpt2
from tests.training.texts import english

EPOCHS = 4
SEGMENTS = [segment_of(epoch, EPOCHS) for epoch in range(1, EPOCHS + 1)]


@dataclass
class Trained:
    """A training by rule that is done, and its verifier's view of it."""

    request: TrainRequest
    cache: Path

    @property
    def states(self) -> Path:
        return directory_of(self.request) / STATES_DIRECTORY

    @property
    def result(self) -> Path:
        return directory_of(self.request) / "checkpoint.pt"

    @property
    def text(self) -> str:
        return (self.states / COMMITMENT_NAME).read_text("utf-8")

    @property
    def commitment(self) -> Commitment:
        return read_commitment(self.text, self.request.epochs)

    @property
    def paths(self) -> dict[int, Path]:
        return {epoch: self.states / state_name(epoch) for epoch in kept_epochs(self.request.epochs)}

    def again(self, commitment: Commitment | None = None) -> Again:
        return Again(
            self.request.model,
            self.request.language,
            dataset_of(self.request),
            self.cache,
            self.request.seed,
            commitment or self.commitment,
        )


def train(directory: Path, **changes: Any) -> Trained:
    request = make_request(directory, **{"epochs": EPOCHS, "replay": True, "batch_size": None, **changes})
    Run().go(request)
    return Trained(request, directory / "verifier")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("by-rule"))


@pytest.fixture(scope="module")
def fine_tuned(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A pretrained model's training that went back to its best weights."""
    model = tmp_path_factory.mktemp("small-gpt2")
    save_small_gpt2(model)
    return train(tmp_path_factory.mktemp("tuned"), model=str(model), epochs=EPOCHS, learning_rate=1.0)


@pytest.mark.slow
def test_every_epoch_trained_again_gives_the_same_bits(trained: Trained) -> None:
    again = trained.again()

    again.check_records()
    again.check_result(load_result(trained.result, again.shapes).state_dict, None)
    outcomes = [again.train(first, last, trained.paths) for first, last in SEGMENTS]

    assert all(outcome.equal and outcome.share == 0.0 for outcome in outcomes)
    check_replay(outcomes, trained.commitment, again.own_kind())


def test_batch_and_rate_are_not_the_nodes_to_choose(trained: Trained, tmp_path: Path) -> None:
    other = train(tmp_path, batch_size=1, learning_rate=1.0)

    assert other.text == trained.text


def test_a_result_without_the_rule_commits_to_nothing(tmp_path: Path) -> None:
    request = make_request(tmp_path, epochs=1)
    Run().go(request)

    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)

    assert set(content) == {"epoch", "model_state_dict", "loss", "hash"}
    assert not (tmp_path / STATES_DIRECTORY).exists()


def test_a_training_that_was_stopped_commits_to_the_same(trained: Trained, tmp_path: Path) -> None:
    request = make_request(tmp_path, epochs=EPOCHS, replay=True, batch_size=None)

    def stop_after_one(event: Any, control: Any) -> None:
        if isinstance(event, EpochDone) and event.epoch == 1:
            control.stop()

    first = Run(stop_after_one)
    first.go(request)
    Run().go(request)

    assert was_stopped(first)
    assert Trained(request, tmp_path).text == trained.text


def test_a_training_that_frees_its_memory_in_a_pause_commits_to_the_same(
    trained: Trained, tmp_path: Path
) -> None:
    def pause_after_one(event: Any, control: Any) -> None:
        if isinstance(event, EpochDone) and event.epoch == 1:
            control.pause()

    request = make_request(tmp_path, epochs=EPOCHS, replay=True, batch_size=None, release_on_pause=True)
    run = Run(pause_after_one)
    run.control = Observed()

    run.go(request)

    assert run.of_type(Paused)
    assert Trained(request, tmp_path).text == trained.text


@pytest.mark.slow
def test_a_training_whose_states_are_gone_begins_anew(trained: Trained, tmp_path: Path) -> None:
    request = make_request(tmp_path, epochs=EPOCHS, replay=True, batch_size=None)

    def stop_after_one(event: Any, control: Any) -> None:
        if isinstance(event, EpochDone) and event.epoch == 1:
            control.stop()

    Run(stop_after_one).go(request)
    (tmp_path / STATES_DIRECTORY / state_name(1)).unlink()
    second = Run()
    second.go(request)

    assert [event.epoch for event in second.of_type(EpochDone)] == list(range(1, EPOCHS + 1))
    assert Trained(request, tmp_path).text == trained.text


def test_records_that_cannot_be_read_now_begin_nothing_anew(tmp_path: Path) -> None:
    records = tmp_path / RECORDS_NAME
    records.symlink_to(records.name)  # as hard to open as with a disk that fails

    with pytest.raises(OSError, match="symbolic links"):
        StateKeeper(tmp_path, EPOCHS, kind_of(open_device("cpu")))


@pytest.mark.slow
def test_going_back_to_the_best_weights_is_a_part_of_the_rule(tmp_path: Path) -> None:
    model = tmp_path / "model"
    save_small_gpt2(model)
    request = make_request(
        tmp_path / "job",
        epochs=12,
        replay=True,
        batch_size=None,
        model=str(model),
        text="a b. " * 60 + "q!" * 9,
    )
    run = Run()
    run.go(request)
    job = Trained(request, tmp_path / "verifier")
    again = job.again()

    again.check_records()
    again.check_result(load_result(job.result, again.shapes).state_dict, job.paths[12])
    segments = sorted({segment_of(epoch, 12) for epoch in range(1, 13)})
    outcomes = [again.train(first, last, job.paths) for first, last in segments]

    assert run.of_type(BackToBest)
    assert all(outcome.equal for outcome in outcomes)


# ---- dishonest nodes


def skipping(job: Trained, directory: Path, after: int) -> tuple[Commitment, dict[int, Path]]:
    """Claim the epochs after one that were not trained: their states are that one's."""
    records = list(job.commitment.records)
    paths = dict(job.paths)
    for epoch in range(after + 1, EPOCHS + 1):
        records[epoch] = msgspec.structs.replace(
            records[epoch], weights=records[after].weights, optimiser=records[after].optimiser
        )
        paths[epoch] = paths[after]
    return Commitment(b"", 0, tuple(records)), paths


@pytest.mark.slow
def test_epochs_that_were_skipped_are_found_wherever_they_are_drawn(trained: Trained, tmp_path: Path) -> None:
    commitment, paths = skipping(trained, tmp_path, after=2)
    again = trained.again(commitment)

    for first, last in SEGMENTS:
        if last <= 2:
            check_replay([again.train(first, last, paths)], commitment, again.own_kind())
        else:
            with pytest.raises(JobError) as refused:
                check_replay([again.train(first, last, paths)], commitment, again.own_kind())
            assert isinstance(refused.value.reason, (why.EpochsNotEqual, why.LossDiffers))


def test_claiming_another_device_does_not_hide_what_was_skipped(trained: Trained, tmp_path: Path) -> None:
    commitment, paths = skipping(trained, tmp_path, after=2)
    other = msgspec.structs.replace(commitment.records[0].kind, device="another", precision="bfloat16")
    records = tuple(msgspec.structs.replace(record, kind=other) for record in commitment.records)
    commitment = Commitment(b"", 0, records)
    again = trained.again(commitment)

    for first, last in SEGMENTS[2:]:
        with pytest.raises(JobError) as refused:
            check_replay([again.train(first, last, paths)], commitment, again.own_kind())
        assert isinstance(refused.value.reason, (why.EpochsDiffer, why.LossDiffers))


@pytest.mark.slow
def test_an_honest_node_on_another_device_is_within_the_tolerance(trained: Trained) -> None:
    other = msgspec.structs.replace(trained.commitment.records[0].kind, device="another", threads=2)
    records = tuple(msgspec.structs.replace(record, kind=other) for record in trained.commitment.records)
    commitment = Commitment(b"", 0, records)
    again = trained.again(commitment)

    outcome = again.train(2, 3, trained.paths)

    assert not outcome.equal or outcome.share == 0.0
    check_replay([outcome], commitment, again.own_kind())


@pytest.fixture(scope="module")
def another_jobs(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A job's training whose epochs have several steps, so that their order counts."""
    return train(tmp_path_factory.mktemp("another"), seed=5, text=english(12_000))


def taken_over(job: Trained, other: Trained) -> Commitment:
    """Claim another job's states, all but the start, as one's own from a device with the widest limits."""
    kind = msgspec.structs.replace(job.commitment.records[0].kind, device="another", precision="bfloat16")
    records = (job.commitment.records[0], *other.commitment.records[1:])
    return Commitment(
        other.commitment.root, 0, tuple(msgspec.structs.replace(record, kind=kind) for record in records)
    )


@pytest.mark.slow
def test_another_jobs_states_were_not_trained_in_this_jobs_order(
    another_jobs: Trained, tmp_path: Path
) -> None:
    job = train(tmp_path, text=english(12_000))
    commitment = taken_over(job, another_jobs)
    again = job.again(commitment)

    for first, last in SEGMENTS:
        outcome = again.train(first, last, another_jobs.paths)
        assert outcome.astray > 4 * MOST_ASTRAY
        alone = replace(outcome, share=0.0, moments=0.0)
        with pytest.raises(JobError) as refused:
            check_replay([alone], commitment, again.own_kind())
        assert isinstance(refused.value.reason, why.OrderNotOwn)


@pytest.mark.slow
def test_an_honest_node_in_another_precision_trained_in_its_order(trained: Trained, tmp_path: Path) -> None:
    in_bf16 = replace(open_device("cpu"), compute_dtype=torch.bfloat16)
    request = make_request(tmp_path, epochs=EPOCHS, replay=True, batch_size=None, text=english(12_000))
    Run().go(request, in_bf16)
    job = Trained(request, tmp_path / "verifier")
    again = job.again()

    outcomes = [again.train(first, last, job.paths) for first, last in SEGMENTS]

    check_replay(outcomes, job.commitment, again.own_kind())
    assert not any(outcome.equal for outcome in outcomes)
    assert max(abs(outcome.astray) for outcome in outcomes) < MOST_ASTRAY / 4


def test_a_result_that_another_job_was_paid_for_is_not_a_nodes_own(trained: Trained, tmp_path: Path) -> None:
    def share_after(earlier: list[str], sketch: str) -> float:
        answer = replay_task(
            model=trained.request.model,
            language=trained.request.language,
            dataset=str(dataset_of(trained.request)),
            result=str(trained.result),
            job_id=JobId(f"0x{trained.request.seed:032x}"),
            segments=[],
            states={},
            earlier=earlier,
            sketch_path=sketch,
            secret="s",
        )
        return float(answer["own_share"])

    first, second = str(tmp_path / "1.npy"), str(tmp_path / "2.npy")

    check_own_work(share_after([], first), pretrained=False)
    with pytest.raises(JobError) as refused:
        check_own_work(share_after([first], second), pretrained=False)
    assert isinstance(refused.value.reason, why.NotOwnWork)


def forged(job: Trained, directory: Path, first: float, second: float) -> tuple[Commitment, dict[int, Path]]:
    """Claim an epoch after 1 through which the optimiser, by its moments, holds the weights still."""
    records, paths = list(job.commitment.records), {1: directory / "state-1", 2: directory / "state-2"}
    other = msgspec.structs.replace(records[0].kind, device="another")
    tensors = load_file(job.paths[1])
    for number in (1, 2):
        for name, tensor in tensors.items():
            if name.startswith(("first/", "second/")):
                tensor.fill_(first if name.startswith("first/") else second)
            elif number == 2 and tensor.ndim >= 2:
                tensor.mul_(0.99999)  # as weight decay does
        save_file(tensors, paths[number])
        moments = {name: tensor for name, tensor in tensors.items() if not name.startswith("weights/")}
        weights = read_state(paths[number], job.again().shapes)["weights"]
        records[number] = msgspec.structs.replace(
            records[number],
            weights=digest_of(weights),
            optimiser=digest_of(moments),
            valid_loss=records[1].valid_loss,
        )
    records = [msgspec.structs.replace(record, kind=other) for record in records]
    return Commitment(b"", 0, tuple(records)), paths


def test_moments_that_no_gradients_leave_are_refused(trained: Trained, tmp_path: Path) -> None:
    for first, second in ((0.0, 1e20), (1.0, 0.0), (0.0, -1e-9)):
        commitment, paths = forged(trained, tmp_path, first, second)

        with pytest.raises(JobError) as refused:
            trained.again(commitment).train(1, 2, paths)
        assert refused.value.reason == why.StateInvalid()


def test_moments_that_no_training_led_to_are_refused_at_a_segments_end(
    trained: Trained, tmp_path: Path
) -> None:
    commitment, _ = forged(trained, tmp_path, 0.0, 1e-12)
    records = (*trained.commitment.records[:1], *commitment.records[1:])
    other = msgspec.structs.replace(records[0].kind, device="another")
    records = tuple(msgspec.structs.replace(record, kind=other) for record in records)
    again = trained.again(Commitment(b"", 0, records))

    outcome = again.train(0, 1, {1: tmp_path / "state-1"})

    assert outcome.share == 0.0
    with pytest.raises(JobError) as refused:
        check_replay([outcome], Commitment(b"", 0, records), again.own_kind())
    assert isinstance(refused.value.reason, why.MomentsDiffer)


def test_a_node_that_went_on_with_other_threads_is_judged_by_the_tolerance(trained: Trained) -> None:
    records = list(trained.commitment.records)
    more = msgspec.structs.replace(records[3].kind, threads=records[3].kind.threads + 1)
    records[3] = msgspec.structs.replace(records[3], kind=more, weights="ab" * 32)
    commitment = Commitment(b"", 0, tuple(records))
    own = msgspec.structs.replace(more, threads=256)

    check_replay([Replayed(2, 3, False, 0.002, 0.002)], commitment, own)
    for share, moments in ((0.1, 0.0), (0.0, 0.1)):
        with pytest.raises(JobError):
            check_replay([Replayed(2, 3, False, share, moments)], commitment, own)


def test_a_node_of_many_threads_makes_its_verifier_start_no_more_than_it_has_cores(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = trained.commitment.records
    many = msgspec.structs.replace(records[0].kind, threads=256)
    commitment = Commitment(b"", 0, tuple(msgspec.structs.replace(one, kind=many) for one in records))
    counts: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", counts.append)

    trained.again(commitment).train(2, 3, trained.paths)

    assert max(counts) <= (os.cpu_count() or 1)


def test_a_state_that_was_not_committed_to_is_refused(trained: Trained) -> None:
    paths = {**trained.paths, 2: trained.paths[3]}

    with pytest.raises(JobError) as refused:
        trained.again().train(2, 3, paths)
    assert refused.value.reason == why.StateNotCommitted(2)


def test_a_result_of_other_weights_is_refused(trained: Trained) -> None:
    again = trained.again()
    weights = load_result(trained.result, again.shapes).state_dict
    weights = {name: tensor * 1.0001 for name, tensor in weights.items()}

    with pytest.raises(JobError) as refused:
        again.check_result(weights, None)
    assert refused.value.reason == why.ResultNotCommitted()


@pytest.mark.parametrize(
    ("epoch", "changes"),
    [
        (0, {"steps": 1}),
        (0, {"valid_loss": 1.0}),
        (3, {"valid_loss": None}),
        (3, {"steps": 0}),
        (0, {"weights": "ab" * 32}),
    ],
)
def test_records_that_do_not_follow_are_refused(
    trained: Trained, epoch: int, changes: dict[str, Any]
) -> None:
    records = list(trained.commitment.records)
    records[epoch] = msgspec.structs.replace(records[epoch], **changes)

    with pytest.raises(JobError):
        trained.again(Commitment(b"", 0, tuple(records))).check_records()


@pytest.mark.parametrize("field", ["rate_share", "epoch", "waited", "loss", "went_back_after"])
def test_a_pretrained_models_course_cannot_be_bent(fine_tuned: Trained, field: str) -> None:
    records = list(fine_tuned.commitment.records)
    best = records[3].best
    assert best is not None
    bent = msgspec.structs.replace(best, **{field: getattr(best, field) * 0.5 + 1})
    records[3] = msgspec.structs.replace(records[3], best=bent)

    fine_tuned.again().check_records()
    with pytest.raises(JobError) as refused:
        fine_tuned.again(Commitment(b"", 0, tuple(records))).check_records()
    assert isinstance(refused.value.reason, why.CourseInvalid)


# ---- hostile files


def change_header(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :])


def make_huge(header: dict[str, Any]) -> None:
    header[sorted(header)[0]]["shape"] = [1 << 40, 1 << 20]


def spoil_nothing(path: Path) -> None:
    tensors = load_file(path)
    tensors[sorted(tensors)[0]][0] = float("nan")
    save_file(tensors, path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff" * 100),
        lambda path: path.write_bytes(path.read_bytes()[:-4]),
        lambda path: path.write_bytes(path.read_bytes() + bytes(1_000)),
        lambda path: path.write_bytes((900_000).to_bytes(8, "little") + b"[" * 900_000),
        lambda path: change_header(path, make_huge),
        lambda path: change_header(path, lambda header: header.popitem()),
        lambda path: change_header(path, lambda header: header.update({"weights/more": {"dtype": "F32"}})),
        lambda path: torch.save({"weights": torch.zeros(1)}, path),
        spoil_nothing,
    ],
    ids=["empty", "rubbish", "short", "long", "nested", "huge", "missing", "more", "pickle", "not a number"],
)
def test_a_hostile_state_is_refused(
    trained: Trained, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    path = tmp_path / "state"
    path.write_bytes(trained.paths[2].read_bytes())
    shapes = trained.again().shapes
    assert digest_of(read_state(path, shapes)["weights"]) == trained.commitment.records[2].weights

    spoil(path)

    with pytest.raises(JobError) as refused:
        read_state(path, shapes)
    assert refused.value.reason == why.StateInvalid()
