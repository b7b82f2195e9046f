"""A network as its chain shows it: contracts, roles, rates, and who earned what on which day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from web3.contract.async_contract import AsyncContractFunction

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contract_events import JobRequested, RewardCredited
from emeth_tui.clients.chain.contracts import read
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.model import Head
from emeth_tui.protocol.contracts import ChainJob, JobStatus, Rates


@dataclass(frozen=True, slots=True)
class NodeShare:
    """What one node has of a day: its gas, and the part of the day's reward that this is."""

    node: str
    gas: int
    reward_wei: int
    withdrawable_wei: int  # 0 once it was withdrawn


@dataclass(frozen=True, slots=True)
class Day:
    """One slot: a UTC day. Its reward is shared by gas when it has ended."""

    slot: int
    is_closed: bool
    total_gas: int
    reward_wei: int
    shares: tuple[NodeShare, ...]  # the largest first


@dataclass(frozen=True, slots=True)
class NodeTotals:
    """What a node did and earned since the network began, without today's reward."""

    node: str
    verified_jobs: int
    fees_wei: int  # less the verifier's
    gas: int
    rewards_wei: int
    withdrawable_wei: int


@dataclass(frozen=True, slots=True)
class Overview:
    """A network at its newest block. A role that the contracts do not name is ""."""

    head: Head
    core_address: str
    token_address: str
    owner: str
    verifier: str
    minter: str
    supply_wei: int
    rates: Rates
    start_slot: int
    today: int
    day_reward_wei: int  # today's
    jobs: dict[JobStatus, int]
    days: tuple[Day, ...]  # with gas, the newest first
    nodes: tuple[NodeTotals, ...]  # those that earned most first


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


def totals(days: Sequence[Day], jobs: Iterable[ChainJob], rates: Rates) -> tuple[NodeTotals, ...]:
    """Add up what each node did and earned; those that earned most come first."""
    shares: dict[str, list[tuple[Day, NodeShare]]] = defaultdict(list)
    verified: dict[str, list[ChainJob]] = defaultdict(list)
    for day in days:
        for share in day.shares:
            shares[share.node].append((day, share))
    for job in jobs:
        if job.status is JobStatus.VERIFIED:
            verified[job.node].append(job)
    nodes = [
        NodeTotals(
            node=node,
            verified_jobs=len(verified[node]),
            fees_wei=sum(job.fee_wei - rates.verifier_fee_wei for job in verified[node]),
            gas=sum(share.gas for _day, share in shares[node]),
            rewards_wei=sum(share.reward_wei for day, share in shares[node] if day.is_closed),
            withdrawable_wei=sum(share.withdrawable_wei for day, share in shares[node] if day.is_closed),
        )
        for node in {*shares, *verified}
    ]
    return tuple(sorted(nodes, key=lambda one: (-one.rewards_wei - one.fees_wei, -one.gas, one.node)))


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
