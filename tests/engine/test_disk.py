"""The cache's budget: what is counted, what is refused, what is deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emeth_tui.engine.disk import MEASURE_EVERY_S, DiskBudget, DiskMeter, job_needs_bytes
from emeth_tui.errors import DiskFull
from emeth_tui.model import JobState
from emeth_tui.notices.reasons.disk import CacheFull, FileSystemFull
from emeth_tui.workers.job_files import LocalJobFiles
from tests.factories import JOB_ID, make_job


def fill(budget: DiskBudget, job_id: str, name: str, size_bytes: int) -> None:
    path = budget.files.directory(make_job(job_id=job_id).job_id) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size_bytes)


@pytest.fixture
def budget(tmp_path: Path) -> DiskBudget:
    return DiskBudget(LocalJobFiles(tmp_path / "jobs"), limit_bytes=1_000_000)


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
    budget = DiskBudget(LocalJobFiles(tmp_path / "jobs"), limit_bytes=10**18)

    refusal = budget.refusal(10**17, [])
    assert isinstance(refusal, FileSystemFull)
    assert (refusal.needed_bytes, refusal.directory) == (10**17, tmp_path / "jobs")


def test_a_cache_that_was_emptied_has_room_again(budget: DiskBudget, tmp_path: Path) -> None:
    """Who clears ~/.cache removes the directory itself, and jobs are taken after that as before."""
    fill(budget, JOB_ID, "dataset.txt", 100)
    shutil.rmtree(tmp_path / "jobs")

    assert budget.refusal(300_000, []) is None
    assert budget.usage([]).used_bytes == 0
    assert (tmp_path / "jobs").stat().st_mode & 0o077 == 0


def test_a_cache_that_cannot_be_made_again_is_said(budget: DiskBudget, tmp_path: Path) -> None:
    (tmp_path / "jobs").rmdir()
    (tmp_path / "jobs").touch()

    with pytest.raises(DiskFull, match="the cache cannot be made there"):
        budget.refusal(300_000, [])


def test_gpt2_medium_needs_its_checkpoints_reserved() -> None:
    # Weights, two Adam moments and the best weights in fp32, three times, and the result: about 18 GB.
    assert 16e9 < job_needs_bytes(1_000_000, "gpt2-medium") < 20e9
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
