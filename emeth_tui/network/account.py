"""An account whose transactions a service sends.

No journal is kept of what it sends: the chain shows what to do next, even after a crash.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from eth_utils.address import to_checksum_address

from emeth_tui.backoff import Backoff
from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contracts import Call
from emeth_tui.clients.transactions.broadcast import Receipt, nonce_status, reverted, simulate
from emeth_tui.clients.transactions.gas_price import market_price
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import ReceiptTimeout
from emeth_tui.notices.reasons.local.serving import NotInBlock
from emeth_tui.notices.reasons.network.transactions import AnotherCameFirst

RECEIPT_TIMEOUT_S = 30.0  # a devnet's chain mines at once
_LOOKS = Backoff(first_s=0.05, longest_s=2.0)  # a devnet mines at once, other chains take seconds

_logger = logging.getLogger(__name__)


class Account:
    """Sends one account's transactions, one at a time."""

    def __init__(
        self, chain: ChainClient, wallet: Wallet, *, receipt_timeout_s: float = RECEIPT_TIMEOUT_S
    ) -> None:
        self.chain = chain
        self.wallet = wallet
        self.address = to_checksum_address(wallet.address)
        self._turn = asyncio.Lock()
        self._receipt_timeout_s = receipt_timeout_s

    async def send(self, call: Call, what: str) -> Receipt:
        """Send a contract call and wait until it is in a block; `what` starts the error messages.

        Raise Reverted, ReceiptTimeout or NetworkError.
        """
        async with self._turn:
            gas = await simulate(self.chain.w3, call, self.address, what)
            tx_hash = await self._broadcast(call.address, call.data, gas)
            receipt = await self._receipt(tx_hash, what)
        return self._checked(receipt, what)

    async def send_native(self, recipient: str, amount_wei: int, what: str) -> Receipt:
        """Send native token and wait until that is in a block. Raise as `send` does."""
        to = to_checksum_address(recipient)
        async with self._turn:
            value: Any = {"from": self.address, "to": to, "value": amount_wei}
            gas = int(await self.chain.w3.eth.estimate_gas(value))
            receipt = await self._receipt(await self._broadcast(to, "0x", gas, amount_wei), what)
        return self._checked(receipt, what)

    @staticmethod
    def _checked(receipt: Receipt, what: str) -> Receipt:
        if not receipt.ok:
            raise reverted(what, AnotherCameFirst())
        _logger.debug("%s: in block %d", what, receipt.block_number)
        return receipt

    async def allow_core(self, amount_wei: int, what: str) -> None:
        """Let EmethCore take `amount_wei` of this account's EMT, if it may not already."""
        balances = await self.chain.balances(self.address)
        if balances.allowance_wei < amount_wei:
            core = self.chain.network.core_address
            await self.send(self.chain.token("approve", core, 2**256 - 1), what)

    async def _broadcast(self, recipient: str, data: str, gas: int, value_wei: int = 0) -> str:
        w3 = self.chain.w3
        price = await market_price(w3)
        nonce = await w3.eth.get_transaction_count(self.address, "pending")
        raw, tx_hash = self.wallet.sign_transaction(
            {
                "chainId": self.chain.network.chain_id,
                "nonce": nonce,
                "to": to_checksum_address(recipient),
                "value": value_wei,
                "data": data,
                "gas": gas,
                **price.fields(),
            }
        )
        await w3.eth.send_raw_transaction(raw)
        return tx_hash

    async def _receipt(self, tx_hash: str, what: str) -> Receipt:
        give_up_s, looks = time.monotonic() + self._receipt_timeout_s, 0
        while time.monotonic() < give_up_s:
            status = await nonce_status(self.chain.w3, self.address, [tx_hash])
            if status.receipt is not None:
                return status.receipt
            looks += 1
            await asyncio.sleep(_LOOKS.delay_s(looks))
        raise ReceiptTimeout(NotInBlock(what, self._receipt_timeout_s))
