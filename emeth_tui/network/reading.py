"""Reading a network from its chain."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contract_events import JobRequested, RewardCredited
from emeth_tui.clients.chain.contracts import read
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.clients.chain.web3 import AsyncContractFunction
from emeth_tui.network.overview import Day, NodeShare, Overview, totals


async def look(chain: ChainClient) -> Overview:
    """Read a network from its chain. Raise NetworkError."""
    head = await chain.head()
    core, token = chain.contracts.core.functions, chain.contracts.token.functions
    events = await chain.events(chain.network.first_block, head.number)
    requested = list(dict.fromkeys(event.job_id for event in events if isinstance(event, JobRequested)))
    jobs = (await chain.jobs(requested)).values()
    rates = await chain.rates()
    today = int(await read(core.currentSlot()))
    days = await _days(chain, [event for event in events if isinstance(event, RewardCredited)], today)
    return Overview(
        head=head,
        core_address=chain.core_address,
        token_address=chain.token_address,
        owner=await _role(core.owner()),
        verifier=await _role(core.verifier()),
        minter=await _role(token.minter()),
        supply_wei=int(await read(token.totalSupply())),
        rates=rates,
        start_slot=int(await read(core.startSlot())),
        today=today,
        day_reward_wei=int(await read(core.currentSlotReward())),
        jobs=dict(sorted(Counter(job.status for job in jobs).items())),
        days=days,
        nodes=totals(days, jobs, rates),
    )


async def _days(chain: ChainClient, credited: Sequence[RewardCredited], today: int) -> tuple[Day, ...]:
    slots_of: dict[str, list[int]] = defaultdict(list)
    for event in credited:
        if event.slot not in slots_of[event.node]:
            slots_of[event.node].append(event.slot)
    days: dict[int, list[NodeShare]] = defaultdict(list)
    whole: dict[int, tuple[int, int]] = {}
    for node, slots in slots_of.items():
        for share in await chain.slot_shares(node, slots):
            days[share.slot].append(
                NodeShare(node, share.own_gas, share.own_reward_wei, share.withdrawable_wei)
            )
            whole[share.slot] = (share.total_gas, share.reward_wei)
    return tuple(
        Day(slot, slot < today, *whole[slot], tuple(sorted(shares, key=lambda one: (-one.gas, one.node))))
        for slot, shares in sorted(days.items(), reverse=True)
    )


async def _role(function: AsyncContractFunction) -> str:
    """Return who has a role; "" where this contract has no such role."""
    try:
        return str(await read(function))
    except (BadAnswer, RpcRefusal):
        return ""
