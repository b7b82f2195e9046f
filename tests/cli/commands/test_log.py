"""The ends of log files: the newest entries of all of them in order, and no more read than that takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from emeth_tui.cli.commands import log as log_command
from emeth_tui.engine.view.log_files import blocks_backwards
from tests.factories import JOB_ID

STAMP = "2026-11-28T10:00:{:02d}.000Z"


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much is read, block by block."""
    read: list[int] = []

    def counted(file: BinaryIO, end_bytes: int) -> Iterator[str]:
        for block in blocks_backwards(file, end_bytes):
            read.append(len(block))
            yield block

    monkeypatch.setattr(log_command, "blocks_backwards", counted)
    return read


def test_of_a_long_log_the_end_alone_is_read(tmp_path: Path, read_bytes: list[int]) -> None:
    lines = [f"{STAMP.format(number)} INFO    a: {JOB_ID} {number}" for number in range(60)]
    (tmp_path / "node.log").write_text("\n".join(["x" * 900] * 5_000 + lines) + "\nunfinished", "utf-8")
    (tmp_path / "node.log.1").write_text("x" * 9_000_000 + "\n", "utf-8")
    (tmp_path / "worker-0.log").write_text(f"2026-11-28 10:00:58,500 INFO b: {JOB_ID} beside\n", "utf-8")

    files = log_command._LogFiles(tmp_path)
    newest = files.newest(JOB_ID, 3)

    assert [entry.rsplit(" ", 1)[-1] for entry in newest] == ["58", "beside", "59"]
    assert sum(read_bytes) < 2_000_000
    assert list(files.new_entries()) == []


def test_of_a_long_log_without_stamps_the_end_alone_is_read(tmp_path: Path, read_bytes: list[int]) -> None:
    (tmp_path / "worker-0.log").write_text("".join(f"{n} {'x' * 90}\n" for n in range(30_000)), "utf-8")

    newest = log_command._LogFiles(tmp_path).newest("", 3)

    assert [entry.split()[0] for entry in newest] == ["29997", "29998", "29999"]
    assert sum(read_bytes) < 1_000_000


def test_what_was_rotated_away_follows_and_its_cut_beginning_too(tmp_path: Path) -> None:
    (tmp_path / "node.log.2").write_text(
        f"  a traceback's end\n{STAMP.format(1)} ERROR   a: one\nTrace\n  back\n", "utf-8"
    )
    (tmp_path / "node.log.1").write_text(f"{STAMP.format(2)} INFO    a: two\n", "utf-8")
    (tmp_path / "node.log").write_text(f"{STAMP.format(3)} INFO    a: three\n", "utf-8")
    (tmp_path / "worker-0.log").write_text("no stamp at all\n", "utf-8")
    (tmp_path / "node.log.old").write_text("not ours\n", "utf-8")

    newest = log_command._LogFiles(tmp_path).newest("", 10)

    assert [entry.split(": ")[-1] for entry in newest] == [
        "  a traceback's end",
        "one\nTrace\n  back",
        "two",
        "three",
        "no stamp at all",
    ]
