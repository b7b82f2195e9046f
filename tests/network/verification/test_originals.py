"""Sketches of accepted results: a job is not compared with itself, and a text keeps its newest ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emeth_tui.model import JobId
from emeth_tui.network.verification import originals
from emeth_tui.network.verification.originals import Originals

DIGEST, OTHER = "ab" * 32, "cd" * 32


def job(number: int) -> JobId:
    return JobId(f"0x{number:032x}")


def keep(kept: Originals, scratch: Path, digest: str, number: int) -> None:
    """Keep a sketch that is so many seconds old."""
    sketch = scratch / "sketch.npy"
    sketch.write_bytes(b"sketch")
    os.utime(sketch, (number, number))
    kept.keep(digest, job(number), sketch)


def test_a_job_is_compared_with_other_jobs_on_its_own_text(tmp_path: Path) -> None:
    kept = Originals(tmp_path / "originals")
    for digest, number in ((DIGEST, 1), (DIGEST, 2), (OTHER, 3)):
        keep(kept, tmp_path, digest, number)

    again = Originals(tmp_path / "originals")

    assert [path.stem for path in again.earlier(DIGEST, job(2))] == [job(1)]
    assert [path.stem for path in again.earlier(DIGEST, job(9))] == [job(1), job(2)]
    assert again.secret == kept.secret


def test_the_oldest_of_a_text_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(originals, "KEPT", 2)
    kept = Originals(tmp_path / "originals")
    for number in (1, 2, 3):
        keep(kept, tmp_path, DIGEST, number)

    assert [path.stem for path in kept.earlier(DIGEST, job(9))] == [job(2), job(3)]
