"""What to offer for gas: EIP-1559 where the head block has a base fee, else legacy, and fee bumps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.errors import TransactionError
from emeth_tui.notices.reasons.network.transactions import GasTooDear

if TYPE_CHECKING:
    from emeth_tui.clients.chain.web3 import AsyncWeb3  # it takes time to load

BUMP_PERCENT = 13  # nodes take a replacement from 10 % (geth) or 12.5 % (Nethermind) up
DEFAULT_TIP_WEI = 1_000_000_000  # where the endpoint suggests none
MAX_GAS_PRICE_WEI = 1_000_000_000_000  # ours: 1,000 gwei; an endpoint that asks for more is wrong or hostile


@dataclass(frozen=True, slots=True)
class GasPrice:
    """An offer for a unit of gas. Legacy pricing has no `tip_wei`, and `max_wei` is the price itself."""

    max_wei: int
    tip_wei: int | None = None

    def fields(self) -> dict[str, int]:
        """Make the transaction's fields."""
        if self.tip_wei is None:
            return {"gasPrice": self.max_wei}
        return {"type": 2, "maxFeePerGas": self.max_wei, "maxPriorityFeePerGas": self.tip_wei}

    def bumped(self, market: GasPrice) -> GasPrice:
        """Make the offer of a replacement: enough over this one to be taken, no less than the market asks.

        The kind of pricing stays this one's.
        """
        max_wei = max(_raised(self.max_wei), market.max_wei)
        if self.tip_wei is None:
            return GasPrice(max_wei)
        return GasPrice(max_wei, min(max_wei, max(_raised(self.tip_wei), market.tip_wei or 0)))


async def market_price(w3: AsyncWeb3[Any], limit_wei: int = MAX_GAS_PRICE_WEI) -> GasPrice:
    """Return what gas costs now. Raise TransactionError when it is over the limit, or NetworkError."""
    block, legacy_wei, tip_wei = await asyncio.gather(
        w3.eth.get_block("latest"),
        _if_known(lambda: w3.eth.gas_price),
        _if_known(lambda: w3.eth.max_priority_fee),
    )
    base_fee_wei = block.get("baseFeePerGas")
    if base_fee_wei is None:
        cost_wei = _value(legacy_wei)
        price = GasPrice(cost_wei)
    else:
        tip_wei = DEFAULT_TIP_WEI if isinstance(tip_wei, RpcRefusal) else tip_wei
        cost_wei = int(base_fee_wei) + tip_wei
        # Twice the base fee: it rises by at most an eighth a block, so the offer lasts five full blocks.
        price = GasPrice(min(cost_wei + int(base_fee_wei), limit_wei), tip_wei)
    if cost_wei > limit_wei:
        raise TransactionError(GasTooDear(cost_wei / 1e9, limit_wei / 1e9))
    return price


async def _if_known(price: Callable[[], Awaitable[Any]]) -> int | RpcRefusal:
    """Return a price, or the refusal of an endpoint that does not know this kind."""
    try:
        return int(await price())
    except RpcRefusal as refusal:
        return refusal


def _value(price: int | RpcRefusal) -> int:
    if isinstance(price, RpcRefusal):
        raise price
    return price


def _raised(price_wei: int) -> int:
    return price_wei + price_wei * BUMP_PERCENT // 100 + 1
