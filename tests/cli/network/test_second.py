"""A second verifier and the operator's commands, as programs of their own beside `network serve`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from emeth_tui.clients.appeals import AppealClient
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.info_server import InfoServer
from emeth_tui.errors import ExitCode
from emeth_tui.model import JobId
from emeth_tui.network.serving.verifying import KEY_FILE
from emeth_tui.notices.reasons.network.verification import SecondAgrees
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.settings.profiles import read_profile
from tests.cli.network.serving import LIMIT_S, serve_file, served
from tests.cli.network.trader import Trader, trader
from tests.cli.network.world import World
from tests.loopback import free_port
from tests.terminal import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]
REJECTED, DECIDED = JobId("0x" + "5e" * 16), JobId("0x" + "6f" * 16)
TEXT = b"To be, or not to be, that is the question. " * 120
_Seen = TypeVar("_Seen")


async def test_a_second_verifier_answers_and_the_operator_decides(world: World) -> None:
    operator, other = world.people["operator"], world.people["other"]
    url = f"http://127.0.0.1:{free_port()}"
    await operator.output(*world.deploying("--url", url))
    network = read_profile(world.profile)
    path = serve_file(world, url, f'verify = true\n[second]\naddress = "{other.address}"\n')
    config = ("--config", str(path))
    async with served(world, "operator", path), trader(network, operator.wallet) as party:
        transport = Transport(party.http)
        appeals = AppealClient(network, operator.wallet, transport)
        for job_id in (REJECTED, DECIDED):
            await party.request(job_id, TEXT)
            await party.claim(job_id)
            await party.send("submit", job_id, f"{job_id}-nowhere.pt")  # as a cheater may
            await until(lambda job_id=job_id: appeals.held(job_id))
        await operator.output("network", "decide", "6f6f", "verify", *config)
        await until(lambda: is_now(party, DECIDED, JobStatus.VERIFIED))
        before = await operator.output("network", "verdicts", *config)
        async with giving_opinions(world) as process:
            await until(lambda: is_now(party, REJECTED, JobStatus.FAILED))
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), LIMIT_S) == ExitCode.OK
        after = await operator.output("network", "verdicts", *config)
        late = await operator.run("network", "decide", "5e5e", "verify", *config)
        reason = await until(lambda: InfoServer(network, transport).rejection(REJECTED))

    states = [sorted(line.split("  ")[1] for line in text.splitlines()[1:]) for text in (before, after)]
    assert states == [["second verifier asked", "verified"], ["rejected", "verified"]]
    assert isinstance(reason, SecondAgrees)
    assert late.returncode == ExitCode.REFUSED


@pytest.mark.parametrize("key", [None, "", "of another kind"])
async def test_a_second_verifier_without_the_networks_key_says_so(world: World, key: str | None) -> None:
    await world.people["operator"].output(*world.deploying("--url", f"http://127.0.0.1:{free_port()}"))
    path = serve_file(world, "http://127.0.0.1:3000")
    if key is not None:
        write(world.directory / "served" / KEY_FILE, key)

    ended = await world.people["other"].run("network", "second", "--config", str(path))

    assert ended.returncode == ExitCode.SERVING
    assert KEY_FILE in ended.stderr


async def is_now(party: Trader, job_id: JobId, status: JobStatus) -> bool | None:
    job = (await party.account.chain.jobs([job_id]))[job_id]
    return True if job.status is status else None


async def until(look: Callable[[], Awaitable[_Seen | None]]) -> _Seen:
    """Look until there is something; a service has no events for that."""
    with anyio.fail_after(LIMIT_S):
        while (seen := await look()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return seen


@asynccontextmanager
async def giving_opinions(world: World) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the second verifier."""
    other, path = world.people["other"], world.directory / "second.toml"
    write(path, 'profile = "network.toml"\nstate_dir = "second"\nlog_format = "json"\n')
    write(world.directory / "second" / KEY_FILE, "ab" * 32)
    process = await asyncio.create_subprocess_exec(
        *other.command,
        *("network", "second", "--config", str(path)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        said = (await asyncio.wait_for(process.stdout.readline(), LIMIT_S)).decode().strip()
        assert said == other.address
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text, "utf-8")
