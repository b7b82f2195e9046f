"""Opens results of strangers and measures texts, in a process that has no key and fetches nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emeth_tui.errors import DiskFull, JobError, WorkerError
from emeth_tui.files import disk_full_translated
from emeth_tui.hardening import offline_environment
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.disk import NoRoomToWrite
from emeth_tui.notices.reasons.network.requesting import TaskEnded
from emeth_tui.process.children import end_child, start_child

_MODULE = "emeth_tui.training.results.main"
MAX_ANSWER_BYTES = 4_000_000


async def open_result(task: str, arguments: dict[str, Any], log: Path) -> dict[str, Any]:
    """Do a task of `training.results` and return its answer; what libraries print goes to the log.

    The model that a result was trained from must be on this machine (`workers.model_keeper.make_ready`).
    Raise JobError for what is wrong with the result, DiskFull, WorkerError when the process ends without an
    answer.
    """
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # What a process leaves that is ended before its time, such as the tokens of a text, goes with this.
    with disk_full_translated(Path(tempfile.gettempdir())):
        temporary = tempfile.TemporaryDirectory(prefix="emeth-results-", ignore_cleanup_errors=True)
    with temporary as name:
        line = await _answer_of(task, arguments, log, {**offline_environment(), "TMPDIR": name})
    if not line.endswith(b"\n"):
        raise WorkerError(TaskEnded(task, log))
    answer: dict[str, Any] = json.loads(line)
    if "refused" in answer:
        reason = from_data(Reason, answer["refused"])
        raise (DiskFull if isinstance(reason, NoRoomToWrite) else JobError)(reason)
    return answer


async def _answer_of(
    task: str, arguments: dict[str, Any], log: Path, environment: Mapping[str, str]
) -> bytes:
    """Have a process do a task, and end it; return the line that it answers with, "" for none."""
    with log.open("ab") as errors:
        process = await start_child(
            *(sys.executable, "-m", _MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment,
            limit=MAX_ANSWER_BYTES,
        )
    assert process.stdin is not None  # noqa: S101 - for the type checker: both are pipes
    assert process.stdout is not None  # noqa: S101
    try:
        with contextlib.suppress(ConnectionError):  # then there is no answer either
            process.stdin.write(json.dumps({"task": task, "arguments": arguments}).encode() + b"\n")
            await process.stdin.drain()
        try:
            return await process.stdout.readline()
        except ValueError:  # longer than any answer
            return b""
    finally:
        await end_child(process)
