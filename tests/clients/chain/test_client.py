"""ChainClient against EmethCore on a real EVM, over HTTP."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from eth_utils.crypto import keccak

from emeth_tui.clients.chain.client import Balances, ChainClient
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.errors import ChainUnreachable, ContractMissing, WrongChain
from emeth_tui.model import JobId, token_to_wei
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes
from tests.clients.emeth_chain import FEE_WEI, NATIVE_WEI, NODE, NODE_EMT_WEI, REQUESTER, RIVAL, EmethChain
from tests.clients.local_server import QUICK_RETRY

NOBODY = "0x" + "00" * 20
UNKNOWN_JOB = JobId("0x" + "ab" * 16)


async def test_connects_to_the_network_it_was_told_of(chain: ChainClient, network: EmethChain) -> None:
    head = await chain.head()

    block = network.ask("eth_getBlockByNumber", "latest", False)
    assert head.number == int(block["number"], 16)
    assert head.hash == block["hash"]
    assert head.timestamp_unix_s == int(block["timestamp"], 16)


@pytest.mark.parametrize("lie", [{"number": hex(10**12)}, {"timestamp": hex(2**36)}])
async def test_a_newest_block_far_from_the_last_is_believed_when_it_shows_twice(
    chain: ChainClient, network: EmethChain, lie: dict[str, str]
) -> None:
    block = network.ask("eth_getBlockByNumber", "latest", False)
    lies = [lie, {}, lie, {}, lie, lie]  # at the first look, at a later one, and twice in a row
    network.app.hooks["eth_getBlockByNumber"] = lambda _: {"result": block | lies.pop(0)}

    first, second, third = [await chain.head() for _look in range(3)]

    assert (first.number, first.timestamp_unix_s) == (int(block["number"], 16), int(block["timestamp"], 16))
    assert second == first
    assert third != first


async def test_a_block_after_the_end_of_calendars_is_none(chain: ChainClient, network: EmethChain) -> None:
    block = network.ask("eth_getBlockByNumber", "latest", False)
    network.app.hooks["eth_getBlockByNumber"] = lambda _: {"result": block | {"timestamp": hex(2**40)}}
    with pytest.raises(BadAnswer):
        await chain.head()


async def test_a_slot_after_the_end_of_calendars_is_none(chain: ChainClient, network: EmethChain) -> None:
    network.app.hooks["eth_call"] = lambda _: {"result": f"0x{2**200:064x}"}
    with pytest.raises(BadAnswer):
        await chain.current_slot()


async def test_names_both_chain_ids_when_the_endpoint_serves_another_chain(network: EmethChain) -> None:
    with pytest.raises(WrongChain, match=r"serves chain 60001 instead of 1; check rpc_urls and chain_id"):
        await ChainClient.connect(network.network.model_copy(update={"chain_id": 1}))


async def test_an_endpoint_that_nobody_serves_is_unreachable(network: EmethChain) -> None:
    dead = network.network.model_copy(update={"rpc_urls": ["http://127.0.0.1:9/v3/secret-api-key"]})
    with pytest.raises(
        ChainUnreachable, match=r"^http://127\.0\.0\.1:9 does not answer: .*check rpc_urls"
    ) as caught:
        await ChainClient.connect(dead, retry=QUICK_RETRY)
    assert "secret-api-key" not in str(caught.value)


@pytest.mark.parametrize("key", ["core_address", "token_address"])
async def test_an_address_without_code_is_named_with_its_setting(network: EmethChain, key: str) -> None:
    empty = "0x" + "77" * 20
    with pytest.raises(ContractMissing, match=rf"{key} {empty}: there is no contract at it.*check {key}"):
        await ChainClient.connect(network.network.model_copy(update={key: empty}))


async def test_a_contract_that_is_not_emeth_core_is_refused(network: EmethChain) -> None:
    swapped = network.network.model_copy(update={"core_address": network.network.token_address})
    with pytest.raises(ContractMissing, match="is not EmethCore"):
        await ChainClient.connect(swapped)


async def test_a_token_that_core_does_not_work_with_is_refused(network: EmethChain) -> None:
    wrong = network.network.model_copy(update={"token_address": network.network.core_address})
    with pytest.raises(ContractMissing, match=f"works with the token {network.network.token_address}"):
        await ChainClient.connect(wrong)


async def test_rates_are_the_contracts_own(chain: ChainClient) -> None:
    assert await chain.rates() == ROUND_3_2_RATES


async def test_a_deployment_without_a_slot_cap_has_none(chain: ChainClient, network: EmethChain) -> None:
    selector = keccak(b"MAX_SLOT_GAS_PER_NODE()")[:4].hex()

    def refuse_cap(call: dict[str, Any]) -> dict[str, Any] | None:
        is_cap = call["params"][0]["data"] == "0x" + selector
        return {"error": {"code": 3, "message": "execution reverted", "data": "0x"}} if is_cap else None

    network.app.hooks["eth_call"] = refuse_cap
    assert (await chain.rates()).max_slot_gas_per_node == 2**256 - 1


async def test_jobs_come_whole_and_unknown_ids_are_absent(chain: ChainClient, network: EmethChain) -> None:
    first = network.request_job(dataset="one.txt")
    second = network.request_job(fee_wei=2 * FEE_WEI)
    network.take(RIVAL, second, 2 * FEE_WEI)
    network.succeed(RIVAL, network.core("submit", job_id_bytes(second), "result.pt"))

    jobs = await chain.jobs([first, UNKNOWN_JOB, second])

    assert list(jobs) == [first, second]
    assert jobs[first].status is JobStatus.REQUESTED
    assert (jobs[first].owner, jobs[first].dataset, jobs[first].fee_wei) == (
        REQUESTER.address,
        "one.txt",
        FEE_WEI,
    )
    assert jobs[first].node == NOBODY
    assert jobs[second].status is JobStatus.SUBMITTED
    assert (jobs[second].node, jobs[second].deposit_wei) == (RIVAL.address, 2 * FEE_WEI)
    assert jobs[second].result == "result.pt"
    assert (
        jobs[second].requested_at_unix_s <= jobs[second].started_at_unix_s <= jobs[second].submitted_at_unix_s
    )
    assert jobs[second].verified_at_unix_s == 0


@pytest.mark.slow
async def test_many_jobs_take_few_requests(chain: ChainClient, network: EmethChain) -> None:
    ids = [network.request_job() for _ in range(3)]
    ids += [JobId("0x" + secrets.token_hex(16)) for _ in range(97)]
    posts_before = network.app.posts

    assert list(await chain.jobs(ids)) == ids[:3]

    assert network.app.posts - posts_before == 3  # 300 calls, 100 a batch


async def test_an_endpoint_without_batches_is_asked_one_by_one(
    chain: ChainClient, network: EmethChain
) -> None:
    job_id = network.request_job()
    network.app.refuses_batches = True
    posts_before = network.app.posts

    assert (await chain.jobs([job_id]))[job_id].fee_wei == FEE_WEI
    assert (await chain.jobs([job_id]))[job_id].fee_wei == FEE_WEI

    assert network.app.posts - posts_before == 1 + 3 + 3  # the refusal is remembered


async def test_text_that_is_not_utf8_hides_no_other_job(chain: ChainClient, network: EmethChain) -> None:
    good, bad = network.request_job(), network.request_job(dataset="ab")
    needle = "0000000000000000000000000000000000000000000000000000000000000002" + "6162"
    details = "0x" + keccak(b"jobDetails(bytes16)")[:4].hex() + bad[2:]

    def spoil(call: dict[str, Any]) -> dict[str, Any] | None:
        if not call["params"][0]["data"].startswith(details):
            return None
        honest = network.ask("eth_call", *call["params"])
        assert needle in honest
        return {"result": honest.replace(needle, needle[:-4] + "fffe")}

    network.app.hooks["eth_call"] = spoil
    jobs = await chain.jobs([bad, good])
    assert jobs[good].dataset == "a.txt"
    assert jobs[bad].dataset == "\ufffd\ufffd"


@pytest.mark.parametrize("garbage", ["0x", "0x00ff", "not hex", None, 7, {"a": 1}, "0x" + "ff" * 224])
async def test_a_garbage_record_is_absent(chain: ChainClient, network: EmethChain, garbage: object) -> None:
    good, bad = network.request_job(), network.request_job()
    record = "0x" + keccak(b"jobs(bytes16)")[:4].hex() + bad[2:]
    network.app.hooks["eth_call"] = lambda call: (
        {"result": garbage} if call["params"][0]["data"].startswith(record) else None
    )
    assert list(await chain.jobs([bad, good])) == [good]


async def test_balances_are_emt_native_and_allowance_to_core(chain: ChainClient, network: EmethChain) -> None:
    network.succeed(REQUESTER, network.token("approve", network.network.core_address, 5))
    assert await chain.balances(NODE.address) == Balances(NODE_EMT_WEI, NATIVE_WEI, 0)
    balances = await chain.balances(REQUESTER.address)
    assert balances.allowance_wei == 5
    assert 0 < balances.native_wei < NATIVE_WEI


@pytest.mark.slow
async def test_slot_shares_follow_gas_reward_and_withdrawal(chain: ChainClient, network: EmethChain) -> None:
    today = await chain.current_slot()
    assert await chain.node_slots(RIVAL.address) == []
    (before,) = await chain.slot_shares(RIVAL.address, [today])
    assert (before.own_gas, before.total_gas, before.reward_wei) == (0, 0, token_to_wei(288_000))

    for account, gas in ((RIVAL, 30), (NODE, 10)):
        job_id = network.request_job()
        network.take(account, job_id)
        network.succeed(account, network.core("submit", job_id_bytes(job_id), "r.pt"))
        network.verify(job_id, gas)
    network.next_day()
    (share,) = await chain.slot_shares(RIVAL.address, [today])
    assert (share.own_gas, share.own_balance, share.total_gas) == (30, 30, 40)
    assert share.withdrawable_wei == token_to_wei(288_000) * 30 // 40
    assert await chain.node_slots(RIVAL.address) == [today]
    assert await chain.current_slot() == today + 1

    network.succeed(RIVAL, network.core("withdrawSlotReward", today))
    (share,) = await chain.slot_shares(RIVAL.address, [today])
    assert (share.own_gas, share.own_balance, share.withdrawable_wei) == (30, 0, 0)
