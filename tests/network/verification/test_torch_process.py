"""The child process for torch work: answers, refusals, sudden ends, and none left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from emeth_tui.errors import JobError, TrainingError
from emeth_tui.files import disk_full_translated
from emeth_tui.network.verification import torch_main, torch_tasks
from emeth_tui.network.verification.torch_process import TorchProcess, TorchProcessDied

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

LIMIT_S = 240.0  # bounds a hang: a child loads torch for seconds, and is nice to others
EXAMINE = {"model": "devnet-small", "language": "en"}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("torch-process") / "log"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(log: Path) -> AsyncIterator[TorchProcess]:
    """One for all tests: its child loads torch for seconds. A test that ends it leaves none, or a new one."""
    made = TorchProcess("a test's process", log, niceness=5)
    yield made
    await made.close()


def logged(log: Path) -> str:
    return log.read_text("utf-8")


def examine(tmp_path: Path) -> dict[str, str]:
    """Make a task that is refused after a look at the files."""
    (tmp_path / "dataset.txt").write_text("A sentence, and another. " * 300, "utf-8")
    (tmp_path / "result.pt").write_bytes(b"no result")
    return {**EXAMINE, "dataset": str(tmp_path / "dataset.txt"), "result": str(tmp_path / "result.pt")}


async def test_what_is_wrong_with_a_job_comes_back_as_its_reason(
    process: TorchProcess, tmp_path: Path
) -> None:
    for _ in range(2):  # the same child answers again
        with pytest.raises(JobError, match="result file"):
            await process.call("examine", examine(tmp_path), timeout_s=LIMIT_S)


async def test_a_model_that_cannot_be_had_is_not_the_jobs_fault(
    process: TorchProcess, tmp_path: Path
) -> None:
    task = {**examine(tmp_path), "model": str(tmp_path / "none")}
    with pytest.raises(TrainingError):
        await process.call("examine", task, timeout_s=LIMIT_S)


@pytest.mark.parametrize("path", ["/dev/full", "/proc/none"])
async def test_a_disk_that_takes_nothing_is_not_the_jobs_fault(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = {"tokenise": in_room, "sketch": Path.write_bytes}
    monkeypatch.setattr(torch_tasks, "TASKS", tasks)

    answers = [
        torch_main.answer({"task": task, "arguments": {"self": Path(path), "data": b"a text"}})
        for task in tasks
    ]

    assert [list(answer) for answer in answers] == [["failed"], ["failed"]]


def in_room(self: Path, data: bytes) -> None:
    """Write a file as the tokeniser does, which names a full disk."""
    with disk_full_translated(self):
        self.write_bytes(data)


async def test_a_child_that_breaks_is_told_and_replaced(
    process: TorchProcess, log: Path, tmp_path: Path
) -> None:
    with pytest.raises(TorchProcessDied, match="nonsense broke off"):
        await process.call("nonsense", {}, timeout_s=LIMIT_S)

    with pytest.raises(JobError):
        await process.call("examine", examine(tmp_path), timeout_s=LIMIT_S)
    assert "KeyError: 'nonsense'" in logged(log)


async def test_a_task_that_takes_too_long_is_ended(process: TorchProcess, tmp_path: Path) -> None:
    await process.close()  # a new child takes longer than that to load torch
    with pytest.raises(TorchProcessDied, match="took over 0 s"):
        await process.call("examine", examine(tmp_path), timeout_s=0.05)

    with pytest.raises(JobError):
        await process.call("examine", examine(tmp_path), timeout_s=LIMIT_S)


async def test_a_cancelled_call_ends_the_child(process: TorchProcess, tmp_path: Path) -> None:
    with pytest.raises(JobError):
        await process.call("examine", examine(tmp_path), timeout_s=LIMIT_S)
    process_id = process.process_id
    assert process_id is not None
    call = asyncio.create_task(process.call("examine", examine(tmp_path), timeout_s=LIMIT_S))
    await asyncio.sleep(0)  # the task begins

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    with pytest.raises(ProcessLookupError):
        os.kill(process_id, signal.SIGCONT)


async def test_a_child_is_as_nice_as_it_was_told(process: TorchProcess, tmp_path: Path) -> None:
    with pytest.raises(JobError):
        await process.call("examine", examine(tmp_path), timeout_s=LIMIT_S)

    assert process.process_id is not None
    assert os.getpriority(os.PRIO_PROCESS, process.process_id) == os.nice(0) + 5


async def test_a_child_ends_with_its_input() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "emeth_tui.network.verification.torch_main",
        "7",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()

    assert await child.wait() == 0
    assert await child.stdout.read() == b""
