"""What days cost beside EMT: the fees of transactions and the energy of devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from emeth_tui.engine.money.devices import energy_by_day
from emeth_tui.engine.money.earnings import slot_of
from emeth_tui.model import JournaledTransaction
from emeth_tui.store.measurements import DeviceUse


@dataclass(frozen=True, slots=True)
class DayCosts:
    """By UTC day: what transactions signed on it paid in the native token, what devices took for jobs."""

    native_fees_wei: dict[int, int]
    energy_mj: dict[int, int]


NO_COSTS = DayCosts({}, {})


def costs_by_day(transactions: Iterable[JournaledTransaction], uses: Iterable[DeviceUse]) -> DayCosts:
    """Add up what each day cost."""
    fees_wei: Counter[int] = Counter()
    for tx in transactions:
        if tx.fee_wei:
            fees_wei[slot_of(tx.created_at_unix_s)] += tx.fee_wei
    return DayCosts(dict(fees_wei), energy_by_day(uses))
