"""The gas price offered, by an endpoint's answers."""

from __future__ import annotations

from typing import Any

import pytest
from web3 import AsyncWeb3

from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.clients.chain.provider import ChainProvider
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.clients.transactions.gas_price import GasPrice, market_price
from emeth_tui.errors import TransactionError
from tests.clients.chain.scripted_rpc import ScriptedRpc

GWEI = 10**9
LONDON = {"baseFeePerGas": hex(5 * GWEI)}


class Endpoint(ScriptedRpc):
    """Answers with a newest block, a gas price and a tip."""

    def __init__(self, block: dict[str, Any] | None, price: object = "0x7", tip: object = "0x3") -> None:
        head = {"number": "0x1", "hash": "0x" + "ab" * 32, "timestamp": "0x1"}
        super().__init__(
            {
                "eth_getBlockByNumber": None if block is None else {**head, **block},
                "eth_gasPrice": price,
                "eth_maxPriorityFeePerGas": tip,
            }
        )


async def price_at(endpoint: Endpoint, *limit_wei: int) -> GasPrice:
    return await market_price(AsyncWeb3(ChainProvider(endpoint), middleware=[]), *limit_wei)


async def test_two_base_fees_and_the_tip() -> None:
    endpoint = Endpoint(LONDON, tip=hex(2 * GWEI))

    assert await price_at(endpoint) == GasPrice(12 * GWEI, 2 * GWEI)
    ((block, *prices),) = endpoint.batches  # one request
    assert block.params == ("latest", False)
    assert len(prices) == 2


async def test_what_gas_costs_now_is_held_to_the_limit_and_the_offer_stops_there() -> None:
    endpoint = Endpoint(LONDON, tip=hex(2 * GWEI))

    assert await price_at(endpoint, 10 * GWEI) == GasPrice(10 * GWEI, 2 * GWEI)
    assert await price_at(endpoint, 7 * GWEI) == GasPrice(7 * GWEI, 2 * GWEI)
    with pytest.raises(TransactionError, match=r"gas costs 7\.0 gwei, .*limit of 6\.0"):
        await price_at(endpoint, 6 * GWEI)


async def test_an_endpoint_that_suggests_no_tip_gets_a_gwei() -> None:
    refusal = RpcRefusal("the endpoint", "eth_maxPriorityFeePerGas", "no such method")

    assert await price_at(Endpoint(LONDON, tip=refusal)) == GasPrice(11 * GWEI, GWEI)


@pytest.mark.parametrize("block", [{}, {"baseFeePerGas": None}])
async def test_before_london_the_endpoints_price_is_taken(block: dict[str, Any]) -> None:
    assert await price_at(Endpoint(block, price=hex(8 * GWEI))) == GasPrice(8 * GWEI)


async def test_without_a_block_there_is_no_price() -> None:
    with pytest.raises(BadAnswer, match="the endpoint has no newest block"):
        await price_at(Endpoint(None))


async def test_a_price_over_the_limit_is_refused_in_gwei() -> None:
    dear = Endpoint({}, price=hex(2_500 * GWEI))

    with pytest.raises(TransactionError, match=r"gas costs 2,500\.0 gwei, .*limit of 1,000\.0"):
        await price_at(dear)
    assert await price_at(dear, 2_500 * GWEI) == GasPrice(2_500 * GWEI)
    with pytest.raises(TransactionError, match=r"limit of 2,499\.0"):
        await price_at(dear, 2_499 * GWEI)


def test_a_transactions_fields_say_which_kind_it_is() -> None:
    assert GasPrice(7).fields() == {"gasPrice": 7}
    assert GasPrice(7, 0).fields() == {"type": 2, "maxFeePerGas": 7, "maxPriorityFeePerGas": 0}


@pytest.mark.parametrize(
    ("offer", "market", "bumped"),
    [
        (GasPrice(1_000), GasPrice(1_000), GasPrice(1_131)),
        (GasPrice(1_000), GasPrice(5_000, 9), GasPrice(5_000)),
        (GasPrice(10**17 + 1), GasPrice(1), GasPrice(113_000_000_000_000_002)),  # to the wei
        (GasPrice(1_000, 100), GasPrice(1_000, 100), GasPrice(1_131, 114)),
        (GasPrice(1_000, 100), GasPrice(2_000, 700), GasPrice(2_000, 700)),
        (GasPrice(1_000, 100), GasPrice(2_000), GasPrice(2_000, 114)),
        (GasPrice(1_000, 1_000), GasPrice(1_000, 1_500), GasPrice(1_131, 1_131)),
    ],
)
def test_a_replacement_raises_each_price_enough(offer: GasPrice, market: GasPrice, bumped: GasPrice) -> None:
    assert offer.bumped(market) == bumped
