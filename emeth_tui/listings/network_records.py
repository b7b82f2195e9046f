"""The records of a network of one's own: what `network --json` holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from emeth_tui.listings.record_types import Address, Day, Wei

_Rate = Annotated[int, Field(description="100,000 is all of it")]


@dataclass(frozen=True, slots=True)
class DeployedRecord:
    """A network that was deployed."""

    profile: Annotated[str, Field(description="the file for everybody who joins")]
    chain_id: int
    core_address: Address
    token_address: Address
    first_block: int
    verifier: Address
    minter: Address


@dataclass(frozen=True, slots=True)
class ShareRecord:
    """A node's share of a day."""

    node: Address
    gas: int
    reward_wei: Wei
    withdrawable_wei: Annotated[Wei, Field(description="0 once it was withdrawn")]


@dataclass(frozen=True, slots=True)
class NetworkDayRecord:
    """A day on which gas was earned. Until it ends, its reward and shares are what they would be now."""

    day: Day
    slot: int
    is_closed: bool
    total_gas: int
    reward_wei: Wei
    shares: list[ShareRecord]


@dataclass(frozen=True, slots=True)
class EarnerRecord:
    """What a node did and earned since the network began; today's reward is not among it."""

    node: Address
    verified_jobs: int
    fees_wei: Annotated[Wei, Field(description="of its verified jobs, less the verifier's")]
    gas: int
    rewards_wei: Wei
    withdrawable_wei: Wei


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """A network as its chain shows it at one block."""

    name: str
    chain_id: int
    block: int
    core_address: Address
    token_address: Address
    owner: Annotated[str, Field(description="who may name another verifier; empty where there is none")]
    verifier: str
    minter: str
    supply_wei: Wei
    deposit_rate: _Rate
    timeout_penalty_rate: _Rate
    decline_penalty_rate: _Rate
    failed_penalty_rate: _Rate
    verifier_fee_wei: Wei
    max_slot_gas_per_node: Annotated[str, Field(description="a day's limit of gas for a node, as text")]
    start_day: Day
    day_reward_wei: Annotated[Wei, Field(description="today's")]
    jobs: Annotated[dict[str, int], Field(description="how many are requested, processing, submitted …")]
    days: list[NetworkDayRecord]
    nodes: list[EarnerRecord]
