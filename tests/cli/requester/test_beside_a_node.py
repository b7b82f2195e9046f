"""`request` and `requests cancel` beside a node of the same account: it sends, and nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.clients.transactions.signed_bytes import read_signed
from emeth_tui.control.server import serve_control
from emeth_tui.model import TransactionState
from emeth_tui.protocol.contracts import JobStatus
from tests.cli.commands.world import run_program
from tests.cli.requester.program import Program
from tests.clients.emeth_chain import CutConnection
from tests.clients.local_server import LocalServer
from tests.engine.endpoints import SecondEndpoint
from tests.engine.harness import Harness, RunningNode

pytestmark = [pytest.mark.process, pytest.mark.slow]
FEE_WEI = 20 * 10**18


@pytest.fixture
def emeth_tui(network: Harness, tmp_path: Path) -> Program:
    return Program(network, tmp_path, "state")


@asynccontextmanager
async def node(emeth_tui: Program, **settings: Any) -> AsyncIterator[RunningNode]:
    """Run a node on the requester's state, which its control socket leads to."""
    async with (
        emeth_tui.network.node(claims__enabled=False, **settings) as running,
        serve_control(emeth_tui.state_dir / "devnet" / "control", running.node),
    ):
        yield running


async def test_the_node_requests_and_cancels(emeth_tui: Program, network: Harness) -> None:
    before_wei = await network.emt_wei()
    async with node(emeth_tui) as running:
        asked, shown = await emeth_tui(*emeth_tui.request[:-1], code=25)
        assert asked == ""
        assert "20.00 EMT" in shown
        assert await emeth_tui.jobs() == []

        job_id = await emeth_tui.requested()

        assert before_wei - await network.emt_wei() == FEE_WEI
        assert [tx.purpose for tx in running.store.journal.of_job(job_id)] == ["approve", "request"]
        assert (await running.event("requesting")).body.by.place.value == "command_line"  # type: ignore[attr-defined]
        assert (await running.event("requested", job_id)).job_id == job_id
        (listed,) = await emeth_tui.json("requests")
        assert listed["state"] == "requested"

        # The answer may have been lost on its way.
        _stdout, why = await emeth_tui(*emeth_tui.request, code=30)
        assert job_id in why
        _stdout, asked = await emeth_tui(*emeth_tui.request[:-1], code=25)
        assert "requested already" in asked
        assert await emeth_tui.jobs() == [job_id]
        options = ["--language", "en", "--fee", "31", "--yes"]
        _stdout, why = await emeth_tui("request", str(emeth_tui.text), *options, code=24)
        assert "over 30.00 EMT" in why
        await emeth_tui("requests", "cancel", job_id[2:8])
        _stdout, why = await emeth_tui("requests", "cancel", job_id, code=24)
        assert "only a job that no node has taken" in why
        _stdout, asked = await emeth_tui(*emeth_tui.request[:-1], code=25)
        assert "requested already" not in asked  # its fee is back
        assert (await running.stop()).adds_up
    assert (await network.job(job_id)).status is JobStatus.CANCELED
    assert await network.emt_wei() == before_wei


async def test_refusals_have_the_exit_codes_that_they_have_without_a_node(
    emeth_tui: Program, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.txt"
    damaged.write_bytes(b"\xff" * 5_000)
    terms = ["--language", "en", "--yes"]
    refused = {
        "dataset": ["request", str(damaged), "--fee", "20", *terms],
        "funds": ["request", str(emeth_tui.text), "--fee", "1000000000", *terms, "--anyway"],
        "terms": ["request", str(emeth_tui.text), "--fee", "31", *terms],
    }

    async def codes() -> dict[str, int]:
        return {
            name: (await asyncio.to_thread(run_program, [*emeth_tui.command, *words])).returncode
            for name, words in refused.items()
        }

    alone = await codes()
    async with node(emeth_tui):
        beside = await codes()

    assert beside == alone
    assert (alone["funds"], alone["terms"]) == (8, 24)
    assert alone["dataset"] not in {0, 24}


async def test_a_request_killed_before_it_is_sent_is_sent_by_the_same_words_alone(
    emeth_tui: Program, network: Harness, server: LocalServer
) -> None:
    before_wei = await network.emt_wei()
    lossy = SecondEndpoint(network.devnet.info.rpc_url)
    core = bytes.fromhex(network.devnet.info.core_address[2:])

    def lose(call: dict[str, Any]) -> None:
        if read_signed(bytes.fromhex(call["params"][0][2:])).to == core:
            raise CutConnection

    lossy.hooks["eth_sendRawTransaction"] = lose
    settings = network.devnet.info.node_settings
    written = settings.read_text()
    with server.mounted(lossy) as url:
        settings.write_text(written.replace(network.devnet.info.rpc_url, url))
        with emeth_tui.running(*emeth_tui.request):  # killed once its request is signed
            await lossy.answered("eth_sendRawTransaction", 2)
    settings.write_text(written)
    (begun,) = await emeth_tui.json("requests")

    async with node(emeth_tui) as running:
        signed = {tx.purpose: tx for tx in running.store.journal.of_job(begun["job_id"])}["request"]
        while running.store.journal.unsettled():  # noqa: ASYNC110 - the journal tells no events
            await asyncio.sleep(0.01)
        assert await emeth_tui.jobs() == []
        assert await network.emt_wei() == before_wei
        (unfinished,) = await emeth_tui.json("requests")
        assert unfinished["state"] == "unfinished"

        job_id = await emeth_tui.requested()
        assert job_id == begun["job_id"]
        assert await emeth_tui.jobs() == [job_id]
        assert before_wei - await network.emt_wei() == FEE_WEI
        settled = {tx.tx_hash: tx.state for tx in running.store.journal.of_job(job_id)}
        assert settled[signed.tx_hash] is TransactionState.REPLACED
        assert (await running.stop()).adds_up


async def test_a_node_that_ends_breaks_a_request_off_and_the_next_goes_on(
    emeth_tui: Program, network: Harness
) -> None:
    before_wei = await network.emt_wei()
    await network.mine_by_itself(False)
    async with node(emeth_tui) as running:
        asking = asyncio.ensure_future(emeth_tui(*emeth_tui.request, code=24, mining=False))
        await emeth_tui.known_to_chain(1)
        await running.stop()
        _stdout, why = await asking
        assert "the same command goes on from there" in why
    async with node(emeth_tui):
        printed = json.loads((await emeth_tui(*emeth_tui.request, "--json"))[0])
    assert await emeth_tui.jobs() == [printed["job_id"]]
    assert before_wei - await network.emt_wei() == FEE_WEI
