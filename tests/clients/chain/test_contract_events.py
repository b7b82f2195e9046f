"""EmethCore's events, from a real EVM and from servers that limit ranges or send garbage."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from emeth_tui.clients.chain import contract_events
from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contract_events import (
    JobCanceled,
    JobRequested,
    PenaltyTaken,
    RewardCredited,
    StatusChanged,
    read_events,
)
from emeth_tui.clients.chain.contracts import Contracts
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.protocol.contracts import JobStatus, abi
from emeth_tui.protocol.job_ids import job_id_bytes
from tests.clients.chain.scripted_rpc import ScriptedRpc
from tests.clients.emeth_chain import FEE_WEI, REQUESTER, RIVAL, EmethChain

CORE = "0x" + "c0" * 20


@pytest.mark.slow
async def test_every_event_comes_in_order_with_its_place(chain: ChainClient, network: EmethChain) -> None:
    start = (await chain.head()).number + 1
    verified, declined, canceled = (network.request_job() for _ in range(3))
    network.take(RIVAL, verified)
    network.succeed(RIVAL, network.core("submit", job_id_bytes(verified), "r.pt"))
    network.verify(verified, gas=17)
    network.take(RIVAL, declined)
    network.succeed(RIVAL, network.core("decline", job_id_bytes(declined)))
    network.succeed(REQUESTER, network.core("cancel", job_id_bytes(canceled)))
    end = (await chain.head()).number

    events = await chain.events(start, end)

    node = RIVAL.address
    assert [(type(event), getattr(event, "job_id", None)) for event in events] == [
        (JobRequested, verified),
        (JobRequested, declined),
        (JobRequested, canceled),
        (StatusChanged, verified),
        (StatusChanged, verified),
        (StatusChanged, verified),
        (RewardCredited, None),
        (StatusChanged, declined),
        (StatusChanged, declined),
        (PenaltyTaken, None),
        (JobCanceled, canceled),
    ]
    requested, reward, penalty = events[0], events[6], events[9]
    assert isinstance(requested, JobRequested)
    assert (requested.owner, requested.fee_wei) == (REQUESTER.address, FEE_WEI)
    assert requested.deadline_unix_s == (await chain.jobs([verified]))[verified].deadline_unix_s
    assert isinstance(reward, RewardCredited)
    assert (reward.node, reward.slot, reward.gas) == (node, await chain.current_slot(), 17)
    assert isinstance(penalty, PenaltyTaken)
    assert (penalty.node, penalty.slashed_wei) == (node, FEE_WEI // 4)
    statuses = [event for event in events if isinstance(event, StatusChanged)]
    assert [event.status for event in statuses] == [
        JobStatus.PROCESSING,
        JobStatus.SUBMITTED,
        JobStatus.VERIFIED,
        JobStatus.PROCESSING,
        JobStatus.DECLINED,
    ]
    assert {event.node for event in statuses} == {node}
    receipt = network.ask("eth_getTransactionReceipt", reward.tx_hash)
    assert reward.block_number == int(receipt["blockNumber"], 16)
    assert reward.log_index in {int(log["logIndex"], 16) for log in receipt["logs"]}
    assert await chain.events(end + 1, end) == []


async def test_long_ranges_are_read_in_chunks(
    chain: ChainClient, network: EmethChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_events, "BLOCKS_A_REQUEST", 4)
    start = (await chain.head()).number + 1
    jobs = [network.request_job() for _ in range(5)]  # two blocks each
    events = await chain.events(start, (await chain.head()).number)
    assert [event.job_id for event in events if isinstance(event, JobRequested)] == jobs
    assert _ranges(network) == [(start, start + 3), (start + 4, start + 7), (start + 8, start + 9)]


async def test_a_refused_range_is_halved(chain: ChainClient, network: EmethChain) -> None:
    start = (await chain.head()).number + 1
    jobs = [network.request_job() for _ in range(4)]

    def refuse_long(call: dict[str, Any]) -> dict[str, Any] | None:
        wanted = call["params"][0]
        if int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) >= 2:
            return {"error": {"code": -32602, "message": "query returned more than 2 blocks"}}
        return None

    network.app.hooks["eth_getLogs"] = refuse_long
    events = await chain.events(start, (await chain.head()).number)
    assert [event.job_id for event in events if isinstance(event, JobRequested)] == jobs


async def test_a_refused_single_block_is_an_error(chain: ChainClient, network: EmethChain) -> None:
    network.app.hooks["eth_getLogs"] = lambda _: {"error": {"code": 1, "message": "never"}}
    with pytest.raises(RpcRefusal, match="never"):
        await chain.events(0, 9)


async def test_logs_outside_the_range_and_garbage_are_skipped(
    chain: ChainClient, network: EmethChain, caplog: pytest.LogCaptureFixture
) -> None:
    start = (await chain.head()).number + 1
    job_id = network.request_job()
    end = (await chain.head()).number

    def add_garbage(call: dict[str, Any]) -> dict[str, Any]:
        (honest,) = network.ask("eth_getLogs", *call["params"])
        lies = [
            {**honest, "data": "0x00"},
            {**honest, "topics": honest["topics"][:1]},
            {**honest, "address": CORE},
            {**honest, "blockNumber": hex(end + 1)},
            {**honest, "blockNumber": None},
            {**honest, "removed": True},
            {**honest, "logIndex": "first"},
            "not a log",
        ]
        return {"result": [*lies, honest]}

    network.app.hooks["eth_getLogs"] = add_garbage
    (event,) = await chain.events(start, end)
    assert isinstance(event, JobRequested)
    assert event.job_id == job_id
    assert caplog.text.count("skipping a log") == 3


_TOPICS = sorted(event.topic for event in Web3().eth.contract(abi=abi("EmethCore")).events)
_HEX = st.binary(max_size=100).map(lambda raw: "0x" + raw.hex())
_ODD = st.one_of(st.none(), st.integers(), st.text(max_size=5), _HEX, st.lists(_HEX, max_size=3))
_LOG = st.fixed_dictionaries(
    {
        "address": st.just(CORE),
        "topics": st.one_of(
            _ODD,
            st.tuples(st.sampled_from(_TOPICS), _HEX, _HEX).map(list),
            st.lists(_ODD, max_size=4),
        ),
        "data": _ODD,
        "blockNumber": st.one_of(st.just("0x1"), _ODD),
        "transactionHash": st.one_of(st.just("0x" + "11" * 32), _ODD),
        "logIndex": st.one_of(st.just("0x0"), _ODD),
    }
)


@pytest.mark.slow
@given(st.lists(_LOG, max_size=4))
def test_no_log_breaks_the_reader(logs: list[dict[str, Any]]) -> None:
    contracts = Contracts(ScriptedRpc({"eth_getLogs": logs}), CORE, CORE)
    events = asyncio.run(read_events(contracts, 0, 10))
    assert len(events) <= len(logs)
    assert all(0 <= event.block_number <= 10 for event in events)


def _ranges(network: EmethChain) -> list[tuple[int, int]]:
    wanted = network.app.params_of("eth_getLogs")
    return [(int(each["fromBlock"], 16), int(each["toBlock"], 16)) for each in wanted]
