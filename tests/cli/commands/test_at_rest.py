"""Declining and withdrawing where no node runs: this program opens the wallet and does it."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from emeth_tui.model import JobState
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store.database import Store
from emeth_tui.store.lock import lock_holder
from tests.cli.commands.world import LIFETIME_S, PROGRAM, commanded, program, run_program
from tests.engine.harness import TEXT, Harness, blocks_coming
from tests.engine.quick_worker import Script

pytestmark = [pytest.mark.process, pytest.mark.slow]


async def emeth_tui(network: Harness, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    async with blocks_coming(network):
        command = [*program(network, tmp_path / "state"), *arguments]
        return await asyncio.to_thread(run_program, command)


async def test_a_job_is_declined_for_what_was_shown(network: Harness, tmp_path: Path) -> None:
    async with commanded(network, tmp_path) as node:
        job_id = node.job_id
    state_dir = tmp_path / "state" / "devnet"
    assert lock_holder(state_dir) is None
    before_wei = await network.emt_wei()

    asked = await emeth_tui(network, tmp_path, "decline", job_id[2:])
    assert asked.returncode == 25, asked.stderr
    assert (await network.job(job_id)).status is JobStatus.PROCESSING
    shown = re.search(r"declining costs +(\S+) EMT", asked.stderr)
    assert shown is not None

    declined = await emeth_tui(network, tmp_path, "decline", "--all", "--yes")

    assert declined.returncode == 0, declined.stderr
    assert declined.stdout == f"job {job_id} is declined\n"
    assert (await network.job(job_id)).status is JobStatus.DECLINED
    assert await network.emt_wei() - before_wei == 16 * 10**18 + 3  # of the deposit, less 20 % of it
    assert shown[1] == "4.00"
    with Store(state_dir) as store:
        job = store.jobs.get(job_id)
        assert job is not None
        assert JobState.DECLINED in {job.state, job.seen_end}
    again = await emeth_tui(network, tmp_path, "decline", "--all", "--yes")
    assert (again.returncode, again.stdout) == (24, "")


async def test_rewards_are_withdrawn(network: Harness, tmp_path: Path) -> None:
    async with network.node(script=Script(), rewards__auto_withdraw=False) as running:
        job_id = await network.post(fee_emt=20, lifetime_s=LIFETIME_S)
        await running.event("submitted", job_id)
        await network.verify(job_id)
        await running.event("verified", job_id)
    await network.pass_time(86_400)
    before_wei = await network.emt_wei()

    result = await emeth_tui(network, tmp_path, "withdraw")

    assert (result.returncode, result.stdout) == (0, "288,000.00 EMT withdrawn\n"), result.stderr
    assert await network.emt_wei() - before_wei == 288_000 * 10**18


async def test_the_options_that_start_a_local_network_serve_every_command(
    network: Harness, tmp_path: Path
) -> None:
    async with commanded(network, tmp_path) as node:
        job_id = node.job_id
    (tmp_path / "node").mkdir()
    (tmp_path / "state").rename(tmp_path / "node" / "state")
    text = tmp_path / "novel.txt"
    text.write_text(TEXT, "utf-8")
    account = network.operator_address
    requested = ["request", str(text), "--language", "en", "--fee", "20", "--deadline", "6h", "--yes"]
    of_another_network = {"HOME": str(tmp_path / "home"), "EMETH_TUI_PASSWORD": "of another network"}

    async def said(*arguments: str, code: int = 0) -> str:
        command = [*PROGRAM, "--devnet", "--state-dir", str(tmp_path), *arguments]
        result = await asyncio.to_thread(run_program, command, **of_another_network)
        assert result.returncode == code, (arguments, result.stderr)
        return result.stdout + result.stderr

    async with blocks_coming(network):
        assert "devnet/node.toml: good; network devnet" in await said("config", "check")
        assert await said("settings", "get", "network") == "devnet\n"
        assert await said("wallet", "address") == f"{account}\n"
        assert account in await said("network", "introduce")
        assert network.devnet.info.core_address in await said("network", "info")
        assert job_id[:10] in await said("watch", account, "--no-ui")
        assert "nothing to appeal" in await said("appeal", job_id, code=1)
        assert "declined" in await said("decline", "--all", "--yes")
        assert "withdrawn" in await said("withdraw")
        asked = re.search(r"0x[0-9a-f]{32}", await said(*requested))
        assert asked is not None
        assert asked[0][:10] in await said("requests")
        assert "no verified result" in await said("requests", "fetch", asked[0], code=24)


async def test_nothing_is_sent_beside_who_holds_the_state(network: Harness, tmp_path: Path) -> None:
    with Store(tmp_path / "state" / "devnet"):
        result = await emeth_tui(network, tmp_path, "withdraw")
    assert result.returncode == 15
    assert "does not answer" in result.stderr
