"""The cache's budget: what is counted, what is refused, what is deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emeth_tui.engine.disk import MEASURE_EVERY_S, DiskBudget, DiskMeter, job_needs_bytes
from emeth_tui.errors import DiskFull
from emeth_tui.model import JobState
from emeth_tui.notices.reasons.disk import CacheFull, FileSystemFull
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job


def fill(budget: DiskBudget, job_id: str, name: str, size_bytes: int) -> None:
    path = budget.job_dir(make_job(job_id=job_id).job_id) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size_bytes)


@pytest.fixture
def budget(tmp_path: Path) -> DiskBudget:
    return DiskBudget(tmp_path / "jobs", limit_bytes=1_000_000)


def test_an_open_job_counts_with_what_it_may_still_fill(budget: DiskBudget) -> None:
    fill(budget, JOB_ID, "dataset.txt", 100)

    usage = budget.usage([make_job(reserved_bytes=400_000)])

    assert (usage.used_bytes, usage.committed_bytes) == (100, 400_000)
    assert usage.by_job == ((JOB_ID, 100),)


def test_a_job_over_its_reservation_counts_with_what_it_holds(budget: DiskBudget) -> None:
    fill(budget, JOB_ID, "checkpoint.pt", 300)

    assert budget.usage([make_job(reserved_bytes=0, state=JobState.SUBMITTED)]).committed_bytes == 300


def test_room_is_what_reservations_leave(budget: DiskBudget) -> None:
    open_jobs = [make_job(reserved_bytes=700_000)]

    assert budget.refusal(300_000, open_jobs) is None
    assert budget.refusal(300_001, open_jobs) == CacheFull(300_000, 1_000_000, 300_001)


def test_a_file_system_without_room_is_named(tmp_path: Path) -> None:
    budget = DiskBudget(tmp_path / "jobs", limit_bytes=10**18)

    refusal = budget.refusal(10**17, [])
    assert isinstance(refusal, FileSystemFull)
    assert (refusal.needed_bytes, refusal.directory) == (10**17, tmp_path / "jobs")


def test_deleting_takes_the_whole_job_and_nothing_else(budget: DiskBudget) -> None:
    fill(budget, JOB_ID, "tokens/train.bin", 10)
    fill(budget, OTHER_JOB_ID, "dataset.txt", 10)

    budget.delete(JOB_ID)
    budget.delete(JOB_ID)

    assert budget.usage([]).by_job == ((OTHER_JOB_ID, 10),)


def test_after_submitting_only_the_result_stays(budget: DiskBudget) -> None:
    for name in ("dataset.txt", "checkpoint.pt", "tokens/train.bin"):
        fill(budget, JOB_ID, name, 10)

    budget.keep_only(JOB_ID, ["checkpoint.pt"])

    assert [path.name for path in budget.job_dir(JOB_ID).rglob("*")] == ["checkpoint.pt"]


def test_what_ended_jobs_left_is_cleared_and_links_are_not_followed(
    budget: DiskBudget, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    fill(budget, JOB_ID, "dataset.txt", 10)
    fill(budget, "0x" + "55" * 16, "dataset.txt", 10)
    budget.job_dir(OTHER_JOB_ID).symlink_to(outside)

    budget.delete_ended(lambda job_id: job_id in {OTHER_JOB_ID, "0x" + "55" * 16})

    # What this node knows nothing of may be another node's work.
    assert budget.job_dir(JOB_ID).is_dir()
    assert [path.name for path in budget.job_dir(JOB_ID).parent.iterdir()] == [JOB_ID]
    assert (outside / "precious").exists()


def test_a_cache_that_cannot_be_made_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DiskFull, match="file"):
        DiskBudget(tmp_path / "file" / "jobs", limit_bytes=1)


def test_gpt2_medium_needs_its_checkpoints_reserved() -> None:
    # Weights and two Adam moments in fp32, three times, and the result: about 14 GB.
    assert 12e9 < job_needs_bytes(1_000_000, "gpt2-medium") < 16e9
    assert job_needs_bytes(1_000_000, "/some/local/model") == job_needs_bytes(1_000_000, "gpt2-medium")
    assert job_needs_bytes(100_000, "devnet-small") < 100e6


async def test_pictures_get_the_last_measurement_while_a_thread_makes_the_next(budget: DiskBudget) -> None:
    now = [100.0]
    meter = DiskMeter(budget, lambda: now[0])
    fill(budget, JOB_ID, "dataset.txt", 10)
    assert meter.latest([]).used_bytes == 10

    fill(budget, JOB_ID, "dataset.txt", 30)
    assert meter.latest([]).used_bytes == 10
    now[0] += MEASURE_EVERY_S
    assert meter.latest([make_job(reserved_bytes=500)]).committed_bytes == 500
    assert meter._measuring is not None
    await meter._measuring

    assert meter.latest([]).used_bytes == 30


def test_what_goes_while_it_is_measured_counts_nothing(
    budget: DiskBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(budget, JOB_ID, "tokens/train.bin", 10)
    fill(budget, OTHER_JOB_ID, "dataset.txt", 7)
    scan = os.scandir

    def deleting_scan(path: Path | os.DirEntry[str] | int) -> object:
        if not isinstance(path, int) and Path(path).name == "tokens":
            budget.delete(make_job().job_id)
        return scan(path)

    monkeypatch.setattr(os, "scandir", deleting_scan)
    assert budget.usage([]).used_bytes == 7
