"""An account's transactions: a node's and a requester's, and taking up what a crash left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contract_events import StatusChanged
from emeth_tui.clients.chain.requests import JobRequest
from emeth_tui.clients.transactions.broadcast import Receipt
from emeth_tui.clients.transactions.fee_limits import FeeGuard, FeeLimits
from emeth_tui.clients.transactions.gas_price import GasPrice
from emeth_tui.clients.transactions.outbox import Outbox
from emeth_tui.clients.transactions.pending import Journal, PendingTransaction, Wanted, every_one
from emeth_tui.clients.transactions.requests import (
    DEFAULT_PATIENCE,
    Patience,
    Purpose,
    TransactionRequest,
)
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import InsufficientFunds, Reverted
from emeth_tui.model import JobId, JournaledTransaction, TransactionState
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.transactions import (
    DepositUnaffordable,
    FeeUnaffordable,
    JobNotOnChain,
    TakenAlready,
)
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes

Unaffordable = Callable[[int, str, int], Reason]  # of an amount, the account and its balance

__all__ = ["Journal", "Receipt", "TransactionSender"]


class TransactionSender:
    """Sends one account's transactions. One sender per account: it gives out the nonces.

    Asked for something that is pending already (after a ReceiptTimeout, or by two tasks at once), it joins
    that transaction instead of sending a second one. What is not `wanted` is never sent on the way to
    another: its nonce is taken away.
    """

    def __init__(
        self,
        chain: ChainClient,
        wallet: Wallet,
        journal: Journal,
        *,
        confirmations: int = 1,
        receipt_timeout_s: float = DEFAULT_PATIENCE.receipt_timeout_s,
        bump_after_s: float = DEFAULT_PATIENCE.bump_after_s,
        first_poll_s: float = DEFAULT_PATIENCE.first_poll_s,
        fee_limits: Callable[[], FeeLimits] = FeeLimits,
        wanted: Wanted = every_one,
    ) -> None:
        self._chain = chain
        self._journal = journal
        self._address = wallet.address
        patience = Patience(
            receipt_timeout_s=receipt_timeout_s,
            confirmations=confirmations,
            bump_after_s=bump_after_s,
            first_poll_s=first_poll_s,
        )
        self._fees = FeeGuard(chain.w3, journal, fee_limits, chain.network.native_symbol)
        self._outbox = Outbox(chain, wallet, journal, patience, self._fees, wanted)
        self._claim_lock = asyncio.Lock()

    async def gas_price(self) -> GasPrice:
        """Return what gas costs now. Raise TransactionError when it is over the limit, or NetworkError."""
        return await self._fees.market_price()

    async def process(self, job_id: JobId, deposit_wei: int) -> Receipt:
        """Claim a job: approve exactly its deposit, when the allowance is short, and call `process`.

        Raise InsufficientFunds, Reverted (another node was faster), ReceiptTimeout or NetworkError.
        """
        process = TransactionRequest(
            self._chain.core("process", job_id_bytes(job_id)), "process", job_id, f"job {job_id}: process"
        )
        async with self._claim_lock:  # until it is mined: two claims must not spend one allowance
            if self._outbox.find_pending(process) is None:
                await self._check_still_requested(job_id)
                await self._approve(job_id, deposit_wei, DepositUnaffordable)
            return await self._outbox.send(process)

    async def submit(self, job_id: JobId, result: str) -> Receipt:
        """Deliver a job's result by its name in storage. Raise Reverted, ReceiptTimeout or NetworkError."""
        call = self._chain.core("submit", job_id_bytes(job_id), result)
        return await self._outbox.send(TransactionRequest(call, "submit", job_id, f"job {job_id}: submit"))

    async def decline(self, job_id: JobId) -> Receipt:
        """Give a job back; it costs the penalty. Raise Reverted, ReceiptTimeout or NetworkError."""
        call = self._chain.core("decline", job_id_bytes(job_id))
        return await self._outbox.send(TransactionRequest(call, "decline", job_id, f"job {job_id}: decline"))

    async def withdraw(self, slot: int) -> Receipt:
        """Collect a closed slot's reward. Raise Reverted, ReceiptTimeout or NetworkError."""
        call = self._chain.core("withdrawSlotReward", slot)
        return await self._outbox.send(TransactionRequest(call, "withdraw", None, f"slot {slot}: withdraw"))

    async def request(self, request: JobRequest) -> Receipt:
        """Request a job: approve exactly its fee, when the allowance is short, and call `request`.

        Raise InsufficientFunds, Reverted, ReceiptTimeout or NetworkError.
        """
        job_id, fee_wei = request.job_id, request.fee_wei
        call = request.call(self._chain)
        transaction = TransactionRequest(call, "request", job_id, f"job {job_id}: request")
        async with self._claim_lock:
            if self._outbox.find_pending(transaction) is None:
                await self._approve(job_id, fee_wei, FeeUnaffordable)
            return await self._outbox.send(transaction)

    async def cancel_request(self, job_id: JobId) -> Receipt:
        """Take back a request that no node has claimed. Raise Reverted, ReceiptTimeout or NetworkError."""
        call = self._chain.core("cancel", job_id_bytes(job_id))
        return await self._outbox.send(
            TransactionRequest(call, "cancel request", job_id, f"job {job_id}: cancel")
        )

    def is_pending(self, job_id: JobId, purpose: Purpose) -> bool:
        """Whether a transaction of a job is signed for a purpose, and not settled."""
        return any(
            tx.purpose == purpose for pending in self._outbox.open(job_id) for tx in pending.transactions
        )

    async def settle_pending(
        self,
        job_id: JobId | None = None,
        *,
        wanted: Wanted = every_one,
    ) -> list[JournaledTransaction]:
        """Send again what the journal holds unsettled, all of it or one job's; return what became of each.

        What the chain does not know is broadcast again, the same bytes, or cancelled if it is not `wanted`
        any more. What is not mined in time, or not final yet, stays SIGNED.
        """
        return await self._outbox.settle_pending(job_id, wanted)

    async def tend(self, wanted: Wanted) -> int:
        """Look after every transaction that is not final (see `Outbox.tend`). Raise NetworkError."""
        return await self._outbox.tend(wanted)

    @property
    def undone(self) -> int:
        """Return how many of our transactions were in a block that was taken back."""
        return self._outbox.undone

    @property
    def nonces_lost(self) -> int:
        """How many nonces that were ours to use another program has used."""
        return self._outbox.nonces_lost

    def may_claim(self, job_id: JobId) -> bool:
        """Whether a claim signed for a job may still be mined, or undone."""
        return bool(self._claims(job_id))

    def has_signed_claim(self, job_id: JobId) -> bool:
        """Whether we ever signed a claim for a job."""
        return bool(self._signed_claims(job_id))

    async def has_claimed(self, job_id: JobId, started_at_unix_s: int) -> bool:
        """Whether a claim of ours for a job is in a block, and not some other program's with this account.

        A receipt of success says so; where one says that it failed, the contract's own log of the claim at
        that time does. Raise NetworkError.
        """
        if any(pending.receipt and pending.receipt.ok for pending in self._claims(job_id)):
            return True
        signed = self._signed_claims(job_id)
        if any(tx.state is TransactionState.MINED for tx in signed):
            return True
        if not signed:
            return False
        start = await self._chain.block_at(started_at_unix_s - 1)
        claims = [
            event.tx_hash
            for event in await self._chain.events(start, (await self._chain.head()).number)
            if isinstance(event, StatusChanged)
            and event.job_id == job_id
            and event.status is JobStatus.PROCESSING
        ]
        return bool(claims) and claims[-1] in {tx.tx_hash for tx in signed}

    def _signed_claims(self, job_id: JobId) -> list[JournaledTransaction]:
        return [tx for tx in self._journal.of_job(job_id) if tx.purpose == "process"]

    async def cancel_claim(self, job_id: JobId) -> None:
        """Cancel what is signed to claim a job and not mined; the chain shows what became of it.

        Raise NetworkError.
        """
        for pending in self._claims(job_id):
            if pending.receipt is None:
                await self._outbox.cancel(pending)

    def _claims(self, job_id: JobId) -> list[PendingTransaction]:
        return [
            pending
            for pending in self._outbox.open(job_id)
            if any(tx.purpose == "process" for tx in pending.transactions)
        ]

    async def _check_still_requested(self, job_id: JobId) -> None:
        """Save the gas of an approval for a job that is gone. Raise Reverted."""
        job = (await self._chain.jobs([job_id])).get(job_id)
        if job is None:
            raise Reverted(JobNotOnChain("process"))
        if job.status is not JobStatus.REQUESTED:
            raise Reverted(TakenAlready("process", job.status.name, job.node))

    async def _approve(self, job_id: JobId, amount_wei: int, unaffordable: Unaffordable) -> None:
        """Let EmethCore take a deposit or a fee, where it may not take as much already."""
        call = self._chain.token("approve", self._chain.core_address, amount_wei)
        approve = TransactionRequest(call, "approve", job_id, f"job {job_id}: approve", repeatable=True)
        while await self._allowance_is_short(amount_wei, unaffordable):
            joined = self._outbox.find_pending(approve) is not None
            try:
                await self._outbox.send(approve)
            except Reverted:  # a receipt says so; the allowance shows whether it is true
                if await self._allowance_is_short(amount_wei, unaffordable):
                    raise
            if not joined:
                return
            # One that a crash left: another claim may spend it, and then it is short again.

    async def _allowance_is_short(self, amount_wei: int, unaffordable: Unaffordable) -> bool:
        balances = await self._chain.balances(self._address)
        if balances.emt_wei < amount_wei:
            raise InsufficientFunds(unaffordable(amount_wei, self._address, balances.emt_wei))
        return balances.allowance_wei < amount_wei
