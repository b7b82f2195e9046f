"""Opening a result: the process that does so fetches nothing."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from emeth_tui.engine.requester.results import open_result
from emeth_tui.errors import JobError
from emeth_tui.notices.reasons.training.models import HubUnreachable
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
