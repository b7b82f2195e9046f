"""The requester's guide is true: its commands are run from the first to the last."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from emeth_tui.model import JobId
from emeth_tui.protocol.contracts import JobStatus
from tests.cli.requester.program import Program
from tests.cli.requester.test_results import deliver, trained
from tests.engine.harness import Harness
from tests.terminal import ROOT

PAGE = ROOT / "docs" / "requesting.md"
JOB = "6f2a"


def commands() -> list[list[str]]:
    """Return what follows `emeth-tui` in each line of the page's blocks of commands."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for language, block in blocks if not language for line in block.splitlines()]
    assert all(line.startswith("emeth-tui ") for line in lines)
    return [shlex.split(line)[1:] for line in lines]


@pytest.mark.process
@pytest.mark.slow
async def test_the_commands_do_what_the_guide_says(network: Harness, tmp_path: Path) -> None:
    emeth_tui = Program(network, tmp_path)
    stdout, _stderr = await emeth_tui(*emeth_tui.request, "--epochs", "31")  # not the page's own job
    cancelled = JobId(stdout.strip())
    places = {"novel.txt": str(emeth_tui.text), "novel-model": str(tmp_path / "novel-model")}
    job_id = ""
    for words in commands():
        typed = [places.get(word, word) for word in words]
        if typed[0] == "request":
            stdout, _stderr = await emeth_tui(*typed, "--yes")
            job_id = stdout.strip()
            continue
        if typed[:2] == ["requests", "watch"]:
            await deliver(emeth_tui, job_id, await asyncio.to_thread(trained, emeth_tui, job_id))  # type: ignore[arg-type]
        of = cancelled if typed[:2] == ["requests", "cancel"] else job_id
        stdout, _stderr = await emeth_tui(*(of[:10] if word == JOB else word for word in typed))
        assert stdout

    assert (await network.job(cancelled)).status is JobStatus.CANCELED
    assert (tmp_path / "novel-model" / "model.safetensors").is_file()
