"""EMT is conserved, whatever people do in whatever order: the contracts against a ledger of our own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from emeth_tui.protocol.contracts import ROUND_3_2_RATES, JobStatus, Rates
from tests.contracts.world import DAY_S, EMT, HOUR_S, Network

pytestmark = pytest.mark.slow

HARSH_RATES = replace(
    ROUND_3_2_RATES,
    deposit_rate=60_000,
    timeout_penalty_rate=100_000,
    decline_penalty_rate=33_333,
    failed_penalty_rate=90_000,
    max_slot_gas_per_node=500,
)
LENIENT_RATES = replace(
    ROUND_3_2_RATES, deposit_rate=0, timeout_penalty_rate=0, decline_penalty_rate=1, verifier_fee_wei=0
)
NODES = ("node", "rival")
MIN_FEE_WEI, MAX_FEE_WEI = 10 * EMT, 40 * EMT
STEPS = 80
# Mostly no time passes, now and then enough for a deadline or a day to pass.
DELAYS_S = [0] * 20 + [1, HOUR_S // 4, HOUR_S // 2, HOUR_S + 1, DAY_S // 2]


@dataclass
class LedgerJob:
    """A job as the ledger knows it."""

    job_id: bytes
    fee_wei: int
    deadline_unix_s: int
    status: JobStatus = JobStatus.REQUESTED
    node: str = ""
    deposit_wei: int = 0


@dataclass
class Ledger:
    """What everyone must own by protocol.md §3, computed without the contracts."""

    rates: Rates
    balances_wei: dict[str, int]
    jobs: list[LedgerJob] = field(default_factory=list)
    gas: dict[tuple[int, str], int] = field(default_factory=dict)
    withdrawn: set[tuple[int, str]] = field(default_factory=set)

    @property
    def escrow_wei(self) -> int:
        """What the contract owes: fees of open jobs, deposits of those that a node has claimed."""
        fees_wei = sum(job.fee_wei for job in self.jobs if job.status <= JobStatus.SUBMITTED)
        taken = {JobStatus.PROCESSING, JobStatus.SUBMITTED}
        return fees_wei + sum(job.deposit_wei for job in self.jobs if job.status in taken)

    def move(self, who: str, wei: int) -> None:
        self.balances_wei[who] += wei

    def in_status(self, status: JobStatus) -> list[LedgerJob]:
        return [job for job in self.jobs if job.status == status]

    def end_badly(self, job: LedgerJob, status: JobStatus, penalty_rate: int, verifier_fee_wei: int) -> None:
        job.status = status
        to_verifier_wei = min(verifier_fee_wei, job.deposit_wei)
        rest_wei = job.deposit_wei - to_verifier_wei
        burnt_wei = min(job.deposit_wei * penalty_rate // 100_000, rest_wei)
        self.move("requester", job.fee_wei)
        self.move("verifier", to_verifier_wei)
        self.move(job.node, rest_wei - burnt_wei)
        self.move("supply", -burnt_wei)

    def credit(self, slot: int, node: str, gas: int) -> int:
        have = self.gas.get((slot, node), 0)
        credited = min(gas, self.rates.max_slot_gas_per_node - have)
        self.gas[slot, node] = have + credited
        return credited

    def share_wei(self, slot: int, node: str, start_slot: int) -> int:
        total = sum(gas for (each, _), gas in self.gas.items() if each == slot)
        reward_wei = max(0, 288_000 * EMT - 14_400 * EMT * (slot - start_slot) // 365)
        return reward_wei * self.gas[slot, node] // total


class Walk:
    """People do one random thing after another, mostly what is allowed; the ledger keeps the account."""

    def __init__(self, network: Network, seed: int) -> None:
        self.network = network
        self.rates = network.rates
        self.core = network.core.functions
        self.chance = random.Random(seed)
        self.start_slot = self.core.startSlot().call()
        self.ledger = Ledger(network.rates, network.balances_wei())
        self.done: Counter[str] = Counter()
        # Weights that let jobs reach their ends more often than they are given up.
        self.actions: dict[Callable[[], str | None], int] = {
            self.request: 4,
            self.cancel: 1,
            self.process: 5,
            self.submit: 5,
            self.decline: 1,
            self.timeout: 3,
            self.verify: 5,
            self.reject: 2,
            self.withdraw: 3,
        }

    def step(self) -> None:
        """Let some time pass, mostly none, and do one thing that can be tried now."""
        self.network.now_unix_s += self.chance.choice(DELAYS_S)
        done = None
        while done is None:
            (action,) = self.chance.choices(list(self.actions), weights=list(self.actions.values()))
            done = action()
        self.done[done] += 1

    def pick(self, status: JobStatus) -> LedgerJob | None:
        jobs = self.ledger.in_status(status)
        # Rather one of the latest: the old ones are past their deadline.
        return self.chance.choice(jobs[-3:]) if jobs else None

    def attempt(self, who: str, call: Any, *, allowed: bool) -> bool:
        """Send a call that the ledger says is allowed or not, and hold the contract to it."""
        assert (self.network.attempt(who, call)["status"] == 1) == allowed
        return allowed

    def request(self) -> str | None:
        fee_wei = self.chance.randint(MIN_FEE_WEI, MAX_FEE_WEI)
        deadline_unix_s = self.network.now_unix_s + HOUR_S
        job_id = self.network.requested(fee_wei=fee_wei)
        self.ledger.jobs.append(LedgerJob(job_id, fee_wei, deadline_unix_s))
        self.ledger.move("requester", -fee_wei)
        return "request"

    def cancel(self) -> str | None:
        if (job := self.pick(JobStatus.REQUESTED)) is None:
            return None
        self.network.send("requester", self.core.cancel(job.job_id))
        job.status = JobStatus.CANCELED
        self.ledger.move("requester", job.fee_wei)
        return "cancel"

    def process(self) -> str | None:
        if (job := self.pick(JobStatus.REQUESTED)) is None:
            return None
        node = self.chance.choice(NODES)
        allowed = self.network.now_unix_s <= job.deadline_unix_s
        if not self.attempt(node, self.core.process(job.job_id), allowed=allowed):
            return "process too late"
        job.status, job.node = JobStatus.PROCESSING, node
        job.deposit_wei = job.fee_wei * self.rates.deposit_rate // 100_000
        self.ledger.move(node, -job.deposit_wei)
        return "process"

    def submit(self) -> str | None:
        if (job := self.pick(JobStatus.PROCESSING)) is None:
            return None
        self.network.send(job.node, self.core.submit(job.job_id, "result.pt"))
        job.status = JobStatus.SUBMITTED
        return "submit"

    def decline(self) -> str | None:
        if (job := self.pick(JobStatus.PROCESSING)) is None:
            return None
        self.network.send(job.node, self.core.decline(job.job_id))
        self.ledger.end_badly(job, JobStatus.DECLINED, self.rates.decline_penalty_rate, 0)
        return "decline"

    def timeout(self) -> str | None:
        if (job := self.pick(JobStatus.PROCESSING)) is None:
            return None
        if self.chance.random() < 0.5:
            self.network.now_unix_s = max(self.network.now_unix_s, job.deadline_unix_s + 1)
        allowed = self.network.now_unix_s > job.deadline_unix_s
        if not self.attempt("verifier", self.core.timeout(job.job_id), allowed=allowed):
            return "timeout too early"
        self.ledger.end_badly(job, JobStatus.TIMEOUT, self.rates.timeout_penalty_rate, 0)
        return "timeout"

    def verify(self) -> str | None:
        if (job := self.pick(JobStatus.SUBMITTED)) is None:
            return None
        gas = self.chance.randint(0, 400)
        self.network.send("verifier", self.core.verify(job.job_id, gas))
        job.status = JobStatus.VERIFIED
        fee_wei = self.rates.verifier_fee_wei
        self.ledger.move(job.node, job.deposit_wei + job.fee_wei - fee_wei)
        self.ledger.move("verifier", fee_wei)
        self.ledger.credit(self.network.now_unix_s // DAY_S, job.node, gas)
        return "verify"

    def reject(self) -> str | None:
        if (job := self.pick(JobStatus.SUBMITTED)) is None:
            return None
        self.network.send("verifier", self.core.rejectResult(job.job_id))
        penalty_rate, fee_wei = self.rates.failed_penalty_rate, self.rates.verifier_fee_wei
        self.ledger.end_badly(job, JobStatus.FAILED, penalty_rate, fee_wei)
        return "reject"

    def withdraw(self) -> str | None:
        if not self.ledger.gas:
            return None
        slot, node = share = self.chance.choice(sorted(self.ledger.gas))
        closed = slot < self.network.now_unix_s // DAY_S
        allowed = closed and share not in self.ledger.withdrawn and self.ledger.gas[share] > 0
        if not self.attempt(node, self.core.withdrawSlotReward(slot), allowed=allowed):
            return "withdraw in vain"
        share_wei = self.ledger.share_wei(slot, node, self.start_slot)
        self.ledger.withdrawn.add(share)
        self.ledger.move(node, share_wei)
        self.ledger.move("supply", share_wei)
        return "withdraw"


@pytest.mark.parametrize(
    ("rates", "seed"),
    [
        pytest.param(ROUND_3_2_RATES, 1, id="round-3-2"),
        pytest.param(ROUND_3_2_RATES, 4, id="round-3-2-again", marks=pytest.mark.slow),
        pytest.param(HARSH_RATES, 3, id="harsh"),
        pytest.param(LENIENT_RATES, 1, id="lenient", marks=pytest.mark.slow),
    ],
)
def test_emt_is_conserved(network_with: Callable[[Rates], Network], rates: Rates, seed: int) -> None:
    walk = Walk(network_with(rates), seed)
    for _ in range(STEPS):
        walk.step()
        held = walk.network.balances_wei()
        assert held == {**walk.ledger.balances_wei, "core": walk.ledger.escrow_wei}
        assert sum(wei for who, wei in held.items() if who != "supply") == held["supply"]
    # A walk that left a path out would prove nothing about it.
    everything = {action.__name__ for action in walk.actions}
    assert everything <= set(walk.done)
    assert {"process too late", "timeout too early", "withdraw in vain"} <= set(walk.done)
