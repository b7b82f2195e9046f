"""What a job on offer should earn: its fee and its share of a day's reward, less the verifier's fee and gas.

An estimate, not a promise: the reward depends on how much work all nodes do that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from emeth_tui.model import Prices, net_worth
from emeth_tui.protocol.contracts import Rates, estimated_gas

if TYPE_CHECKING:
    from emeth_tui.engine.market.rules import Offer
    from emeth_tui.engine.view.snapshot import Snapshot, TodaysShare

TRANSACTIONS_A_JOB = 3  # approve, process, submit
DAYS_AVERAGED = 7


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a job should earn once it is verified; EMT and the native token in wei, gas in units of gas.

    `earned_wei` is what its verification brings, below 0 where the contract keeps deposits. `reward_wei` is
    its share of the day's reward, `gas` of `day_gas`, 0 while the chain has not been read;
    `native_cost_wei` is what its transactions should cost, 0 while that is unknown.
    """

    earned_wei: int
    verifier_fee_wei: int
    gas: int
    day_gas: int
    reward_wei: int
    native_cost_wei: int
    energy_mj: int | None = None  # that the device should take, None where nothing has measured it

    @property
    def profit_wei(self) -> int:
        """What the account has more afterwards, its deposit included."""
        return self.earned_wei + self.reward_wei

    def net(self, prices: Prices) -> Decimal | None:
        """Return what is left after fees and energy at the owner's prices; None where one is missing."""
        return net_worth(prices, self.profit_wei, self.native_cost_wei, self.energy_mj)


def expect(
    *,
    fee_wei: int,
    dataset_bytes: int,
    rates: Rates,
    today: TodaysShare | None,
    transaction_cost_wei: int,
    energy_j: float | None = None,
) -> Expectation:
    """Estimate what a job should earn if it is verified today."""
    gas = estimated_gas(dataset_bytes)
    if today is not None:
        gas = min(gas, max(0, rates.max_slot_gas_per_node - today.share.own_gas))
    day_gas = (_usual_day_gas(today) if today else 0) + gas
    return Expectation(
        earned_wei=rates.earned_wei(fee_wei),
        verifier_fee_wei=rates.verifier_fee_wei,
        gas=gas,
        day_gas=day_gas,
        reward_wei=today.share.reward_wei * gas // day_gas if today and day_gas else 0,
        native_cost_wei=TRANSACTIONS_A_JOB * transaction_cost_wei,
        energy_mj=None if energy_j is None else round(energy_j * 1_000),
    )


def expectation(snapshot: Snapshot, offer: Offer) -> Expectation:
    """Estimate what an offer should earn, by the node as it is."""
    deposits = snapshot.deposits
    return expect(
        fee_wei=offer.job.fee_wei,
        dataset_bytes=offer.job.dataset_bytes,
        rates=snapshot.rates,
        today=snapshot.today,
        transaction_cost_wei=deposits.native_per_transaction_wei if deposits else 0,
        energy_j=offer.needed.energy_j,
    )


def _usual_day_gas(today: TodaysShare) -> int:
    """Return how much gas we and others earn in a day; a day that has just begun says too little."""
    closed = [day.total_gas for day in today.days[-DAYS_AVERAGED:]]
    average = sum(closed) // len(closed) if closed else 0
    return max(today.share.total_gas, average)
