"""What fails in the torch process for want of something on this machine says nothing about a result."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.network.verification import torch_main
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.disk import NoRoomToWrite
from emeth_tui.notices.reasons.foreign import Foreign


def examined(directory: Path) -> dict[str, Any]:
    """Examine a file that is no result."""
    dataset, result = directory / "dataset.txt", directory / "result.pt"
    dataset.write_text("A sentence, and another. " * 300, "utf-8")
    result.write_bytes(b"no result")
    arguments = {"model": "devnet-small", "language": "en", "dataset": str(dataset), "result": str(result)}
    return torch_main._answer({"task": "examine", "arguments": arguments})


def test_a_full_disk_is_no_end_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    assert isinstance(from_data(Reason, examined(tmp_path)["failed"]), NoRoomToWrite)


def test_nor_is_a_directory_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    assert isinstance(from_data(Reason, examined(tmp_path)["failed"]), Foreign)


def test_a_file_that_is_no_result_is_refused(tmp_path: Path) -> None:
    assert "refused" in examined(tmp_path)
