"""What a chain does to its users: it changes its mind, forgets its mempool, stands still, serves others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import Key
from tests.faults.stage.world import World

Fault = Callable[[World, random.Random], Awaitable[str]]
LATE_S = 8_000  # longer than any job has
DEEPEST = 20  # blocks that a reorganisation replaces
_LEFT_WEI = 10**15  # enough for a transaction, not for a job
_TRANSFER_GAS = 21_000


def reorganisation(dropped: str) -> Fault:
    """Replace 1 to 20 blocks; their transactions are mined again, wait in the mempool, or are forgotten."""

    async def fault(world: World, chance: random.Random) -> str:
        depth, more = chance.randint(1, DEEPEST), chance.randint(0, 2)
        rpc = world.chain.rpc
        if world.setup.chain == "anvil":
            async with world.parties.no_blocks():  # anvil loses what is mined meanwhile
                count = await _reorganise_anvil(rpc, depth, dropped)
        else:
            options = {"depth": depth, "blocks": depth + more, "dropped": dropped}
            count = len(await rpc.call("devnet_reorg", options))
        return f"{depth} blocks, {count} transactions"

    return fault


async def _reorganise_anvil(rpc: Rpc, depth: int, dropped: str) -> int:
    """Do the same with anvil, which forgets what it drops unless it is given the bytes again."""
    head = int(await rpc.call("eth_blockNumber"), 16)
    raws = []
    for number in range(head - depth + 1, head + 1):
        block = await rpc.call("eth_getBlockByNumber", hex(number), False)
        raws += [await rpc.call("eth_getRawTransactionByHash", sent) for sent in block["transactions"]]
    again = [[raw, depth - 1] for raw in raws] if dropped == "mine" else []
    await rpc.call("anvil_reorg", depth, again)
    if dropped == "pool":
        for raw in raws:
            await rpc.call("eth_sendRawTransaction", raw)
    return len(raws)


async def mempool_emptied(world: World, chance: random.Random) -> str:
    """Forget what waits for a block, several times: it was paid too little, or the endpoint was restarted."""
    times = chance.randint(1, 8)
    for _ in range(times):
        await world.chain.rpc.call("anvil_dropAllTransactions")
        await asyncio.sleep(0.15)
    return f"{times} times"


async def no_blocks(world: World, chance: random.Random) -> str:
    seconds = chance.uniform(2.0, 8.0)
    async with world.parties.no_blocks():
        await asyncio.sleep(seconds)
    return f"{seconds:.1f} s"


async def clock_ahead(world: World, chance: random.Random) -> str:
    seconds = chance.choice((30, 300, 1_800))
    await world.chain.rpc.call("evm_increaseTime", seconds)
    return f"{seconds} s"


async def deadline_passed(world: World, chance: random.Random) -> str:
    """Let so much time pass that every job is late: what is under way is timed out, the rest cancelled."""
    await world.chain.rpc.call("evm_increaseTime", LATE_S)
    return f"{LATE_S} s"


async def result_refused(world: World, chance: random.Random) -> str:
    """Have the verifier reject the next result, whatever it is."""
    world.parties.to_refuse += 1
    return "the next result"


async def native_spent(world: World, chance: random.Random) -> str:
    """Have another wallet with the node's key send nearly all native token away; it comes back later."""
    operator, other = world.key(funding.OPERATOR), world.key("test1")
    balance_wei = int(await world.chain.rpc.call("eth_getBalance", operator.address, "latest"), 16)
    price_wei = 2 * int(await world.chain.rpc.call("eth_gasPrice"), 16)
    sent_wei = balance_wei - _LEFT_WEI - price_wei * _TRANSFER_GAS
    await _send(world, operator, other.address, sent_wei, price_wei)
    seconds = chance.uniform(1.0, 6.0)
    await asyncio.sleep(seconds)
    await _send(world, other, operator.address, sent_wei // 2, price_wei)
    return f"for {seconds:.1f} s"


async def _send(world: World, sender: Key, to: str, value_wei: int, price_wei: int) -> None:
    fields: dict[str, Any] = {
        "chainId": world.chain.network.chain_id,
        "nonce": int(await world.chain.rpc.call("eth_getTransactionCount", sender.address, "pending"), 16),
        "to": to,
        "value": value_wei,
        "gas": _TRANSFER_GAS,
        "gasPrice": price_wei,
        "data": b"",
    }
    raw, _ = sender.wallet.sign_transaction(fields)
    await world.chain.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())


CHAIN_FAULTS: dict[str, Fault] = {
    **{f"reorganisation: {dropped}": reorganisation(dropped) for dropped in ("mine", "pool", "forget")},
    "chain: mempool emptied": mempool_emptied,
    "chain: no blocks": no_blocks,
    "chain: clock ahead": clock_ahead,
    "chain: deadline passed": deadline_passed,
    "verifier: a result refused": result_refused,
    "native token spent": native_spent,
}
