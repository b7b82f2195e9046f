"""What the owner pays at most: for a unit of gas, and for all transactions of a job together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from emeth_tui.clients.chain.web3 import AsyncWeb3
from emeth_tui.clients.transactions.gas_price import MAX_GAS_PRICE_WEI, GasPrice, market_price
from emeth_tui.clients.transactions.pending import Journal
from emeth_tui.clients.transactions.signed_bytes import read_signed
from emeth_tui.errors import TransactionError
from emeth_tui.model import JobId, JournaledTransaction, TransactionState
from emeth_tui.notices.reasons.network.transactions import OverFeeLimit


@dataclass(frozen=True, slots=True)
class FeeLimits:
    """The limits in effect now, in wei of the native token.

    `job_wei` bounds what the transactions of one job may cost together, and one of no job by itself.
    """

    gas_price_wei: int = MAX_GAS_PRICE_WEI
    job_wei: int | None = None


class FeeGuard:
    """Holds each transaction to the limits, whatever an endpoint says about prices and gas."""

    def __init__(
        self, w3: AsyncWeb3[Any], journal: Journal, limits: Callable[[], FeeLimits], symbol: str
    ) -> None:
        self._w3 = w3
        self._journal = journal
        self._limits = limits
        self._symbol = symbol

    async def market_price(self) -> GasPrice:
        """Return what gas costs now. Raise TransactionError when it is over the limit, or NetworkError."""
        return await market_price(self._w3, self._limits().gas_price_wei)

    def check(
        self, purpose: str, job_id: JobId | None, gas: int, price: GasPrice, nonce: int | None = None
    ) -> None:
        """Raise TransactionError when a transaction may cost more than is left for its job.

        `nonce` is that of the transactions which it replaces, if it does.
        """
        limit_wei = self._limits().job_wei
        cost_wei = gas * price.max_wei
        others = [] if job_id is None else self._journal.of_job(job_id)
        paid_wei = committed_wei(tx for tx in others if tx.nonce != nonce)
        if limit_wei is not None and paid_wei + cost_wei > limit_wei:
            raise TransactionError(OverFeeLimit(purpose, cost_wei, paid_wei, limit_wei, self._symbol))

    def allows(self, purpose: str, job_id: JobId | None, gas: int, price: GasPrice, nonce: int) -> bool:
        """Whether a replacement at this price is within the limits."""
        if price.max_wei > self._limits().gas_price_wei:
            return False
        try:
            self.check(purpose, job_id, gas, price, nonce)
        except TransactionError:
            return False
        return True


def committed_wei(transactions: Iterable[JournaledTransaction]) -> int:
    """Return what transactions have cost, or may still cost; of those with the same nonce one is mined."""
    by_nonce: dict[int, int] = {}
    for tx in transactions:
        by_nonce[tx.nonce] = max(by_nonce.get(tx.nonce, 0), _cost_wei(tx))
    return sum(by_nonce.values())


def _cost_wei(tx: JournaledTransaction) -> int:
    if tx.state is TransactionState.SIGNED:
        signed = read_signed(tx.raw)
        return signed.gas * signed.price.max_wei
    return tx.fee_wei or 0
