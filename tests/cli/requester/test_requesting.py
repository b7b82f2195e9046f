"""`request`: measured, asked, stored, paid once, whatever breaks in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emeth_tui.devnet.faults import Faults
from emeth_tui.protocol.contracts import JobStatus
from tests.cli.requester.program import Program
from tests.engine.harness import TEXT, Harness, quiet_network

pytestmark = pytest.mark.process
FEE_WEI = 20 * 10**18


@pytest.fixture
def emeth_tui(network: Harness, tmp_path: Path) -> Program:
    return Program(network, tmp_path)


@pytest.mark.slow
async def test_a_text_becomes_a_job_for_exactly_its_fee(emeth_tui: Program, network: Harness) -> None:
    before_wei = await network.emt_wei()
    asked, shown = await emeth_tui(*emeth_tui.request[:-1], code=25)
    assert asked == ""
    assert "20.00 EMT" in shown
    assert await emeth_tui.jobs() == []

    job_id = await emeth_tui.requested()

    job = await network.job(job_id)
    balances = await network.devnet.chain.balances(network.operator_address)
    assert job.status is JobStatus.REQUESTED
    assert json.loads(job.param) == {"language": "en", "epoch": 30}
    assert before_wei - balances.emt_wei == job.fee_wei == FEE_WEI
    assert balances.allowance_wei == 0
    assert job.deadline_unix_s - job.requested_at_unix_s == pytest.approx(6 * 3_600, abs=60)
    async with network.node() as running:
        assert (await running.event("submitted", job_id)).job_id == job_id
    _stdout, why = await emeth_tui(*emeth_tui.request, code=30)
    assert job_id in why
    assert await emeth_tui.again() != job_id


@pytest.mark.slow
async def test_a_request_that_is_killed_goes_on_and_pays_once(deployed_network: Path, tmp_path: Path) -> None:
    faults = Faults(refused_uploads=1_000)
    async with quiet_network(deployed_network, tmp_path, faults=faults) as network:
        emeth_tui = Program(network, tmp_path)
        before_wei = await network.emt_wei()
        with emeth_tui.running(*emeth_tui.request):  # killed while it stores
            await _until(lambda: faults.refused_uploads < 1_000)
        faults.refused_uploads = 0
        await network.mine_by_itself(False)
        with emeth_tui.running(*emeth_tui.request):  # killed while the approval waits for a block
            await emeth_tui.known_to_chain(1)
        with emeth_tui.running(*emeth_tui.request):
            await emeth_tui.known_to_chain(1)
            await network.mine(1)
            await emeth_tui.known_to_chain(2)  # killed while the request waits for one
        (listed,) = await emeth_tui.json("requests")

        job_id = await emeth_tui.requested()

        assert listed["job_id"] == job_id
        assert await emeth_tui.jobs() == [job_id]
        assert before_wei - await network.emt_wei() == FEE_WEI
        assert await emeth_tui.nonce("latest") == 2


@pytest.mark.slow
async def test_a_request_that_is_killed_before_its_block_is_final_pays_once(
    emeth_tui: Program, network: Harness
) -> None:
    with network.devnet.info.node_settings.open("a") as settings:
        settings.write("confirmations = 3\n")
    before_wei = await network.emt_wei()
    await network.mine_by_itself(False)
    with emeth_tui.running(*emeth_tui.request) as running:
        await emeth_tui.known_to_chain(1)
        await network.mine(1)
        await emeth_tui.known_to_chain(2)
        await network.mine(1)
        assert running.stdout is not None
        printed = await asyncio.to_thread(running.stdout.readline)  # killed while its block is not final
    assert running.returncode < 0

    job_id = await emeth_tui.requested()

    assert job_id == printed.decode().strip()
    assert await emeth_tui.jobs() == [job_id]
    assert before_wei - await network.emt_wei() == FEE_WEI
    assert await emeth_tui.again() != job_id


@pytest.mark.slow
async def test_a_requested_job_is_cancelled_while_no_node_has_it(
    emeth_tui: Program, network: Harness
) -> None:
    before_wei = await network.emt_wei()
    job_id = await emeth_tui.requested()

    await emeth_tui("requests", "cancel", job_id[2:8])

    assert (await network.job(job_id)).status is JobStatus.CANCELED
    assert await network.emt_wei() == before_wei
    _stdout, why = await emeth_tui("requests", "cancel", job_id, code=24)
    assert "only a job that no node has taken" in why
    ended, _stderr = await emeth_tui("requests", "watch", job_id, "--json", code=26)
    assert json.loads(ended)["state"] == "canceled"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "options", "code", "why"),
    [
        (b"\xff\xfe\x00", "--fee 20", 1, "UTF-16"),
        (TEXT.encode(), "--fee 31", 24, "over 30.00 EMT"),
        (TEXT.encode(), "--fee 900 --anyway", 8, "holds 200.00 EMT"),
    ],
    ids=["no text", "fee too high", "too dear"],
)
async def test_what_nodes_refuse_is_refused_before_anything_is_stored_or_paid(
    emeth_tui: Program, content: bytes, options: str, code: int, why: str
) -> None:
    emeth_tui.text.write_bytes(content)
    command = ["request", str(emeth_tui.text), "--language", "en", *options.split(), "--yes"]

    _stdout, said = await emeth_tui(*command, code=code, mining=False)

    assert why in said
    assert await emeth_tui.jobs() == []
    assert await emeth_tui.json("requests") == []
    assert await emeth_tui.nonce("pending") == 0


async def _until(done: Callable[[], bool]) -> None:
    while not done():  # noqa: ASYNC110 - the server counts, and tells no events
        await asyncio.sleep(0.01)
