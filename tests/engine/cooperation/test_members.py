"""Members that fail, lie or go on for long: a part goes to another worker, and the job to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from emeth_tui.backoff import Backoff
from emeth_tui.engine.cooperation import cooperation
from emeth_tui.engine.cooperation.averages import Averages, Facts
from emeth_tui.engine.cooperation.cooperation import Cooperation
from emeth_tui.engine.cooperation.part import Exchange
from emeth_tui.engine.hosts.far_places import FarPlaces
from emeth_tui.engine.leases import WorkerLeases, first
from emeth_tui.errors import DatasetError, DiskFull, TrainingError, WorkerError
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events.job import MemberLost, MemberReplaced
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.training.data import DatasetEmpty
from emeth_tui.notices.reasons.training.result import ResultNotTorch
from emeth_tui.notices.reasons.training.run import PartUnfit
from emeth_tui.settings.sections import TrainingSettings
from emeth_tui.store.jobs import AverageRecord
from emeth_tui.training.reports import (
    AverageRequest,
    PartTrained,
    PartValidated,
    Prepared,
    Trained,
    TrainRequest,
)
from emeth_tui.workers.job_files import LocalJobFiles
from emeth_tui.workers.messages import EpochCounts, TakeAverage
from emeth_tui.workers.supervisor import TrainedResult
from tests.engine.hosts.test_failing_host import Ready, Refusing
from tests.factories import make_job

DIGEST = "d" * 64
WAIT_S = 60.0


class Member:
    """A worker that trains at once; `misbehaves` may raise, or hand over or say what is wrong."""

    def __init__(self, jobs_dir: Path, index: int, misbehaves: Callable[[Member, int], object]) -> None:
        self.device, self.kind, self.host, self.usable = f"cuda:{index}", "gpu", "", True
        self.draining, self.busy = False, False
        self.requests: list[TrainRequest] = []
        self.says = 0  # so many epochs more than it has trained
        self.hands_over = "good"
        self.leaves = False
        self.jobs_dir = jobs_dir
        self._misbehaves = misbehaves
        self._told: asyncio.Queue[object] = asyncio.Queue()

    def tell(self, message: object) -> None:
        self._told.put_nowait(message)

    async def train(
        self, request: TrainRequest, *, hash_for: Any, on_message: Callable[[object], None], shown_as: str
    ) -> TrainedResult:
        self._told = asyncio.Queue()
        self.requests.append(request)
        directory = self.jobs_dir / request.directory
        names = sorted(path.name for path in (directory / "checkpoints").glob("*.pt"))
        checkpoints = [int(name.split("-")[1]) for name in names]
        on_message(Prepared(DIGEST, 100, 10, max(checkpoints, default=0), 0))
        if checkpoints and names[-1].endswith("block-000000000.pt"):  # an average that may not count yet
            await self._validate(max(checkpoints), on_message)
        for epoch in range(max(checkpoints, default=0) + 1, request.epochs + 1):
            self._misbehaves(self, epoch)
            if self.leaves:
                return TrainedResult("", 0, request.epochs, 2.0)
            if self.hands_over:
                (directory / "checkpoint.pt").write_text(f"{self.hands_over} {epoch}")
            waiting = asyncio.create_task(self._wait_for(TakeAverage(epoch)))
            try:
                while not waiting.done():
                    on_message(PartTrained(epoch + self.says, 3.0, 100, 512))
                    await asyncio.wait([waiting], timeout=0.02)
            finally:
                waiting.cancel()
            await self._validate(epoch, on_message)
        if request.part == 1:
            on_message(Trained(request.epochs, 2.0))
            (directory / "checkpoint.pt").write_text(hash_for(DIGEST, request.epochs))
        return TrainedResult("checkpoint.pt", 1, request.epochs, 2.0)

    async def _validate(self, epoch: int, on_message: Callable[[object], None]) -> None:
        on_message(PartValidated(epoch, 2.0))
        await self._wait_for(EpochCounts(epoch, 2.0))

    async def _wait_for(self, message: object) -> None:
        while await self._told.get() != message:
            pass


class House:
    """A node with two members, and an average that is made of what is good alone."""

    def __init__(self, tmp_path: Path, misbehaves: Callable[[Member, int], object], **changes: Any) -> None:
        self.job = make_job(**{"state": JobState.TRAINING, "epochs": 3, "parts": 2, **changes})
        files = LocalJobFiles(tmp_path / "jobs")
        files.directory(self.job.job_id).mkdir()
        (files.directory(self.job.job_id) / "dataset.txt").write_text("text")
        ill = [lambda member, epoch: None, misbehaves]
        self.members = [Member(files.root, index, ill[index]) for index in range(2)]
        self.published: list[Any] = []
        self.averages: list[AverageRequest] = []
        self.epochs: list[int] = []
        self.measured_s: list[float] = []
        self.took: list[AverageRecord] = []
        nothing = SimpleNamespace(
            choose=lambda job: first,
            averaged=lambda job, seconds: self.measured_s.append(seconds),
            **dict.fromkeys(("training", "heard", "left_training"), lambda *told: None),
        )
        workers: Any = self.members
        self.context: Any = SimpleNamespace(
            book=self,
            store=SimpleNamespace(
                jobs=SimpleNamespace(
                    epochs=lambda job_id: [],
                    add_average=lambda job_id, record: self.took.append(record),
                    add_epoch=lambda job_id, record: self.epochs.append(record.epoch),
                )
            ),
            events=SimpleNamespace(publish=lambda body, job_id: self.published.append(body)),
            leases=WorkerLeases(workers),
            forecasts=nothing,
            far=FarPlaces(),
            disk=SimpleNamespace(files=files),
            settings=SimpleNamespace(
                state_dir=tmp_path,
                training=TrainingSettings(checkpoint_gb_a_day=1.0),
            ),
            network=SimpleNamespace(verification="chain", verification_key=SecretStr("key")),
        )

    def get(self, _job_id: str) -> Job:
        return self.job

    def update(self, _job_id: str, **changes: Any) -> Job:
        self.job = replace(self.job, **changes)
        return self.job

    def advance(self, job_id: str, state: JobState, **changes: Any) -> Job:
        return self.update(job_id, state=state, **changes)

    async def average(self, _log_dir: Path, jobs_dir: Path, request: AverageRequest) -> tuple[int, ...]:
        self.averages.append(request)
        averages = jobs_dir / request.directory / "averages"
        averages.mkdir(exist_ok=True)
        for number, member in enumerate(request.members, start=1):
            if (jobs_dir / member / "checkpoint.pt").read_text() != f"good {request.epoch}":
                raise TrainingError(PartUnfit(number, ResultNotTorch()))
        name = f"epoch-{request.epoch:06d}"
        (averages / f"{name}.pt").write_text("average")
        for member in request.members:
            (jobs_dir / member / "checkpoints").mkdir(exist_ok=True)
            (jobs_dir / member / "checkpoints" / f"{name}-block-{0:09d}.pt").write_text("average")
            (jobs_dir / member / "average.int8").write_text("difference")
        return (2,) if request.averaging == "int8" else ()

    async def train(self) -> None:
        resumed = asyncio.Event()
        resumed.set()
        await asyncio.wait_for(Cooperation(self.context, self.job, resumed).run(), WAIT_S)

    def of(self, kind: type) -> list[Any]:
        return [body for body in self.published if isinstance(body, kind)]


@pytest.fixture
def make_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., House]:
    def make(
        misbehaves: Callable[[Member, int], object] = lambda member, epoch: None, **changes: Any
    ) -> House:
        house = House(tmp_path, misbehaves, **changes)
        monkeypatch.setattr(cooperation, "average", house.average)
        monkeypatch.setattr(cooperation, "AFTER_LOSS", Backoff(0.0, 0.0), raising=False)
        return house

    return make


def hands_over_rubbish(member: Member, epoch: int) -> None:
    member.hands_over = "rubbish" if epoch == 2 else "good"


def hands_over_nothing(member: Member, epoch: int) -> None:
    if epoch == 2:
        member.hands_over = ""
        for path in member.jobs_dir.glob("*/checkpoint.pt"):
            if path.parent.name == member.requests[-1].directory:
                path.unlink(missing_ok=True)


def is_ahead(member: Member, epoch: int) -> None:
    member.says = 1 if epoch == 2 else 0


def is_behind(member: Member, epoch: int) -> None:
    member.says = -2 if epoch == 3 else 0


def leaves_early(member: Member, epoch: int) -> None:
    member.leaves = epoch == 2


def cannot_learn(_member: Member, epoch: int) -> None:
    if epoch == 2:
        raise DatasetError(DatasetEmpty(0))


def has_no_disk(member: Member, epoch: int) -> None:
    member.host = "b"
    if epoch == 2:
        raise DiskFull(Foreign("full"))


def dies(_member: Member, epoch: int) -> None:
    if epoch == 2:
        raise WorkerError(Foreign("dead"))


@pytest.mark.parametrize(
    "misbehaves",
    [
        hands_over_rubbish,
        hands_over_nothing,
        is_ahead,
        is_behind,
        leaves_early,
        cannot_learn,
        has_no_disk,
        dies,
    ],
)
async def test_what_a_member_does_wrong_costs_its_part_alone(
    make_house: Callable[..., House], misbehaves: Callable[[Member, int], object]
) -> None:
    house = make_house(misbehaves)

    await house.train()

    (lost,) = house.of(MemberLost)
    assert (lost.part, lost.parts, lost.device) == (2, 2, "cuda:1")
    assert house.job.state is JobState.UPLOADING
    assert house.epochs == [1, 2, 3]
    assert 2 in {request.part for request in house.members[0].requests}  # it took that part


@pytest.mark.parametrize(("what", "member", "epochs"), [("dataset", 1, 0), ("result", 0, 3)])
async def test_a_member_whose_host_says_that_a_file_is_missing_costs_its_part_alone(
    make_house: Callable[..., House], what: str, member: int, epochs: int
) -> None:
    house = make_house()
    house.members[member].host = "b"
    connection = Refusing(what, lambda: len(house.epochs) >= epochs)
    worker: Any = house.members[member]
    house.context.far.add(worker, connection.files(house.context.disk.files), Ready())

    await house.train()

    lost = house.of(MemberLost)
    assert {each.device for each in lost} == {f"cuda:{member}"}
    assert len(lost) == connection.refused > 0
    assert house.job.state is JobState.UPLOADING


async def test_whose_weights_are_unfit_trains_nothing_more_while_there_is_another(
    make_house: Callable[..., House],
) -> None:
    house = make_house(hands_over_rubbish, epochs=5)
    checkpoints = house.context.disk.files.directory(house.job.part_ids[1]) / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "epoch-000000-block-000000003.pt").write_text("what nobody is to go on from")

    await house.train()

    assert house.job.state is JobState.UPLOADING
    assert len(house.members[1].requests) == 1
    assert not (checkpoints / "epoch-000000-block-000000003.pt").exists()


async def test_a_member_may_fail_in_every_epoch_of_a_long_training(
    make_house: Callable[..., House],
) -> None:
    failed: set[int] = set()

    def fails_once(_member: Member, epoch: int) -> None:
        if epoch not in failed:
            failed.add(epoch)
            raise WorkerError(Foreign("dead"))

    house = make_house(fails_once, epochs=12)
    house.members[0]._misbehaves = fails_once

    await house.train()

    assert house.job.state is JobState.UPLOADING
    assert len(house.of(MemberLost)) == 12


async def test_five_losses_without_an_average_in_between_are_the_jobs_end(
    make_house: Callable[..., House],
) -> None:
    house = make_house(dies)
    house.members[0]._misbehaves = dies

    with pytest.raises(WorkerError, match="dead"):
        await house.train()


async def test_who_makes_room_for_another_part_is_not_replaced(make_house: Callable[..., House]) -> None:
    house = make_house()
    house.members[1].usable = False

    await house.train()

    assert house.job.state is JobState.UPLOADING
    assert {request.part for request in house.members[0].requests} == {1, 2}
    assert house.of(MemberReplaced) == []


async def test_after_a_new_start_the_best_weights_are_judged_by_the_start_that_was_measured(
    make_house: Callable[..., House],
) -> None:
    house = make_house(model="gpt2-medium", start_loss=4.0)

    await house.train()

    assert [request.best.start_loss if request.best else None for request in house.averages] == [4.0] * 3


async def test_what_an_older_database_does_not_know_is_known_beside_the_average(
    make_house: Callable[..., House],
) -> None:
    house = make_house(model="gpt2-medium", start_loss=4.0, epochs_done=1, dataset_digest=DIGEST)
    files = house.context.disk.files
    averages = files.directory(house.job.job_id) / "averages"
    averages.mkdir()
    (averages / "epoch-000002.pt").write_text("average")
    (averages / "epoch-000002.json").write_text('{"train_loss": 3.0, "seconds": 1.0, "valid_loss": 2.5}')
    for part in house.job.part_ids:
        checkpoints = files.directory(part) / "checkpoints"
        checkpoints.mkdir(parents=True)
        (checkpoints / "epoch-000002-block-000000005.pt").write_text("its members have gone on")

    await house.train()

    assert house.job.state is JobState.UPLOADING
    assert house.epochs == [2, 3]


@pytest.mark.parametrize(("averaging", "received"), [("fp32", []), ("int8", [2, 2, 2])])
async def test_who_holds_the_last_average_receives_the_difference(
    make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch, averaging: str, received: list[int]
) -> None:
    house = make_house(averaging=averaging)
    parts = house.job.part_ids
    put: list[int] = []

    async def put_average(_files: LocalJobFiles, part: JobId) -> None:
        put.append(parts.index(part) + 1)

    monkeypatch.setattr(LocalJobFiles, "put_average", put_average)

    await house.train()

    assert {request.averaging for request in house.averages} == {averaging}
    assert {request.averaging for member in house.members for request in member.requests} == {averaging}
    assert put == received
    assert {record.epoch for record in house.took} == {1, 2, 3}


def test_an_average_that_is_deleted_takes_its_links_with_it(tmp_path: Path) -> None:
    part = tmp_path / "part"
    (part / "checkpoints").mkdir(parents=True)
    (tmp_path / "averages").mkdir()
    averages = Averages(tmp_path)
    for epoch in range(1, 5):
        path = tmp_path / "averages" / f"epoch-{epoch:06d}.pt"
        path.write_text("average")
        link = part / "checkpoints" / f"epoch-{epoch:06d}-block-{0:09d}.pt"
        link.write_text("saved by the member") if epoch == 2 else link.hardlink_to(path)
        averages.made(epoch, Facts(3.0, 1.0), {epoch - 1}, [part])

    kept = [int(path.name.split("-")[1]) for path in sorted((part / "checkpoints").iterdir())]
    assert kept == [2, 3, 4]


async def test_each_average_but_the_last_is_measured(make_house: Callable[..., House]) -> None:
    house = make_house(epochs=4)
    await house.train()
    assert len(house.measured_s) == 3


def test_an_average_takes_from_the_last_part_trained_until_the_last_member_has_it() -> None:
    now_s = 100.0
    exchange = Exchange(lambda: now_s)
    for part in (1, 2):
        now_s += 10
        exchange.trained(part)
    now_s += 5  # weights come home and are averaged
    exchange.handed_over(1, 30)
    exchange.handed_over(2, 20)
    assert exchange.averaged() is None
    for part in (2, 1):
        now_s += 3
        took = exchange.handed_out(part, part * 100, 7)
    assert took == AverageRecord(7, 5 + 6, 30, 200)
    now_s += 60
    exchange.handed_out(1, 100, 7)  # once more, to a process that was started anew
    assert exchange.averaged() == 5 + 6
    assert exchange.averaged() is None
