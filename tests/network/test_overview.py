"""What a network shows of its earners, on a real chain and over midnight."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.model import token_to_wei
from emeth_tui.network.reading import look
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes
from tests.clients.emeth_chain import (
    FEE_WEI,
    NODE,
    NODE_EMT_WEI,
    REQUESTER,
    RIVAL,
    VERIFIER,
    EmethChain,
    emeth_chain,
)
from tests.clients.local_server import LocalServer

pytestmark = pytest.mark.slow

FIRST_DAY_WEI = token_to_wei(288_000)
GAS = {NODE.address: (7, 22), RIVAL.address: (19,), VERIFIER.address: (5,)}


@pytest.fixture
def network(server: LocalServer, deployed_chain: Path, tmp_path: Path) -> Iterator[EmethChain]:
    copy = tmp_path / "chain.state"
    shutil.copy(deployed_chain, copy)
    with emeth_chain(server, copy) as network:
        yield network


def earn(network: EmethChain, node: LocalAccount, gas: int) -> None:
    """Have a node's job verified."""
    job_id = network.request_job()
    network.take(node, job_id)
    network.succeed(node, network.core("submit", job_id_bytes(job_id), "checkpoint.pt"))
    network.verify(job_id, gas)


async def test_shares_are_in_proportion_to_gas_to_the_wei_and_withdrawn_after_midnight(
    network: EmethChain,
) -> None:
    network.succeed(NODE, network.token("transfer", VERIFIER.address, NODE_EMT_WEI // 4))
    for node in (NODE, RIVAL, VERIFIER):
        for gas in GAS[node.address]:
            earn(network, node, gas)
    network.request_job()
    chain = await ChainClient.connect(network.network)
    today = await look(chain)
    network.next_day()
    earn(network, NODE, 1)
    (slot,) = {day.slot for day in today.days}
    before_wei = {node: (await chain.balances(node)).emt_wei for node in GAS}
    for person in (NODE, RIVAL):
        network.succeed(person, network.core("withdrawSlotReward", slot))
    after_wei = {node: (await chain.balances(node)).emt_wei for node in GAS}

    seen = await look(chain)
    await chain.close()

    total = sum(map(sum, GAS.values()))
    expected_wei = {node: FIRST_DAY_WEI * sum(gas) // total for node, gas in GAS.items()}
    newest, first = seen.days
    assert (first.slot, first.is_closed, first.total_gas, first.reward_wei) == (
        slot,
        True,
        total,
        FIRST_DAY_WEI,
    )
    assert {share.node: share.reward_wei for share in first.shares} == expected_wei
    assert [share.gas for share in first.shares] == [29, 19, 5]
    assert {node: after_wei[node] - before_wei[node] for node in (NODE.address, RIVAL.address)} == {
        node: expected_wei[node] for node in (NODE.address, RIVAL.address)
    }
    assert {share.node for share in first.shares if share.withdrawable_wei} == {VERIFIER.address}
    assert (newest.is_closed, [share.node for share in newest.shares]) == (False, [NODE.address])
    assert [one.node for one in seen.nodes] == [NODE.address, RIVAL.address, VERIFIER.address]
    best = seen.nodes[0]
    assert (best.verified_jobs, best.gas, best.rewards_wei) == (3, 30, expected_wei[NODE.address])
    assert best.fees_wei == 3 * (FEE_WEI - token_to_wei(10))
    assert seen.jobs == {JobStatus.REQUESTED: 1, JobStatus.VERIFIED: 5}
    assert (seen.verifier, seen.minter) == (VERIFIER.address, seen.core_address)
    assert [one.rewards_wei for one in today.nodes] == [0, 0, 0]
    assert REQUESTER.address not in {one.node for one in seen.nodes}
