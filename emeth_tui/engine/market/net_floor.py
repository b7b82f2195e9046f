"""The owner's floor under what a job should leave after fees and energy."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.money.profit import expect
from emeth_tui.model import Prices
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import market as why
from emeth_tui.protocol.contracts import Rates

if TYPE_CHECKING:
    from emeth_tui.engine.view.snapshot import TodaysShare


@dataclass(frozen=True, slots=True)
class NetFloor:
    """The least that a job must leave after fees and energy, in the owner's currency and at such prices."""

    least: Decimal
    prices: Prices
    rates: Rates
    today: TodaysShare | None
    transaction_cost_wei: int

    def refusal(self, fee_wei: int, dataset_bytes: int, needed: Duration) -> Reason | None:
        """Return that a job should leave less, or that nobody can say what it leaves."""
        expected = expect(
            fee_wei=fee_wei,
            dataset_bytes=dataset_bytes,
            rates=self.rates,
            today=self.today,
            transaction_cost_wei=self.transaction_cost_wei,
            energy_j=needed.energy_j,
        )
        net = expected.net(self.prices)
        if net is None:
            return why.NetUnknown()
        if net < self.least:
            return why.NetTooLow(float(net), f"{self.least:,f}", self.prices.currency)
        return None
