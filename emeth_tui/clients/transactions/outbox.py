"""Sending calls: sign, journal, broadcast, confirm, bump the fee; the same bytes or none.

What an endpoint answers to a broadcast is only a hint: the chain shows what became of the bytes.
"""

from __future__ import annotations

import asyncio
import logging
import time

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.clients.transactions import broadcast
from emeth_tui.clients.transactions.broadcast import Broadcast, NonceStatus, Receipt, Verdict
from emeth_tui.clients.transactions.fee_limits import FeeGuard
from emeth_tui.clients.transactions.gas_price import GasPrice
from emeth_tui.clients.transactions.pending import (
    Journal,
    PendingTransaction,
    PendingTransactions,
    Wanted,
    Watch,
)
from emeth_tui.clients.transactions.requests import CANCEL, Patience, TransactionRequest
from emeth_tui.clients.transactions.signed_bytes import SignedCall
from emeth_tui.clients.transactions.signer import CANCEL_GAS, Signer
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import InsufficientFunds, NetworkError, ReceiptTimeout, TransactionError
from emeth_tui.model import JobId, JournaledTransaction
from emeth_tui.notices.reasons.network import transactions as why
from emeth_tui.notices.reasons.network.rpc import OtherReceipt

POLL_GROWTH = 1.5
NONCE_TAKEN_CHECKS = 3  # in a row that must agree that another transaction used our nonce
MAX_NONCE_RACES = 3
MOST_UNEXPLAINED = 64  # nonces between the chain's next and one of ours: a pool queues as many of an account

_NEVER_SENT = frozenset({Verdict.UNFUNDED, Verdict.REFUSED})

_logger = logging.getLogger(__name__)


class Outbox:
    """Sends one account's calls. One outbox an account: nonces are given out here."""

    def __init__(
        self,
        chain: ChainClient,
        wallet: Wallet,
        journal: Journal,
        patience: Patience,
        fees: FeeGuard,
        wanted: Wanted,
    ) -> None:
        self._chain = chain
        self._w3 = chain.w3
        self._signer = Signer(chain.network.chain_id, wallet)
        self._address = chain.w3.to_checksum_address(wallet.address)
        self._pending = PendingTransactions(journal)
        self._patience = patience
        self._fees = fees
        self._wanted = wanted
        self._nonce_lock = asyncio.Lock()
        self._next_nonce: int | None = None  # the chain's, as last seen
        self.undone = 0  # transactions that were in a block which is no longer in the chain
        self.nonces_lost = 0  # that were ours to use, and were used with bytes that we never signed

    def find_pending(self, request: TransactionRequest) -> PendingTransaction | None:
        """Return the pending transaction to join instead of sending this call, if there is one."""
        pending = self._pending.find(request.call)
        if pending is not None and request.repeatable and pending.receipt is not None:
            return None
        return pending

    def open(self, job_id: JobId) -> list[PendingTransaction]:
        """Return a job's transactions that are not final, in nonce order."""
        return self._pending.open(job_id)

    async def send(self, request: TransactionRequest) -> Receipt:
        """Send a call and wait until it is in a block; `tend` watches it from there until it is final.

        A call that is pending already is joined, not repeated. Raise Reverted, InsufficientFunds,
        ReceiptTimeout, TransactionError or NetworkError.
        """
        for _ in range(MAX_NONCE_RACES):
            pending = self.find_pending(request) or await self._sign_and_broadcast(request)
            receipt = await self._wait_until_mined(pending)
            if receipt is not None:
                if not receipt.ok:
                    raise await self._reverted(pending, receipt)
                return receipt
        raise TransactionError(why.NoncesUsedElsewhere(request.purpose, self._address))

    async def tend(self, wanted: Wanted) -> int:
        """Look after what is not final: settle it, send it again, raise its fee; cancel what is not `wanted`.

        What a reorganisation undid, however deep, is taken up again. Return the chain's next nonce of the
        account. Raise NetworkError.
        """
        next_nonce = await self._read_next_nonce()
        self._pending.reopen(next_nonce)
        for pending in self._pending.open():
            if not pending.lock.locked():
                async with pending.lock:
                    await self._check(pending, self._watch(pending), wanted)
        await self._close_gap(next_nonce)
        return next_nonce

    async def cancel(self, pending: PendingTransaction) -> None:
        """Take a transaction's nonce away, at a higher price. It may still be the one that is mined."""
        async with pending.lock:
            await self._check(pending, self._watch(pending))
            is_mined = pending.has_ended or pending.receipt is not None
            if not is_mined and pending.newest.purpose != CANCEL:
                await self._cancel(pending)

    async def _reverted(self, pending: PendingTransaction, receipt: Receipt) -> TransactionError:
        signed = pending.signed
        transaction = {
            "from": self._address,
            "to": self._w3.to_checksum_address(signed.to),
            "data": "0x" + signed.data.hex(),
        }
        reason = await broadcast.reason_at(self._w3, transaction, receipt.block_number)
        return broadcast.reverted(pending.newest.purpose, reason)

    async def settle_pending(self, job_id: JobId | None, wanted: Wanted) -> list[JournaledTransaction]:
        """Send again what the journal holds unsettled, wait for its block, and return what became of it.

        What is not `wanted` any more is cancelled.
        """
        unsettled = self._pending.open(job_id)
        # In nonce order: some endpoints refuse a nonce before its predecessor.
        for pending in unsettled:
            if pending.lock.locked():
                continue
            try:
                async with pending.lock:
                    await self._broadcast_again(pending, wanted)
            except NetworkError as error:
                _logger.warning("%s: it is not broadcast again yet: %s", pending.name, error)
        await asyncio.gather(*(self._try_to_settle(pending) for pending in unsettled))
        return [tx for pending in unsettled for tx in pending.transactions]

    # ---- sign and broadcast

    async def _sign_and_broadcast(self, request: TransactionRequest) -> PendingTransaction:
        """Simulate, sign, journal, broadcast; or join what another task has just broadcast."""
        async with self._nonce_lock:
            pending = self.find_pending(request)
            if pending is not None:
                return pending
            gas = await broadcast.simulate(self._w3, request.call, self._address, request.purpose)
            for other in self._pending.open():
                if other.receipt is None and not other.lock.locked():
                    async with other.lock:  # a lower nonce that got lost would hold this one up
                        await self._broadcast_again(other)
            price = await self._fees.market_price()
            self._fees.check(request.purpose, request.job_id, gas, price)
            nonce = await self._next_nonce_with_funds(request, gas * price.max_wei)
            signed = self._signer.sign_request(request, nonce, gas, price)
            pending = self._pending.add(signed)
            async with pending.lock:
                answer = await self._broadcast(pending)
                if answer.verdict in _NEVER_SENT and not await self._may_be_known(pending):
                    self._pending.drop(pending)
                    raise self._refused(request, answer)
        return pending

    async def _next_nonce_with_funds(self, request: TransactionRequest, cost_wei: int) -> int:
        """Return the nonce to use. Raise InsufficientFunds when the account cannot pay `cost_wei`."""
        mined, known, balance_wei = await asyncio.gather(
            self._read_next_nonce(), self._read_pool_nonce(), self._w3.eth.get_balance(self._address)
        )
        if balance_wei < cost_wei:
            symbol = self._chain.network.native_symbol
            raise InsufficientFunds(
                why.GasUnaffordable(request.purpose, cost_wei, symbol, self._address, int(balance_wei))
            )
        free = self._pending.free_nonce(mined)
        if known > free:  # by what another program has in the pool, or by a mistake
            known = min(known, await self._read_pool_nonce())
        return free if known > free + MOST_UNEXPLAINED else self._pending.free_nonce(max(free, known))

    async def _read_next_nonce(self) -> int:
        """Return the chain's next nonce of the account; ask again for one that nothing of ours explains."""
        nonce = int(await self._w3.eth.get_transaction_count(self._address))
        seen = self._next_nonce
        if seen is None or not seen <= nonce <= self._pending.free_nonce(seen):
            nonce = int(await self._w3.eth.get_transaction_count(self._address))
        self._next_nonce = nonce
        return nonce

    async def _read_pool_nonce(self) -> int:
        return int(await self._w3.eth.get_transaction_count(self._address, "pending"))

    async def _broadcast(self, pending: PendingTransaction) -> Broadcast:
        answer = await broadcast.broadcast(self._w3, pending.newest.raw)
        _logger.info(
            "%s: transaction %s with nonce %d: %s",
            pending.name,
            pending.newest.tx_hash,
            pending.nonce,
            answer.said or answer.error or answer.verdict.value,
        )
        return answer

    async def _may_be_known(self, pending: PendingTransaction) -> bool:
        """Whether the chain knows the transaction; when it does not answer, it may."""
        try:
            return (await self._status(pending)).is_known
        except NetworkError:
            return True

    def _refused(self, request: TransactionRequest, answer: Broadcast) -> TransactionError:
        if answer.verdict is Verdict.UNFUNDED:
            symbol = self._chain.network.native_symbol
            return InsufficientFunds(why.GasShort(request.purpose, self._address, symbol, answer.said))
        return TransactionError(why.TransactionRefused(request.purpose, self._chain.rpc.where, answer.said))

    # ---- watch

    async def _wait_until_mined(self, pending: PendingTransaction) -> Receipt | None:
        """Watch a transaction until it is in a block; None when another used its nonce.

        Raise ReceiptTimeout: the transaction may still go through, and stays unsettled in the journal.
        """
        async with pending.lock:
            patience = self._patience
            start_s = time.monotonic()
            poll_s = patience.first_poll_s
            watch = pending.watch = self._new_watch()
            while not pending.has_ended:
                await self._check(pending, watch)
                if pending.receipt is not None or pending.has_ended:
                    break
                if time.monotonic() - start_s > patience.receipt_timeout_s:
                    raise self._timed_out(pending, watch)
                await asyncio.sleep(poll_s)
                poll_s = min(poll_s * POLL_GROWTH, patience.longest_poll_s)
            return pending.receipt

    def _watch(self, pending: PendingTransaction) -> Watch:
        pending.watch = pending.watch or self._new_watch()
        return pending.watch

    def _new_watch(self) -> Watch:
        now_s = time.monotonic()
        return Watch(now_s + self._patience.first_poll_s, now_s + self._patience.bump_after_s)

    async def _check(
        self,
        pending: PendingTransaction,
        watch: Watch,
        wanted: Wanted | None = None,
    ) -> None:
        """Check once and do what is due: settle, broadcast again, bump. A failing endpoint is asked later."""
        try:
            seen = await self._status(pending)
            watch.news = why.InNoBlock()
            if seen.receipt is not None:
                self._note_mined(pending, seen)
                return
            if pending.receipt is not None:
                pending.receipt = None
                self.undone += 1
            if seen.next_nonce > pending.nonce:
                if not seen.is_known:  # else it is mined, and its receipt is late
                    self._note_nonce_taken(pending, watch)
                return
            watch.nonce_taken_checks = 0
            now_s = time.monotonic()
            if self._is_given_up(pending, watch, seen.next_nonce):
                self._pending.drop(pending)
            elif now_s >= watch.bump_at_s and seen.next_nonce == pending.nonce:
                watch.bump_at_s = now_s + self._patience.bump_after_s
                await self._bump_or_cancel(pending, wanted)
            elif now_s >= watch.resend_at_s and not seen.is_known:
                watch.resend_at_s = now_s + self._patience.resend_after_s
                await self._broadcast_or_cancel(pending, wanted)
        except NetworkError as error:
            watch.news = error.reason
            _logger.info("%s: the chain does not show yet what became of it: %s", pending.name, error)

    async def _status(self, pending: PendingTransaction) -> NonceStatus:
        seen = await broadcast.nonce_status(self._w3, self._address, pending.hashes)
        if seen.receipt is not None and not pending.allows(seen.receipt):
            raise BadAnswer(OtherReceipt())
        return seen

    def _note_mined(self, pending: PendingTransaction, seen: NonceStatus) -> None:
        """Keep the receipt; settle a transaction that has its confirmations."""
        receipt = pending.receipt = seen.receipt
        if receipt and seen.head_number - receipt.block_number + 1 >= self._patience.confirmations:
            self._pending.settle(pending, receipt)

    def _note_nonce_taken(self, pending: PendingTransaction, watch: Watch) -> None:
        watch.nonce_taken_checks += 1
        if watch.nonce_taken_checks >= NONCE_TAKEN_CHECKS:
            _logger.warning("%s: another program used nonce %d of this account", pending.name, pending.nonce)
            self.nonces_lost += 1
            self._pending.settle(pending, None)

    def _is_given_up(self, pending: PendingTransaction, watch: Watch, next_nonce: int) -> bool:
        """Whether a nonce has been out of reach for so long that an endpoint was wrong when it was signed."""
        if not self._pending.is_out_of_reach(pending, next_nonce, MOST_UNEXPLAINED):
            watch.out_of_reach_since_s = None
            return False
        now_s = time.monotonic()
        if watch.out_of_reach_since_s is None:
            watch.out_of_reach_since_s = now_s
        if now_s - watch.out_of_reach_since_s < self._patience.bump_after_s:
            return False
        _logger.warning("%s: nonce %d is too far ahead of %d", pending.name, pending.nonce, next_nonce)
        return True

    async def _broadcast_again(self, pending: PendingTransaction, wanted: Wanted | None = None) -> None:
        """Settle a transaction that is mined; broadcast the same bytes when the chain does not know them."""
        if pending.has_ended:
            return
        seen = await self._status(pending)
        if seen.receipt is not None:
            self._note_mined(pending, seen)
        elif not seen.is_known and seen.next_nonce <= pending.nonce:
            await self._broadcast_or_cancel(pending, wanted)

    async def _broadcast_or_cancel(self, pending: PendingTransaction, wanted: Wanted | None) -> None:
        if self._is_wanted(pending, wanted):
            await self._broadcast(pending)
        else:
            await self._cancel(pending)

    async def _bump_or_cancel(self, pending: PendingTransaction, wanted: Wanted | None) -> None:
        if self._is_wanted(pending, wanted):
            await self._bump_fee(pending)
        else:
            await self._cancel(pending)

    def _is_wanted(self, pending: PendingTransaction, wanted: Wanted | None) -> bool:
        return pending.newest.purpose == CANCEL or (wanted or self._wanted)(pending.newest)

    async def _cancel(self, pending: PendingTransaction) -> None:
        """Sign and send a transaction that does nothing under the same nonce; the lock is held."""
        try:
            market = await self._fees.market_price()
        except TransactionError as error:
            _logger.warning("%s: not cancelled yet: %s", pending.name, error)
            return
        price, job_id = pending.signed.price.bumped(market), pending.newest.job_id
        if not self._fees.allows(CANCEL, job_id, CANCEL_GAS, price, pending.nonce):
            _logger.warning("%s: not cancelled yet: its fee is at the limit", pending.name)
            return
        _logger.info("%s: not wanted any more; its nonce %d is taken by another", pending.name, pending.nonce)
        self._pending.add(self._signer.sign_nothing(pending.nonce, price, job_id))
        await self._broadcast(pending)

    async def _close_gap(self, next_nonce: int) -> None:
        """Use the chain's next nonce for nothing where a pending transaction waits behind it.

        So nobody's bytes are lost: what we signed is in the journal, and a nonce that another program has
        in the pool is left to it. A wider gap than there can be is left open: each nonce costs gas.
        """
        waiting = min((tx.nonce for tx in self._pending.open() if tx.nonce > next_nonce), default=None)
        if waiting is None:
            return
        if waiting - next_nonce > MOST_UNEXPLAINED:
            _logger.warning("nonce %d of this account waits for %d", waiting, next_nonce)
            return
        async with self._nonce_lock:
            known = await self._read_pool_nonce()
            if known > next_nonce or self._pending.free_nonce(next_nonce) != next_nonce:
                return
            try:
                price = await self._fees.market_price()
            except TransactionError as error:
                _logger.warning("nonce %d of this account stays unused: %s", next_nonce, error)
                return
            _logger.warning("nonce %d of this account is unused: a transaction takes it", next_nonce)
            pending = self._pending.add(self._signer.sign_nothing(next_nonce, price, None))
            async with pending.lock:
                await self._broadcast(pending)

    async def _bump_fee(self, pending: PendingTransaction) -> None:
        """Replace a transaction by the same call under the same nonce at a higher price."""
        old = pending.signed
        try:
            market = await self._fees.market_price()
        except TransactionError as error:
            _logger.warning("%s: still waiting for a block: %s", pending.name, error)
            return
        price = old.price.bumped(market)
        newest = pending.newest
        if not self._fees.allows(newest.purpose, newest.job_id, old.gas, price, old.nonce):
            _logger.warning("%s: still waiting for a block, and its fee is at the limit", pending.name)
            return
        _logger.warning("%s: still waiting for a block; %s", pending.name, _offer(old.price, price))
        replacement = SignedCall(old.nonce, old.to, old.data, old.gas, price)
        self._pending.add(self._signer.sign(replacement, newest.purpose, newest.job_id))
        await self._broadcast(pending)

    async def _try_to_settle(self, pending: PendingTransaction) -> None:
        try:
            await self._wait_until_mined(pending)
        except ReceiptTimeout as error:
            _logger.warning("%s", error)

    def _timed_out(self, pending: PendingTransaction, watch: Watch) -> ReceiptTimeout:
        newest, waited_s = pending.newest, self._patience.receipt_timeout_s
        return ReceiptTimeout(why.NotFinal(newest.purpose, newest.tx_hash, waited_s, watch.news))


def _offer(old: GasPrice, new: GasPrice) -> str:
    return f"the price goes from {old.max_wei / 1e9:,.3f} to {new.max_wei / 1e9:,.3f} gwei"
