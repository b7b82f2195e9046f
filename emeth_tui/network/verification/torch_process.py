"""A child process for the work that needs torch, one task at a time: the services never wait for it.

Requests and answers are lines of JSON over the child's standard streams. A separate process, not a pool: it
can be killed during training, starts the same way wherever the devnet runs, and exits by itself when its
input ends, however this process ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

import anyio

from emeth_tui.errors import DevnetError, JobError, TrainingError
from emeth_tui.files import disk_full_translated
from emeth_tui.hardening import child_environment
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.local.bots import TaskBrokeOff, TaskTooSlow
from emeth_tui.process.children import end_child, start_child
from emeth_tui.protocol.replay import MAX_COMMITMENT_CHARS

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
_MAX_ANSWER_BYTES = 6 * MAX_COMMITMENT_CHARS + 100_000  # JSON may write a character in six

_logger = logging.getLogger(__name__)


class TorchProcessDied(DevnetError):
    """The child exited, or was stopped, during a task."""


class TorchProcessSlow(TorchProcessDied):
    """The child was stopped because it took too long: the machine's fault, for all that is known."""


class TorchProcess:
    """One child, started when it is first needed and again after it has died."""

    def __init__(self, name: str, log_path: Path, *, niceness: int = 0) -> None:
        self._name = name
        self._log_path = log_path
        self._temporary = log_path.with_name(f"{log_path.stem}-temporary")
        self._niceness = niceness
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    @property
    def process_id(self) -> int | None:
        """The running child's process id; None while there is none."""
        return self._process.pid if self._process else None

    async def call(self, task: str, arguments: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Run a task of `torch_main` and return its answer.

        Raise JobError for what is wrong with the job, TrainingError or DiskFull for what is wrong here (a
        model that does not load, too little memory, a full disk), TorchProcessDied when there is no answer,
        TorchProcessSlow when there is none in time. When cancelled, the child is killed.
        """
        async with self._turn:
            try:
                with anyio.fail_after(timeout_s):
                    return await self._call(task, arguments)
            except TimeoutError:
                await self.close()
                raise TorchProcessSlow(TaskTooSlow(self._name, task, timeout_s)) from None
            except BaseException as error:
                if not isinstance(error, JobError):
                    await self.close()
                raise

    async def close(self) -> None:
        """End the child, whatever it is doing."""
        process, self._process = self._process, None
        if process is not None:
            await end_child(process)
            await asyncio.to_thread(self._drop_temporary_files)

    def _drop_temporary_files(self) -> None:
        """Delete what a child that is killed leaves behind: the tokens of a text."""
        shutil.rmtree(self._temporary, ignore_errors=True)

    async def _call(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        process = self._process or await self._start()
        assert process.stdin is not None  # noqa: S101 - for the type checker: both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(json.dumps({"task": task, "arguments": arguments}).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
        except (ConnectionError, ValueError) as error:
            raise TorchProcessDied(TaskBrokeOff(self._name, task, self._log_path)) from error
        if not line.endswith(b"\n"):
            raise TorchProcessDied(TaskBrokeOff(self._name, task, self._log_path))
        answer: dict[str, Any] = json.loads(line)
        if "refused" in answer:
            raise JobError(from_data(Reason, answer["refused"]))
        if "failed" in answer:
            raise TrainingError(from_data(Reason, answer["failed"]))
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        self._drop_temporary_files()  # of a process before this one
        with disk_full_translated(self._log_path), self._log_path.open("ab") as log:
            self._temporary.mkdir(mode=0o700)
            self._process = await start_child(
                sys.executable,
                "-m",
                "emeth_tui.network.verification.torch_main",
                str(self._niceness),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**child_environment(), **_ONE_THREAD, "TMPDIR": str(self._temporary)},
                limit=_MAX_ANSWER_BYTES,
            )
        _logger.debug("%s: started process %d", self._name, self._process.pid)
        return self._process
