"""A network as its chain shows it: contracts, roles, rates, and who earned what on which day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
