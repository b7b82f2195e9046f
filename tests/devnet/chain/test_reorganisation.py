"""Blocks taken back and replaced, over real RPC: what was dropped is gone, and the past is still there."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from emeth_tui.devnet.chain.anvil import BINARY_VARIABLE, find_anvil
from emeth_tui.devnet.chain.backends import ChainKind, ChainService, make_chain
from tests.devnet.chain.raw_rpc import (
    ALICE,
    BOB,
    CHAIN_ID,
    GENESIS_ACCOUNTS,
    RawRpc,
    creation,
    encoded,
    signed,
)

needs_anvil = pytest.mark.skipif(
    find_anvil() is None, reason=f"needs an anvil binary, on the PATH or named by {BINARY_VARIABLE}"
)
TOKEN_GAS = 2_000_000


def open_chain(
    kind: ChainKind, directory: Path | None = None, *, can_reorganise: bool = True
) -> ChainService:
    return make_chain(
        kind,
        chain_id=CHAIN_ID,
        state_dir=directory,
        genesis_accounts=GENESIS_ACCOUNTS,
        can_reorganise=can_reorganise,
    )


@pytest.fixture
async def rpc() -> AsyncIterator[RawRpc]:
    """A chain of py-evm with one block for each of Alice's first four transactions."""
    async for client in serve("py-evm"):
        yield client


@pytest.fixture(params=["py-evm", pytest.param("anvil", marks=needs_anvil)])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[RawRpc]:
    """The same, on each kind of chain."""
    async for client in serve(request.param):
        yield client


async def serve(kind: ChainKind) -> AsyncIterator[RawRpc]:
    chain = open_chain(kind)
    await chain.start()
    client = RawRpc(chain.rpc_url)
    try:
        for nonce in range(4):
            await send(client, signed(nonce, value=nonce + 1))
        yield client
    finally:
        await client.close()
        await chain.stop()


async def send(rpc: RawRpc, raw: str) -> str:
    """Send a transaction that is mined at once: anvil answers a little earlier."""
    sent = str(await rpc.result("eth_sendRawTransaction", raw))
    while await rpc.result("eth_getTransactionReceipt", sent) is None:
        pass
    return sent


async def hashes(rpc: RawRpc) -> list[str]:
    head = int(await rpc.result("eth_blockNumber"), 16)
    blocks = [await rpc.result("eth_getBlockByNumber", hex(number), False) for number in range(head + 1)]
    for parent, child in itertools.pairwise(blocks):
        assert child["parentHash"] == parent["hash"]
    return [str(block["hash"]) for block in blocks]


async def transaction_of(rpc: RawRpc, number: int) -> str:
    return str((await rpc.result("eth_getBlockByNumber", hex(number), False))["transactions"][0])


async def count(rpc: RawRpc, block: str = "latest") -> int:
    return int(await rpc.result("eth_getTransactionCount", ALICE.address, block), 16)


async def test_other_blocks_take_the_place_of_the_newest(either: RawRpc) -> None:
    before = await hashes(either)
    gone = [await transaction_of(either, number) for number in (3, 4)]

    await either.result("anvil_reorg", 2, [])

    after = await hashes(either)
    assert after[:3] == before[:3]
    assert len(after) == len(before)
    assert not set(after[3:]) & set(before[3:])
    for sent in gone:
        assert await either.result("eth_getTransactionReceipt", sent) is None
        assert await either.result("eth_getTransactionByHash", sent) is None
    for block_hash in before[3:]:
        assert await either.result("eth_getBlockByHash", block_hash, False) is None
    assert await count(either) == await count(either, "pending") == 2


async def test_the_new_blocks_hold_what_they_are_given(either: RawRpc) -> None:
    other, same = signed(2, value=77), signed(3, value=4)
    before = await hashes(either)

    await either.result("anvil_reorg", 3, [[signed(1, value=2), 0], [other, 1], [same, 1]])

    blocks = [await either.result("eth_getBlockByNumber", hex(number), True) for number in (2, 3, 4)]
    assert [[int(each["value"], 16) for each in block["transactions"]] for block in blocks] == [
        [2],
        [77, 4],
        [],
    ]
    assert not {block["hash"] for block in blocks} & set(before)
    assert await count(either) == 4


async def test_a_chain_is_rolled_back(either: RawRpc) -> None:
    before = await hashes(either)

    await either.result("anvil_rollback", 3)

    assert await hashes(either) == before[:2]
    assert await count(either) == 1
    await send(either, signed(1, value=9))


async def test_pending_transactions_are_dropped(either: RawRpc) -> None:
    await either.result("evm_setAutomine", False)
    sent = await either.result("eth_sendRawTransaction", signed(4))

    assert await either.result("anvil_dropTransaction", sent) == sent
    assert await either.result("anvil_dropTransaction", sent) is None
    await either.result("eth_sendRawTransaction", signed(4))
    await either.result("anvil_removePoolTransactions", ALICE.address)
    await either.result("eth_sendRawTransaction", signed(4))
    await either.result("anvil_dropAllTransactions")

    assert await either.result("txpool_status") == {"pending": "0x0", "queued": "0x0"}
    assert await either.result("eth_getTransactionByHash", sent) is None


@pytest.mark.parametrize(
    "params", [[5, []], [2**70, []], [2, [[signed(2), 2]]], [2, 7], [2, [["0x12", 0]]], [2]]
)
async def test_a_reorganisation_that_cannot_be_is_refused(either: RawRpc, params: list[Any]) -> None:
    before = await hashes(either)
    await either.error("anvil_reorg", *params)
    assert await hashes(either) == before


async def test_the_past_is_that_of_the_new_chain(either: RawRpc) -> None:
    balances = [await either.result("eth_getBalance", BOB.address, hex(number)) for number in range(5)]

    await either.result("anvil_reorg", 2, [[signed(2, value=50), 1]])

    after = [await either.result("eth_getBalance", BOB.address, hex(number)) for number in range(5)]
    assert after[:4] == [*balances[:3], balances[2]]
    assert int(after[4], 16) == int(balances[2], 16) + 50
    assert [await count(either, hex(number)) for number in range(5)] == [0, 1, 2, 2, 3]


async def test_safe_and_final_blocks_trail_the_head(either: RawRpc) -> None:
    for tag in ("safe", "finalized"):
        assert await count(either, tag) == 0
        assert (await either.result("eth_getBlockByNumber", tag, False))["number"] == "0x0"
    for _ in range(64):
        await either.result("evm_mine")

    numbers = [
        int((await either.result("eth_getBlockByNumber", tag, False))["number"], 16)
        for tag in ("latest", "safe", "finalized")
    ]
    assert numbers == [68, 36, 4]
    assert await count(either, "finalized") == 4


async def test_logs_and_state_of_dropped_blocks_are_gone(either: RawRpc) -> None:
    created = await send(
        either, signed(4, to=None, value=0, gas=TOKEN_GAS, data=creation("EmethToken", 10**20))
    )
    receipt = await either.result("eth_getTransactionReceipt", created)
    token = to_checksum_address(receipt["contractAddress"])
    transfer = {
        "to": token,
        "value": 0,
        "gas": 100_000,
        "data": encoded("EmethToken", "transfer", BOB.address, 7),
    }
    await send(either, signed(5, **transfer))
    balance = {"to": token, "data": encoded("EmethToken", "balanceOf", BOB.address)}
    everything = {"fromBlock": "0x0", "address": token}
    assert [int(log["data"], 16) for log in await either.result("eth_getLogs", everything)] == [10**20, 7]

    await either.result("anvil_reorg", 1, [])

    assert [int(log["data"], 16) for log in await either.result("eth_getLogs", everything)] == [10**20]
    assert int(await either.result("eth_call", balance, "latest"), 16) == 0

    await either.result("anvil_reorg", 2, [])

    assert await either.result("eth_getLogs", everything) == []
    assert await either.result("eth_getCode", token, "latest") == "0x"
    assert await either.result("eth_getCode", token, hex(5)) == "0x"


async def test_dropped_transactions_wait_in_the_order_of_their_nonces(rpc: RawRpc) -> None:
    gone = [await transaction_of(rpc, number) for number in (2, 3, 4)]

    assert await rpc.result("devnet_reorg", {"depth": 3}) == gone

    assert len(await hashes(rpc)) == 5
    assert (await count(rpc), await count(rpc, "pending")) == (1, 4)
    for sent in gone:
        assert (await rpc.result("eth_getTransactionByHash", sent))["blockHash"] is None
        assert await rpc.result("eth_getTransactionReceipt", sent) is None
    await rpc.result("evm_mine")
    mined = await rpc.result("eth_getBlockByNumber", "latest", False)
    assert (mined["number"], mined["transactions"]) == ("0x5", gone)


async def test_dropped_transactions_are_mined_again_in_the_last_new_block(rpc: RawRpc) -> None:
    before = await hashes(rpc)
    gone = [await transaction_of(rpc, number) for number in (3, 4)]

    await rpc.result("devnet_reorg", {"depth": 2, "blocks": 3, "dropped": "mine"})

    after = await hashes(rpc)
    assert len(after) == 6
    assert not set(after[3:]) & set(before[3:])
    receipts = [await rpc.result("eth_getTransactionReceipt", sent) for sent in gone]
    assert [receipt["blockNumber"] for receipt in receipts] == ["0x5", "0x5"]
    assert {receipt["blockHash"] for receipt in receipts} == {after[5]}


async def test_the_same_content_makes_another_block(rpc: RawRpc) -> None:
    before = await hashes(rpc)
    await rpc.result("devnet_reorg", {"depth": 1, "dropped": "mine"})
    once = await hashes(rpc)
    await rpc.result("devnet_reorg", {"depth": 1, "dropped": "mine"})

    assert len({before[4], once[4], (await hashes(rpc))[4]}) == 3
    assert await count(rpc) == 4


async def test_dropped_transactions_can_be_forgotten(rpc: RawRpc) -> None:
    (gone,) = await rpc.result("devnet_reorg", {"depth": 1, "blocks": 1, "dropped": "forget"})

    await rpc.result("evm_mine")

    assert await rpc.result("eth_getTransactionByHash", gone) is None
    assert await count(rpc, "pending") == 3
    assert (
        await rpc.result("eth_sendRawTransaction", signed(3, value=4)) == gone
    )  # the same bytes go in again


async def test_what_came_since_is_not_replaced(rpc: RawRpc) -> None:
    await rpc.result("evm_setAutomine", False)
    await rpc.result("eth_sendRawTransaction", signed(4, value=5))

    await rpc.result("devnet_reorg", {"depth": 4, "dropped": "pool"})

    assert await rpc.result("txpool_status") == {"pending": "0x5", "queued": "0x0"}
    await rpc.result("anvil_reorg", 1, [[signed(0, value=99), 0]])
    assert await rpc.result("txpool_status") == {"pending": "0x4", "queued": "0x0"}


@pytest.mark.slow
async def test_twenty_blocks_are_replaced(rpc: RawRpc) -> None:
    for nonce in range(4, 24):
        await send(rpc, signed(nonce))
    before = await hashes(rpc)

    gone = await rpc.result("devnet_reorg", {"depth": 20, "blocks": 21, "dropped": "mine"})

    after = await hashes(rpc)
    assert (len(after), after[:5], len(gone)) == (len(before) + 1, before[:5], 20)
    assert await count(rpc) == 24


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"depth": 5},
        {"depth": 2, "blocks": 1},
        {"depth": 1, "blocks": 10**6},
        {"depth": 1, "dropped": "x"},
        {"depth": 1, "dropped": []},
        {"depth": 1, "speed": 1},
        7,
    ],
    ids=str,
)
async def test_options_that_make_no_sense_are_refused(rpc: RawRpc, options: Any) -> None:
    before = await hashes(rpc)
    assert (await rpc.error("devnet_reorg", options))["code"] == -32602
    assert await hashes(rpc) == before


@pytest.mark.parametrize(
    "method", ["anvil_reorg", "anvil_rollback", "anvil_dropAllTransactions", "devnet_reorg"]
)
async def test_a_network_for_others_does_not_rewrite_its_past(method: str) -> None:
    chain = open_chain("py-evm", can_reorganise=False)
    await chain.start()
    client = RawRpc(chain.rpc_url)
    assert (await client.error(method))["code"] == -32601
    await client.close()
    await chain.stop()


async def test_a_kept_chain_keeps_its_new_blocks(tmp_path: Path) -> None:
    kept: list[list[str]] = []
    for _ in range(2):
        chain = open_chain("py-evm", tmp_path)
        await chain.start()
        client = RawRpc(chain.rpc_url)
        if not kept:
            for nonce in range(4):
                await send(client, signed(nonce))
            gone = await client.result("devnet_reorg", {"depth": 2, "dropped": "forget"})
            await client.result("devnet_reorg", {"depth": 1, "blocks": 2})
        kept.append(await hashes(client))
        assert [await client.result("eth_getTransactionReceipt", sent) for sent in gone] == [None, None]
        assert await count(client) == 2
        await send(client, signed(2, value=3))
        await client.result("devnet_reorg", {"depth": 1, "dropped": "forget"})
        kept.append(await hashes(client))
        await client.close()
        await chain.stop()
    assert kept[2] == kept[1]
    assert kept[3][-1] != kept[2][-1]
