"""A node with a past, a job under way and a job on offer, and the program beside it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from emeth_tui.control.server import serve_control
from emeth_tui.listings.documents import json_schema
from emeth_tui.model import JobId
from tests.cli import warm_program
from tests.control.conftest import until
from tests.engine.harness import Harness, RunningNode, quiet_network
from tests.engine.quick_worker import Script
from tests.terminal import OF_A_SHELL, RICH, ROOT

LIMIT_S = 60.0
PROGRAM = [sys.executable, "-m", "emeth_tui"]
LIFETIME_S = 200_000  # by this machine's clock; the chain's runs a day ahead


@dataclass
class World:
    """The node, its network, and four jobs: verified, declined, in training, on offer."""

    network: Harness
    running: RunningNode
    state_dir: Path  # of the node, before the network's name
    verified: JobId
    declined: JobId
    training: JobId
    offered: JobId

    @property
    def command(self) -> list[str]:
        return program(self.network, self.state_dir)

    async def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `emeth-tui` in a pipe while the node goes on."""
        return await asyncio.to_thread(run_program, [*self.command, *arguments], **environment)

    async def output(self, *arguments: str, **environment: str) -> str:
        """Return what a command prints that has to do well."""
        result = await self.run(*arguments, **environment)
        assert result.returncode == 0, result.stderr
        return result.stdout

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self.output(*arguments, "--json"))

    async def screen(self, columns: int, *arguments: str) -> list[str]:
        """Return the lines that a command writes to a terminal of so many columns, whatever that wraps."""
        return await asyncio.to_thread(self._screen, columns, arguments)

    def _screen(self, columns: int, arguments: tuple[str, ...]) -> list[str]:
        words = [*self.command[len(PROGRAM) :], *arguments]
        code, output = warm_program.run_at_terminal(
            words, {**os.environ, **OF_A_SHELL, **RICH}, ROOT, (columns, 60)
        )
        assert code == 0, output
        text = re.sub(r"\x1b\[[0-9;]*m", "", output.decode())
        return [line.rstrip() for line in text.splitlines() if line.strip()]


def check(command: str, document: Any) -> None:
    """Hold a document against the schema, which names every field there may be."""
    jsonschema.Draft202012Validator({**_schema(), "$ref": f"#/$defs/{command}"}).validate(document)


@cache
def _schema() -> dict[str, Any]:
    """Return the schema of all documents, itself checked, with no field allowed that it does not name."""
    schema = json_schema()
    for definition in schema["$defs"].values():
        if definition.get("type") == "object" and "properties" in definition:
            definition["additionalProperties"] = False
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def program(network: Harness, state_dir: Path) -> list[str]:
    """Return the command that speaks of the harness's node."""
    settings = str(network.devnet.info.node_settings)
    return [*PROGRAM, "--config", settings, "--state-dir", str(state_dir)]


def run_program(
    command: list[str], *, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a `program` without a terminal; its line ends are as it wrote them."""
    complete = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "", **environment}
    result = warm_program.run(command[len(PROGRAM) :], complete, ROOT, typed.encode(), LIMIT_S)
    return subprocess.CompletedProcess(
        command, result.returncode, result.stdout.decode(), result.stderr.decode()
    )


@asynccontextmanager
async def world(deployed: Path, directory: Path) -> AsyncIterator[World]:
    """Run a node until each of its jobs stands where it should."""
    script = Script()
    async with (
        quiet_network(deployed, directory) as network,
        network.node(script=script, rewards__auto_withdraw=True) as running,
        serve_control(directory / "state" / "devnet" / "control", running.node),
    ):
        verified = await network.post(fee_emt=25)
        await running.event("submitted", verified)
        await network.verify(verified, gas=7)
        await running.event("verified", verified)
        await network.pass_time(86_400)
        await running.event("withdrawn")
        script.hold_before_epoch = 3
        declined = await network.post(fee_emt=30, lifetime_s=LIFETIME_S)
        await _in_epoch_two(running, declined)
        await running.node.decline_job(declined)
        await running.event("declined", declined)
        training = await network.post(fee_emt=28, lifetime_s=LIFETIME_S)
        await _in_epoch_two(running, training)
        offered = await network.post(fee_emt=21, lifetime_s=LIFETIME_S)
        await until(lambda: offered in {offer.job.job_id for offer in running.node.snapshot().offers})
        yield World(network, running, directory / "state", verified, declined, training, offered)


async def _in_epoch_two(running: RunningNode, job_id: JobId) -> None:
    for _epoch in range(2):
        await running.event("epoch_done", job_id)


@dataclass
class Commanded:
    """A node with one job in its training, and the program that commands it."""

    network: Harness
    running: RunningNode
    state_dir: Path
    job_id: JobId
    deposit_wei: int

    @property
    def command(self) -> list[str]:
        return program(self.network, self.state_dir)

    async def __call__(self, *arguments: str, code: int | set[int] = 0, typed: str = "") -> tuple[str, str]:
        """Run a command that ends with a code; return stdout and stderr."""
        result = await asyncio.to_thread(run_program, [*self.command, *arguments], typed=typed)
        assert result.returncode in ({code} if isinstance(code, int) else code), result.stderr
        return result.stdout, result.stderr

    async def result(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run a command that acts with --json; return what it has done, as the schema has it."""
        out, _err = await self(*arguments, "--json", code=code)
        result: dict[str, Any] = json.loads(out)
        words = 2 if arguments[0] == "settings" else 1
        assert result["command"] == " ".join(arguments[:words])
        check(result["command"], result)
        return result

    @property
    def job(self):  # type: ignore[no-untyped-def]
        return next(job for job in self.running.node.snapshot().jobs if job.job_id == self.job_id)


@asynccontextmanager
async def commanded(network: Harness, directory: Path, **settings: object) -> AsyncIterator[Commanded]:
    script = Script(hold_before_epoch=2)
    state_dir = directory / "state"
    async with (
        network.node(script=script, **{"rewards__auto_withdraw": False, **settings}) as running,  # type: ignore[arg-type]
        serve_control(state_dir / "devnet" / "control", running.node),
    ):
        job_id = await network.post(fee_emt="20.000000000000000003", lifetime_s=LIFETIME_S)
        await running.event("epoch_done", job_id)
        (job,) = running.node.snapshot().jobs
        yield Commanded(network, running, state_dir, job_id, job.deposit_wei)
