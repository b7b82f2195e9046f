"""EmethCore and EMT as they are on the chain: statuses, records, rates, fees, ABIs (protocol.md §3)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources
from typing import Any

from emeth_tui.model import SECONDS_PER_DAY, JobId, token_to_wei

RATE_BASE = 100_000  # 100 % (protocol.md §3)
BYTES_PER_MEGABYTE = 2**20  # as the network counts a dataset's size (protocol.md §10)


class JobStatus(IntEnum):
    """A job's status in EmethCore (protocol.md §3)."""

    REQUESTED = 0
    ASSIGNED = 1  # unused by the network
    PROCESSING = 2
    SUBMITTED = 3
    VERIFIED = 4
    REJECTED = 5  # unused by the network
    CANCELED = 6
    TIMEOUT = 7
    FAILED = 8
    DECLINED = 9


@dataclass(frozen=True, slots=True)
class ChainJob:
    """A job's record: `jobs`, `jobDetails` and `jobAssigns` together. A time of 0 means never."""

    job_id: JobId
    owner: str
    deadline_unix_s: int
    fee_wei: int
    status: JobStatus
    requested_at_unix_s: int
    program_id: int
    param: str
    dataset: str
    result: str
    node: str
    deposit_wei: int
    gas: int
    started_at_unix_s: int
    submitted_at_unix_s: int
    verified_at_unix_s: int


@dataclass(frozen=True, slots=True)
class Rates:
    """What the contract charges: rates out of RATE_BASE, the verifier's fee in wei.

    Some deployments do not return the deposit on `verify` (protocol.md §3): no rate says so, it is seen.
    """

    deposit_rate: int
    timeout_penalty_rate: int
    decline_penalty_rate: int
    failed_penalty_rate: int
    verifier_fee_wei: int
    max_slot_gas_per_node: int
    returns_deposit: bool = True

    def deposit_wei(self, fee_wei: int) -> int:
        """The deposit that `process` takes for a job with this fee."""
        return fee_wei * self.deposit_rate // RATE_BASE

    def decline_penalty_wei(self, deposit_wei: int) -> int:
        return deposit_wei * self.decline_penalty_rate // RATE_BASE

    def timeout_penalty_wei(self, deposit_wei: int) -> int:
        return deposit_wei * self.timeout_penalty_rate // RATE_BASE

    def giving_up_costs_wei(self, deposit_wei: int) -> tuple[int, int]:
        """What it costs to decline a job, and to let it time out."""
        return self.decline_penalty_wei(deposit_wei), self.timeout_penalty_wei(deposit_wei)

    def rejection_cost_wei(self, deposit_wei: int) -> int:
        """What a rejected result costs: penalty and verifier's fee, never more than the deposit."""
        penalty_wei = deposit_wei * self.failed_penalty_rate // RATE_BASE
        return min(deposit_wei, penalty_wei + self.verifier_fee_wei)

    def earned_wei(self, fee_wei: int) -> int:
        """What a verified job brings the node: the fee less the verifier's, less a deposit that is kept."""
        kept_wei = 0 if self.returns_deposit else self.deposit_wei(fee_wei)
        return fee_wei - self.verifier_fee_wei - kept_wei


# protocol.md §2; the contract's own rates apply, with a warning where they differ.
ROUND_3_2_RATES = Rates(
    deposit_rate=100_000,
    timeout_penalty_rate=25_000,
    decline_penalty_rate=25_000,
    failed_penalty_rate=25_000,
    verifier_fee_wei=token_to_wei(10),
    max_slot_gas_per_node=2**256 - 1,
)
FIRST_SLOT_REWARD_WEI = token_to_wei(288_000)  # protocol.md §2: of the day on which a network begins


@dataclass(frozen=True, slots=True)
class SlotShare:
    """One UTC day of one node: its gas and everyone's, the day's reward, what is left to withdraw.

    `reward_wei` is the whole network's; until the day ends it is the contract's current value.
    """

    slot: int
    own_gas: int
    own_balance: int
    total_gas: int
    reward_wei: int

    @property
    def own_reward_wei(self) -> int:
        """The reward for the node's gas: `totalReward * gas / totalGas` (protocol.md §3)."""
        return self.reward_wei * self.own_gas // self.total_gas if self.total_gas else 0

    @property
    def withdrawable_wei(self) -> int:
        """What `withdrawSlotReward` would mint, once the slot is closed."""
        return self.reward_wei * self.own_balance // self.total_gas if self.total_gas else 0


def slot_end_unix_s(slot: int) -> int:
    """Return when a slot closes: the next 00:00 UTC."""
    return (slot + 1) * SECONDS_PER_DAY


def estimated_gas(dataset_bytes: int) -> int:
    """Estimate a job's gas by the network's formula (protocol.md §3, §10): whole megabytes, at least 1."""
    return max(1, dataset_bytes // BYTES_PER_MEGABYTE) * ALGORITHM_COMPLEXITY // 1_000


ALGORITHM_COMPLEXITY = 5_822  # GPT-2 (protocol.md §10)


@cache
def abi(contract: str) -> list[dict[str, Any]]:
    """Return the ABI of "EmethCore" or "EmethToken" from the committed build."""
    return _artifact(contract)["abi"]  # type: ignore[no-any-return]


@cache
def bytecode(contract: str) -> str:
    """Return the creation bytecode (`0x…`) of "EmethCore" or "EmethToken" from the committed build."""
    return str(_artifact(contract)["bytecode"])


def _artifact(contract: str) -> dict[str, Any]:
    text = (resources.files("emeth_tui.protocol") / "abi" / f"{contract}.json").read_text("utf-8")
    artifact: dict[str, Any] = json.loads(text)
    return artifact
