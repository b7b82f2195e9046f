"""When a job is shared out: never for little time, and with no more workers than save some."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.engine.cooperation.sharing import share_out, workers_wanted
from emeth_tui.engine.disk import DiskBudget, job_needs_bytes, shared_job_needs_bytes
from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.job import Job
from emeth_tui.model import Averaging, JobState
from emeth_tui.notices.events.job import SharedOut
from emeth_tui.workers.job_files import LocalJobFiles
from emeth_tui.workers.supervisor import Worker
from tests.engine.quick_worker import QuickWorker, Script
from tests.factories import make_job


class House:
    """A node's estimates and workers; each average of all members costs `averages_s` for each of them."""

    def __init__(
        self,
        tmp_path: Path,
        devices: int,
        averages_s: float,
        cooperative: str = "nvm",
        verification: str = "chain",
        limit_bytes: int = 10**9,
        averaging: str = "int8",
    ) -> None:
        workers: Any = [QuickWorker(index, f"cuda:{index}", Script()) for index in range(devices)]
        self.leases = WorkerLeases(workers)
        self.published: list[Any] = []
        self.files = LocalJobFiles(tmp_path / "jobs")
        self.reserved_bytes = job_needs_bytes(100_000, "devnet-small")
        self.context: Any = SimpleNamespace(
            settings=SimpleNamespace(training=SimpleNamespace(cooperative=cooperative, averaging=averaging)),
            network=SimpleNamespace(verification=verification),
            leases=self.leases,
            forecasts=SimpleNamespace(together=self._together, able=lambda workers, _task: list(workers)),
            book=SimpleNamespace(
                update=lambda _job_id, **changes: make_ready_job(**changes),
                open_jobs=lambda: [make_ready_job(reserved_bytes=self.reserved_bytes)],
            ),
            events=SimpleNamespace(publish=lambda body, job_id: self.published.append(body)),
            disk=DiskBudget(self.files, limit_bytes),
        )
        self._averages_s = averages_s

    def _together(self, _job: Job, workers: Sequence[Worker], _averaging: Averaging = "fp32") -> Duration:
        averages_s = self._averages_s * len(workers) if len(workers) > 1 else 0.0
        seconds = 3_600 / len(workers) + averages_s
        return Duration(seconds, seconds, seconds)


def make_ready_job(**changes: Any) -> Job:
    return make_job(**{"state": JobState.PREPARING, "dataset_bytes": 100_000, **changes})


@pytest.mark.parametrize(
    ("averages_s", "parts"),
    [(0.0, 4), (150.0, 3), (500.0, 2), (2_000.0, 1)],  # with 2 to 4: 2,100, 1,650, 1,500 s
)
def test_so_many_workers_share_a_job_as_save_time(tmp_path: Path, averages_s: float, parts: int) -> None:
    house = House(tmp_path, 4, averages_s)

    assert share_out(house.context, make_ready_job()).parts == parts

    if parts == 1:
        assert house.published == []
    else:
        (shared,) = house.published
        assert isinstance(shared, SharedOut)
        together_s = round(3_600 / parts + averages_s * parts)
        assert (shared.alone_s, shared.together_s) == (3_600, together_s)
        assert shared.devices == ", ".join(f"cuda:{index}" for index in range(parts))


@pytest.mark.parametrize(("more_bytes", "parts"), [(0, 3), (-1, 2)])
def test_a_job_is_shared_over_no_more_workers_than_the_disk_has_room_for(
    tmp_path: Path, more_bytes: int, parts: int
) -> None:
    limit_bytes = shared_job_needs_bytes(100_000, "devnet-small", 3) + more_bytes
    house = House(tmp_path, 4, 0.0, limit_bytes=limit_bytes)

    job = share_out(house.context, make_ready_job(reserved_bytes=house.reserved_bytes))

    assert job.parts == parts
    assert job.reserved_bytes == shared_job_needs_bytes(100_000, "devnet-small", parts)
    assert job.reserved_bytes > parts * house.reserved_bytes


@pytest.mark.parametrize(("host", "wanted"), [("", "int8"), ("b", "int8"), ("b", "fp32")])
def test_differences_are_for_members_on_other_machines(tmp_path: Path, host: str, wanted: str) -> None:
    house = House(tmp_path, 2, 0.0, averaging=wanted)
    house.leases.workers[1].host = host  # type: ignore[misc]

    job = share_out(house.context, make_ready_job())

    averaging: Averaging = "int8" if (host, wanted) == ("b", "int8") else "fp32"
    assert job.averaging == averaging
    assert job.reserved_bytes == shared_job_needs_bytes(100_000, "devnet-small", 2, averaging)


async def test_workers_with_a_job_of_their_own_are_left_alone(tmp_path: Path) -> None:
    house = House(tmp_path, 3, 0.0)
    other = make_job(job_id="0x" + "7e" * 16).job_id
    async with house.leases.lend(other):
        assert share_out(house.context, make_ready_job()).parts == 2


@pytest.mark.parametrize(
    "changes",
    [{"parts": 2}, {"state": JobState.TRAINING}, {"dataset_bytes": 3_000}],
)
def test_what_is_decided_or_begun_or_tiny_stays_as_it_is(tmp_path: Path, changes: dict[str, Any]) -> None:
    job = make_ready_job(**changes)
    assert share_out(House(tmp_path, 3, 0.0).context, job) is job


def test_nothing_is_shared_unless_the_owner_wants_it(tmp_path: Path) -> None:
    job = make_ready_job()
    for house in (
        House(tmp_path, 3, 0.0, cooperative="1v1"),
        House(tmp_path, 3, 0.0, verification="loss"),
    ):
        assert share_out(house.context, job) is job
        assert workers_wanted(house.context, job, 3) == 1


def test_a_checkpoint_of_one_worker_is_gone_on_from_by_one(tmp_path: Path) -> None:
    house, job = House(tmp_path, 3, 0.0), make_ready_job()
    directory = house.files.directory(job.job_id) / "checkpoints"
    directory.mkdir(parents=True)
    (directory / "epoch-000002-block-000000000.pt").touch()

    assert share_out(house.context, job) is job


def test_no_other_job_is_taken_for_workers_that_may_share_one(tmp_path: Path) -> None:
    house = House(tmp_path, 3, 0.0)
    wanted = {
        state: workers_wanted(house.context, make_ready_job(state=state, parts=parts), 3)
        for state, parts in [
            (JobState.CLAIMING, 1),
            (JobState.PREPARING, 2),
            (JobState.TRAINING, 2),
            (JobState.UPLOADING, 2),
        ]
    }
    assert list(wanted.values()) == [3, 2, 2, 1]
