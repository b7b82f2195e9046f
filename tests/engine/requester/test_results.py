"""Opening a result: the process that does so fetches nothing."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.engine.requester import results
from emeth_tui.engine.requester.fetching import fetch
from emeth_tui.engine.requester.results import open_result
from emeth_tui.errors import DatasetError, DiskFull, JobError
from emeth_tui.model import JobId
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.disk import NoRoomToWrite
from emeth_tui.notices.reasons.network.requesting import OtherTextStored
from emeth_tui.notices.reasons.training.models import HubUnreachable
from emeth_tui.protocol.job_ids import short
from tests.factories import JOB_ID
from tests.training.files.hub_server import serving

MODEL = "someone/gpt2-tiny"


@pytest.mark.process
@pytest.mark.slow
async def test_a_model_that_is_not_here_is_not_fetched_beside_a_strangers_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = tmp_path / "published"
    published.mkdir()
    (published / "config.json").write_text("{}")
    for name in ("dataset.txt", "result.pt"):
        (tmp_path / name).write_text("A lamp is lit. " * 1_000)
    files = {"dataset": str(tmp_path / "dataset.txt"), "result": str(tmp_path / "result.pt")}
    how = {"prompt": "A lamp", "tokens": 1, "temperature": 0.0, "seed": 0}
    with serving(MODEL, published) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("HF_HUB_CACHE", raising=False)

        with pytest.raises(JobError) as refused:
            await open_result("sample", {"model": MODEL, "language": "en", **files, **how}, tmp_path / "log")

    assert isinstance(refused.value.reason, HubUnreachable)
    assert hub.requests == []


@pytest.mark.process
@pytest.mark.slow
async def test_a_task_that_is_broken_off_leaves_no_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, text = tmp_path / "temporary", tmp_path / "dataset.txt"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    os.mkfifo(text)
    arguments = {
        **{"model": "devnet-small", "language": "en", "dataset": str(text), "result": str(text)},
        **{"prompt": "A lamp", "tokens": 1, "temperature": 0.0, "seed": 0},
    }
    opening = asyncio.create_task(open_result("sample", arguments, tmp_path / "log"))
    writing = await asyncio.to_thread(
        os.open, text, os.O_WRONLY
    )  # once the text is read, in such a directory

    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening

    os.close(writing)
    assert list(temporary.iterdir()) == []


async def test_a_full_disk_is_no_fault_of_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = json.dumps({"refused": to_data(NoRoomToWrite(tmp_path))})
    (tmp_path / "full.py").write_text(f"print({refused!r})")
    monkeypatch.setattr(results, "_MODULE", "full")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DiskFull):
        await open_result("write", {}, tmp_path / "log")


async def test_a_storage_with_another_text_is_named(tmp_path: Path) -> None:
    request: Any = SimpleNamespace(
        job_id=JOB_ID, path=tmp_path / "gone.txt", content="c" * 64, dataset="a.txt", dataset_bytes=9
    )
    followed: Any = SimpleNamespace(request=request, is_verified=True)
    storage: Any = SimpleNamespace(download=_another_text)

    with pytest.raises(DatasetError) as refused:
        await fetch(followed, storage, storage, tmp_path, lambda _done, _total: None)

    assert refused.value.reason == OtherTextStored(short(JOB_ID), request.path)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def _another_text(_job_id: JobId, _name: str, path: Path, **_how: Any) -> None:
    await asyncio.to_thread(path.write_text, "Not that.")
