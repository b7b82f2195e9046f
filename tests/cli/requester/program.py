"""The requester's commands as processes beside a network that the test moves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emeth_tui.model import JobId
from tests.cli.commands.world import program, run_program
from tests.engine.harness import TEXT, Harness, blocks_coming
from tests.terminal import ROOT


@dataclass
class Program:
    """`emeth-tui` with the operator's account as the requester, and a text of its own."""

    network: Harness
    directory: Path
    state: str = "requester"

    @property
    def state_dir(self) -> Path:
        """The state's directory, before the network's name."""
        return self.directory / self.state

    @property
    def text(self) -> Path:
        path = self.directory / "novel.txt"
        if not path.exists():
            path.write_text(TEXT, "utf-8")
        return path

    @property
    def command(self) -> list[str]:
        return program(self.network, self.state_dir)

    @property
    def request(self) -> list[str]:
        return ["request", str(self.text), *["--language", "en", "--fee", "20", "--deadline", "6h", "--yes"]]

    async def __call__(self, *arguments: str, code: int = 0, mining: bool = True) -> tuple[str, str]:
        """Run a command to its end while blocks come; return stdout and stderr."""
        async with blocks_coming(self.network) if mining else contextlib.nullcontext():
            result = await asyncio.to_thread(run_program, [*self.command, *arguments])
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout, result.stderr

    async def json(self, *arguments: str) -> Any:
        stdout, _stderr = await self(*arguments, "--json")
        return json.loads(stdout)

    async def requested(self) -> JobId:
        """Request a job and return its id."""
        stdout, _stderr = await self(*self.request)
        return JobId(stdout.strip())

    async def again(self) -> JobId:
        """Request another job on the same terms and return its id."""
        stdout, _stderr = await self(*self.request, "--again")
        return JobId(stdout.strip())

    @contextlib.contextmanager
    def running(self, *arguments: str):  # type: ignore[no-untyped-def]
        """Run a command while the body runs, and kill it then, as a power cut would."""
        process = subprocess.Popen(
            [*self.command, *arguments],
            cwd=ROOT,
            env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    async def nonce(self, block: str) -> int:
        """Return how many transactions of the account are mined ("latest") or known ("pending")."""
        count = await self.network.devnet.chain.w3.eth.get_transaction_count(
            self.network.operator_elsewhere().address,
            block,  # type: ignore[arg-type]
        )
        return int(count)

    async def known_to_chain(self, transactions: int) -> None:
        """Wait until the chain knows so many transactions of the account."""
        while await self.nonce("pending") < transactions:  # noqa: ASYNC110 - a pool tells no events
            await asyncio.sleep(0.01)

    async def jobs(self) -> list[JobId]:
        """Return every job that the chain has."""
        await self.network.devnet.mirror.refresh()
        return list(self.network.devnet.mirror.jobs)
