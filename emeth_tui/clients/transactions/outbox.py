"""Getting calls into blocks: sign, journal, broadcast, watch, bump the fee; the same bytes or none.

What an endpoint answers to a broadcast is only a hint: what became of the bytes is read from the chain.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from emeth_tui.clients.chain.abi import Call
from emeth_tui.clients.chain.json_rpc import Request
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.chain.values import quantity
from emeth_tui.clients.transactions import broadcast
from emeth_tui.clients.transactions.broadcast import Broadcast, Receipt, Sighting, Verdict
from emeth_tui.clients.transactions.gas_price import MAX_GAS_PRICE_WEI, GasPrice, market_price
from emeth_tui.clients.transactions.pending import Journal, PendingTransaction, PendingTransactions
from emeth_tui.clients.transactions.signed_bytes import SignedCall
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import InsufficientFunds, NetworkError, ReceiptTimeout, TransactionError
from emeth_tui.model import JobId, JournaledTransaction, TransactionState
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network import transactions as why
from emeth_tui.settings import Network

Purpose = Literal["approve", "process", "submit", "decline", "withdraw"]

POLL_GROWTH = 1.5
SURE_SIGHTINGS = 3  # looks in a row that must agree that another transaction took our nonce
MAX_NONCE_RACES = 3

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, and what to pay at most for a unit of gas."""

    receipt_timeout_s: float = 600.0
    confirmations: int = 1
    bump_after_s: float = 90.0
    resend_after_s: float = 5.0  # the same bytes again, while the chain does not know them
    first_poll_s: float = 0.1
    longest_poll_s: float = 4.0
    max_gas_price_wei: int = MAX_GAS_PRICE_WEI


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Act:
    """A call to get into a block, and what it is for. `what` names it in messages."""

    call: Call
    purpose: Purpose
    job_id: JobId | None
    what: str


class Outbox:
    """Sends one account's calls. One outbox an account: nonces are given out here."""

    def __init__(
        self, rpc: Rpc, network: Network, wallet: Wallet, journal: Journal, patience: Patience
    ) -> None:
        self._rpc = rpc
        self._network = network
        self._wallet = wallet
        self._pending = PendingTransactions(journal)
        self._patience = patience
        self._nonce_lock = asyncio.Lock()
        self._first_unused_nonce = 0  # an endpoint that lags may not know of our newest transactions

    def is_under_way(self, act: Act) -> bool:
        """Whether this very call was sent before and has not ended."""
        return self.under_way(act) is not None

    def under_way(self, act: Act) -> PendingTransaction | None:
        """Find this very call where it was sent before and has not ended."""
        return self._pending.find(act.call)

    async def send(self, act: Act) -> Receipt:
        """Get a call into a block and wait for its confirmations. A call under way is joined, not repeated.

        Raises Reverted, InsufficientFunds, ReceiptTimeout, TransactionError or NetworkError.
        """
        return await self.confirm(await self.mine(act))

    async def mine(self, act: Act) -> PendingTransaction:
        """Get a call into a block; it may still want confirmations. Raises as `send` does."""
        for _ in range(MAX_NONCE_RACES):
            pending = self._pending.find(act.call) or await self._launch(act)
            receipt = await self._land(pending, confirmations=1)
            if receipt is not None:
                if not receipt.ok:
                    await self.confirm(pending)
                return pending
            _logger.warning("%s: another program used nonce %d of this account", act.what, pending.nonce)
        raise TransactionError(why.NoncesUsedElsewhere(act.purpose, self._wallet.address))

    async def confirm(self, pending: PendingTransaction) -> Receipt:
        """Wait until a pending is as deep in the chain as the network asks. Raises as `send` does."""
        receipt = await self._land(pending, self._patience.confirmations)
        if receipt is None:
            raise TransactionError(why.BlockDropped(pending.newest.purpose))
        if not receipt.ok:
            signed = pending.signed
            transaction = {
                "from": self._wallet.address,
                "to": "0x" + signed.to.hex(),
                "data": "0x" + signed.data.hex(),
            }
            reason = await broadcast.reason_at(self._rpc, transaction, receipt.block_number)
            raise broadcast.reverted(pending.newest.purpose, reason)
        return receipt

    async def settle_pending(
        self, job_id: JobId | None, wanted: Callable[[JournaledTransaction], bool]
    ) -> list[JournaledTransaction]:
        """Bring what the journal holds unsettled to its end, and return how each transaction ended."""
        pending_transactions = self._pending.open(job_id)
        # In nonce order: some endpoints refuse a nonce before its predecessor.
        for pending in pending_transactions:
            if pending.lock.locked():
                continue
            try:
                async with pending.lock:
                    await self._send_again(pending, wanted)
            except NetworkError as error:
                _logger.warning("%s: its transaction is not sent again yet: %s", pending.name, error)
        await asyncio.gather(*(self._try_to_confirm(pending) for pending in pending_transactions))
        return [tx for pending in pending_transactions for tx in pending.transactions]

    # ---- into the chain

    async def _launch(self, act: Act) -> PendingTransaction:
        """Simulate, sign, journal, broadcast; or join the pending that another task has just launched."""
        async with self._nonce_lock:
            pending = self._pending.find(act.call)
            if pending is not None:
                return pending
            gas = await broadcast.simulate(self._rpc, act.call, self._wallet.address, act.purpose)
            for other in self._pending.open():
                if not other.lock.locked():
                    async with other.lock:
                        await self._send_again(other)  # a lower nonce that got lost would hold this one up
            price = await market_price(self._rpc, self._patience.max_gas_price_wei)
            nonce = await self._next_nonce_with_funds(act, gas * price.max_wei)
            signed = SignedCall(
                nonce, bytes.fromhex(act.call.address[2:]), bytes.fromhex(act.call.data[2:]), gas, price
            )
            pending = self._pending.add(self._sign(signed, act.purpose, act.job_id))
            async with pending.lock:
                answer = await self._broadcast(pending)
                if answer.verdict in {Verdict.UNFUNDED, Verdict.REFUSED} and not await self._is_out(pending):
                    self._pending.give_up(pending)
                    raise self._refused(act, answer)
        return pending

    async def _next_nonce_with_funds(self, act: Act, cost_wei: int) -> int:
        """Find the nonce to use. Raises InsufficientFunds when the account cannot pay `cost_wei` for gas."""
        address = self._wallet.address
        pending, balance = await self._rpc.batch(
            [
                Request("eth_getTransactionCount", (address, "pending")),
                Request("eth_getBalance", (address, "latest")),
            ]
        )
        balance_wei = quantity(balance)
        if balance_wei < cost_wei:
            symbol = self._network.native_symbol
            raise InsufficientFunds(why.GasUnaffordable(act.purpose, cost_wei, symbol, address, balance_wei))
        return self._pending.free_nonce(max(quantity(pending), self._first_unused_nonce))

    def _sign(self, call: SignedCall, purpose: str, job_id: JobId | None) -> JournaledTransaction:
        raw, tx_hash = self._wallet.sign_transaction(
            {
                "chainId": self._network.chain_id,
                "nonce": call.nonce,
                "to": call.to,
                "value": 0,
                "data": call.data,
                "gas": call.gas,
                **call.price.fields(),
            }
        )
        return JournaledTransaction(
            tx_hash, call.nonce, purpose, job_id, raw, TransactionState.SIGNED, time.time()
        )

    async def _broadcast(self, pending: PendingTransaction) -> Broadcast:
        answer = await broadcast.broadcast(self._rpc, pending.newest.raw)
        _logger.info(
            "%s: transaction %s with nonce %d: %s",
            pending.name,
            pending.newest.tx_hash,
            pending.nonce,
            answer.said or answer.verdict.value,
        )
        return answer

    async def _is_out(self, pending: PendingTransaction) -> bool:
        """Whether the chain has a pending's transaction; when it does not say, it may have."""
        try:
            return (await self._look(pending)).is_known
        except NetworkError:
            return True

    def _refused(self, act: Act, answer: Broadcast) -> TransactionError:
        if answer.verdict is Verdict.UNFUNDED:
            return InsufficientFunds(
                why.GasShort(act.purpose, self._wallet.address, self._network.native_symbol, answer.said)
            )
        return TransactionError(why.TransactionRefused(act.purpose, self._rpc.where, answer.said))

    # ---- until it has landed

    async def _land(self, pending: PendingTransaction, confirmations: int) -> Receipt | None:
        """Watch a pending until it is that deep in the chain; None when its nonce went to something else.

        Raises ReceiptTimeout: the transaction may still go through, and stays unsettled in the journal.
        """
        async with pending.lock:
            patience = self._patience
            start_s = time.monotonic()
            watch = _Watch(start_s + patience.first_poll_s, start_s + patience.bump_after_s)
            poll_s = patience.first_poll_s
            while True:
                receipt = pending.receipt or await self._step(pending, watch, confirmations)
                if receipt is not None or pending.has_ended:
                    return receipt
                if time.monotonic() - start_s > patience.receipt_timeout_s:
                    raise self._timed_out(pending, watch)
                await asyncio.sleep(poll_s)
                poll_s = min(poll_s * POLL_GROWTH, patience.longest_poll_s)

    async def _step(self, pending: PendingTransaction, watch: _Watch, confirmations: int) -> Receipt | None:
        """Look once and do what is due: settle, send again, bump. A failing endpoint is asked again later."""
        try:
            seen = await self._look(pending)
            watch.news = why.InNoBlock()
            if seen.receipt is not None:
                depth = self._settle_if_deep(pending, seen)
                watch.news = why.HasConfirmations(depth, self._patience.confirmations)
                return seen.receipt if depth >= confirmations else None
            if seen.next_nonce > pending.nonce:
                watch.taken_sightings += 1
                if watch.taken_sightings >= SURE_SIGHTINGS:
                    self._pending.settle(pending, None)
                return None
            watch.taken_sightings = 0
            now_s = time.monotonic()
            if now_s >= watch.bump_at_s and seen.next_nonce == pending.nonce:
                watch.bump_at_s = now_s + self._patience.bump_after_s
                await self._bump(pending)
            elif now_s >= watch.resend_at_s and not seen.is_known:
                watch.resend_at_s = now_s + self._patience.resend_after_s
                await self._broadcast(pending)
        except NetworkError as error:
            watch.news = error.reason
            _logger.info("%s: cannot see what became of it yet: %s", pending.name, error)
        return None

    async def _look(self, pending: PendingTransaction) -> Sighting:
        return await broadcast.look(self._rpc, self._wallet.address, pending.hashes)

    def _settle_if_deep(self, pending: PendingTransaction, seen: Sighting) -> int:
        """Settle a pending that has its confirmations; tell how many it has."""
        if seen.receipt is None:
            return 0
        depth = seen.head_number - seen.receipt.block_number + 1
        self._first_unused_nonce = max(self._first_unused_nonce, pending.nonce + 1)
        if depth >= self._patience.confirmations:
            self._pending.settle(pending, seen.receipt)
        return depth

    async def _send_again(
        self, pending: PendingTransaction, wanted: Callable[[JournaledTransaction], bool] = lambda _: True
    ) -> None:
        """Settle a pending that has landed; broadcast the same bytes when the chain does not know them."""
        if pending.has_ended:
            return
        seen = await self._look(pending)
        self._settle_if_deep(pending, seen)
        if seen.is_known or seen.next_nonce > pending.nonce:
            return
        if wanted(pending.newest):
            await self._broadcast(pending)
        else:
            _logger.info(
                "%s: transaction %s never left, and is given up", pending.name, pending.newest.tx_hash
            )
            self._pending.give_up(pending)

    async def _bump(self, pending: PendingTransaction) -> None:
        """Replace a pending's transaction by the same call under the same nonce at a higher price."""
        old = pending.signed
        try:
            market = await market_price(self._rpc, self._patience.max_gas_price_wei)
        except TransactionError as error:
            _logger.warning("%s: still waiting for a block: %s", pending.name, error)
            return
        price = old.price.bumped(market)
        if price.max_wei > self._patience.max_gas_price_wei:
            _logger.warning("%s: still waiting for a block, and its fee is at the limit", pending.name)
            return
        _logger.warning("%s: still waiting for a block; %s", pending.name, _offer(old.price, price))
        replacement = SignedCall(old.nonce, old.to, old.data, old.gas, price)
        self._pending.add(self._sign(replacement, pending.newest.purpose, pending.newest.job_id))
        await self._broadcast(pending)

    async def _try_to_confirm(self, pending: PendingTransaction) -> None:
        try:
            await self._land(pending, self._patience.confirmations)
        except ReceiptTimeout as error:
            _logger.warning("%s", error)

    def _timed_out(self, pending: PendingTransaction, watch: _Watch) -> ReceiptTimeout:
        newest, waited_s = pending.newest, self._patience.receipt_timeout_s
        return ReceiptTimeout(why.NotFinal(newest.purpose, newest.tx_hash, waited_s, watch.news))


@dataclass(slots=True)
class _Watch:
    """What a watch keeps in mind between looks."""

    resend_at_s: float
    bump_at_s: float
    taken_sightings: int = 0
    news: Reason = field(default_factory=why.InNoBlock)


def _offer(old: GasPrice, new: GasPrice) -> str:
    return f"the price goes from {old.max_wei / 1e9:,.3f} to {new.max_wei / 1e9:,.3f} gwei"
