"""What to offer for gas: EIP-1559 where the head block has a base fee, else legacy, and fee bumps."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.clients.chain.json_rpc import Request, RpcRefusal
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.chain.values import BadAnswer, quantity
from emeth_tui.errors import TransactionError
from emeth_tui.notices.reasons.network.rpc import NoNewestBlock
from emeth_tui.notices.reasons.network.transactions import GasTooDear

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


async def market_price(rpc: Rpc, limit_wei: int = MAX_GAS_PRICE_WEI) -> GasPrice:
    """Ask what gas costs now. Raises TransactionError when it is over the limit, or NetworkError."""
    block, legacy, tip = await rpc.batch(
        [
            Request("eth_getBlockByNumber", ("latest", False)),
            Request("eth_gasPrice"),
            Request("eth_maxPriorityFeePerGas"),
        ]
    )
    if not isinstance(block, dict):
        raise BadAnswer(NoNewestBlock())
    if block.get("baseFeePerGas") is None:
        price = GasPrice(quantity(legacy))
    else:
        tip_wei = DEFAULT_TIP_WEI if isinstance(tip, RpcRefusal) else quantity(tip)
        # Twice the base fee: it rises by at most an eighth a block, so the offer lasts five full blocks.
        price = GasPrice(2 * quantity(block["baseFeePerGas"]) + tip_wei, tip_wei)
    if price.max_wei > limit_wei:
        raise TransactionError(GasTooDear(price.max_wei / 1e9, limit_wei / 1e9))
    return price


def _raised(price_wei: int) -> int:
    return price_wei + price_wei * BUMP_PERCENT // 100 + 1
