"""Jobs' files on this host: found, measured and deleted, whatever a worker does there meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emeth_tui.errors import DiskFull
from emeth_tui.workers.job_files import JobFileMissing, LocalJobFiles
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job


def fill(files: LocalJobFiles, job_id: str, name: str, size_bytes: int) -> None:
    path = files.directory(make_job(job_id=job_id).job_id) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size_bytes)


@pytest.fixture
def files(tmp_path: Path) -> LocalJobFiles:
    return LocalJobFiles(tmp_path / "jobs")


async def test_what_is_there_is_put_and_brought(files: LocalJobFiles) -> None:
    fill(files, JOB_ID, "dataset.txt", 10)
    fill(files, JOB_ID, "checkpoint.pt", 10)

    await files.put_dataset(JOB_ID)
    await files.put_checkpoint(JOB_ID)
    await files.bring_checkpoint(JOB_ID)

    assert await files.bring_result(JOB_ID) == files.directory(JOB_ID) / "checkpoint.pt"


async def test_what_is_not_there_is_missing(files: LocalJobFiles) -> None:
    with pytest.raises(JobFileMissing):
        await files.put_dataset(JOB_ID)
    with pytest.raises(JobFileMissing):
        await files.bring_result(JOB_ID)


async def test_a_link_in_a_results_place_leads_nowhere(files: LocalJobFiles, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not to be uploaded")
    fill(files, JOB_ID, "dataset.txt", 10)
    (files.directory(JOB_ID) / "checkpoint.pt").symlink_to(tmp_path / "secret")

    with pytest.raises(JobFileMissing, match="is no plain file"):
        await files.bring_result(JOB_ID)


def test_files_are_listed_by_name(files: LocalJobFiles) -> None:
    fill(files, JOB_ID, "tokens/train.bin", 10)
    fill(files, JOB_ID, "dataset.txt", 7)

    assert files.listing(JOB_ID) == [("dataset.txt", 7), ("tokens/train.bin", 10)]
    assert files.listing(OTHER_JOB_ID) == []


def test_deleting_takes_the_whole_job_and_nothing_else(files: LocalJobFiles) -> None:
    fill(files, JOB_ID, "tokens/train.bin", 10)
    fill(files, OTHER_JOB_ID, "dataset.txt", 10)

    files.delete(JOB_ID)
    files.delete(JOB_ID)

    assert files.usage().by_job == {OTHER_JOB_ID: 10}


def test_after_submitting_only_the_result_stays(files: LocalJobFiles) -> None:
    for name in ("dataset.txt", "checkpoint.pt", "tokens/train.bin"):
        fill(files, JOB_ID, name, 10)

    files.keep_only(JOB_ID, ["checkpoint.pt"])

    assert [path.name for path in files.directory(JOB_ID).rglob("*")] == ["checkpoint.pt"]


def test_what_ended_jobs_left_is_cleared_and_links_are_not_followed(
    files: LocalJobFiles, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    fill(files, JOB_ID, "dataset.txt", 10)
    fill(files, "0x" + "55" * 16, "dataset.txt", 10)
    files.directory(OTHER_JOB_ID).symlink_to(outside)

    files.delete_where(lambda job_id: job_id in {OTHER_JOB_ID, "0x" + "55" * 16})

    # What this node knows nothing of may be another node's work.
    assert files.directory(JOB_ID).is_dir()
    assert [path.name for path in files.directory(JOB_ID).parent.iterdir()] == [JOB_ID]
    assert (outside / "precious").exists()


def test_a_cache_that_cannot_be_made_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DiskFull, match="file"):
        LocalJobFiles(tmp_path / "file" / "jobs")


def test_what_goes_while_it_is_measured_counts_nothing(
    files: LocalJobFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(files, JOB_ID, "tokens/train.bin", 10)
    fill(files, OTHER_JOB_ID, "dataset.txt", 7)
    scan = os.scandir

    def deleting_scan(path: Path | os.DirEntry[str] | int) -> object:
        if not isinstance(path, int) and Path(path).name == "tokens":
            files.delete(make_job().job_id)
        return scan(path)

    monkeypatch.setattr(os, "scandir", deleting_scan)
    assert files.usage().by_job == {JOB_ID: 0, OTHER_JOB_ID: 7}


def test_the_parts_of_a_job_count_as_the_job_and_go_with_it(files: LocalJobFiles) -> None:
    job = make_job(parts=3)
    for size_bytes, part in enumerate(job.part_ids, start=10):
        fill(files, part, "checkpoints/a.pt", size_bytes)
    fill(files, OTHER_JOB_ID, "dataset.txt", 5)
    assert files.usage().by_job == {job.job_id: 10 + 11 + 12, OTHER_JOB_ID: 5}

    files.delete(job.job_id)

    assert [path.name for path in files.root.iterdir()] == [OTHER_JOB_ID]
