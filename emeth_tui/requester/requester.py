"""Requesting and cancelling: each step is recorded before it is taken, and done once, whatever breaks.

A run that was killed goes on by running the same command again: the record says what was stored, the journal
what was signed, and the chain what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.requests import JobRequest
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.storage.requester import RequesterStorage
from emeth_tui.clients.transactions.fee_limits import FeeLimits
from emeth_tui.clients.transactions.sender import TransactionSender
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import (
    CommandRefused,
    DatasetError,
    NetworkError,
    ReceiptTimeout,
    SettingsError,
)
from emeth_tui.model import JobId, Language
from emeth_tui.notices.reasons.job import ChainLacksJob
from emeth_tui.notices.reasons.network.requesting import RequestNotOpen, RequestUnderWay
from emeth_tui.notices.reasons.start import OtherAccount
from emeth_tui.notices.reasons.training.data import DatasetChanged, DatasetUnreadable
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_from_bytes
from emeth_tui.protocol.parameters import JobParameters
from emeth_tui.requester.measuring import Measured
from emeth_tui.requester.terms import Wish
from emeth_tui.settings import Network, Settings
from emeth_tui.store import key_values
from emeth_tui.store.database import Store
from emeth_tui.store.key_values import account_name
from emeth_tui.store.requests import StoredRequest
from emeth_tui.training.data.text_file import text_facts

BETWEEN_LOOKS_S = 1.0
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Requester:
    """One account that has jobs trained. It holds the state, so it is the account's one sender."""

    network: Network
    address: str
    chain: ChainClient
    storage: RequesterStorage
    transactions: TransactionSender
    store: Store

    async def now_unix_s(self) -> float:
        """Return the later of this machine's clock and the newest block's time."""
        return max(time.time(), (await self.chain.head()).timestamp_unix_s)

    async def take_up(self) -> None:
        """Send again what an earlier run signed and the chain has not settled."""
        await self.transactions.settle_pending()

    def unfinished(self, measured: Measured, wish: Wish, *, private: bool) -> StoredRequest | None:
        """Return the request that a run which broke off left behind: for the same text on the same terms.

        The deadline counts from when the job is requested, and is no part of them.
        """
        wanted = (self._account, measured.content, wish.language, wish.epochs, wish.fee_wei, private)
        return next(
            (
                known
                for known in self.store.requests.all()
                if known.requested_at_unix_s is None and _terms(known) == wanted
            ),
            None,
        )

    def record(self, path: Path, measured: Measured, wish: Wish, *, private: bool) -> StoredRequest:
        """Record a new request, before anything is done for it."""
        request = StoredRequest(
            job_id=job_id_from_bytes(secrets.token_bytes(16)),
            account=self._account,
            path=path.absolute(),
            content=measured.content,
            dataset_bytes=measured.size_bytes,
            language=wish.language,
            epochs=wish.epochs,
            fee_wei=wish.fee_wei,
            deadline_unix_s=wish.deadline_unix_s,
            model=self.network.models[wish.language],
            private=private,
            created_at_unix_s=time.time(),
        )
        self.store.requests.save(request)
        return request

    async def find_requested(self, request: StoredRequest) -> bool:
        """Whether the chain has the job, once what was signed for it has come to an end.

        Raise ReceiptTimeout while a request signed for it is on its way.
        """
        await self.transactions.settle_pending(request.job_id)
        job = (await self.chain.jobs([request.job_id])).get(request.job_id)
        if job is not None:
            noted = replace(request, deadline_unix_s=job.deadline_unix_s, requested_at_unix_s=time.time())
            self.store.requests.save(noted)
            return True
        if self.transactions.is_pending(request.job_id, "request"):
            raise ReceiptTimeout(RequestUnderWay(request.job_id))
        return False

    async def request(
        self, request: StoredRequest, path: Path, deadline_unix_s: int, on_progress: OnProgress
    ) -> None:
        """Store the dataset, approve exactly the fee, and request the job; what is done already stays done.

        Raise DatasetError, StorageError, TransactionError or NetworkError.
        """
        if await self.find_requested(request):
            return
        request = replace(request, deadline_unix_s=deadline_unix_s)
        if not request.dataset:
            request = await self._store_dataset(request, path, on_progress)
        self.store.requests.save(request)
        parameters = JobParameters(request.language, request.epochs)
        await self.transactions.request(
            JobRequest(request.job_id, request.dataset, parameters, request.fee_wei, deadline_unix_s)
        )
        self.store.requests.save(replace(request, requested_at_unix_s=time.time()))

    async def cancel(self, job_id: JobId) -> None:
        """Take a request back: its fee returns. Raise CommandRefused, TransactionError or NetworkError."""
        known = self.store.requests.get(job_id)
        job = (await self.chain.jobs([job_id])).get(job_id)
        if job is None:
            if known is None:
                raise NetworkError(ChainLacksJob())
            await self._forget(known)
            return
        if job.status is not JobStatus.REQUESTED:
            raise CommandRefused(RequestNotOpen(job_id, job.status.name.lower()))
        await self.transactions.cancel_request(job_id)

    async def until_final(self, on_wait: Callable[[], None]) -> None:
        """Wait until all that was sent is final, and send again what a reorganisation undid meanwhile."""
        while self.store.journal.unsettled():
            on_wait()
            with contextlib.suppress(NetworkError):
                await self.transactions.tend(lambda _tx: True)
            if self.store.journal.unsettled():
                await asyncio.sleep(BETWEEN_LOOKS_S)

    # ---- steps

    @property
    def _account(self) -> str:
        return account_name(self.address, self.network.core_address)

    async def _store_dataset(
        self, request: StoredRequest, path: Path, on_progress: OnProgress
    ) -> StoredRequest:
        try:
            with path.open("rb") as file:
                name = await self.storage.store_dataset(
                    request.job_id, file, private=request.private, on_progress=on_progress
                )
        except OSError as error:
            raise DatasetError(DatasetUnreadable(path, error.strerror or "")) from error
        if (await asyncio.to_thread(text_facts, path, request.language.value)).content != request.content:
            raise DatasetError(DatasetChanged(path))
        return replace(request, dataset=name)

    async def _forget(self, request: StoredRequest) -> None:
        """Forget a request that the chain has not seen. Raise CommandRefused where it still may."""
        if self.transactions.is_pending(request.job_id, "request"):
            raise CommandRefused(RequestUnderWay(request.job_id))
        self.store.requests.delete(request.job_id)


@asynccontextmanager
async def open_requester(
    settings: Settings, network: Network, wallet: Wallet, store: Store
) -> AsyncIterator[Requester]:
    """Connect an account to its network. Raise NetworkError, or SettingsError for another account's state."""
    _check_account(store, settings, account_name(wallet.address, network.core_address))
    async with contextlib.AsyncExitStack() as stack:
        chain = await ChainClient.connect(network)
        stack.push_async_callback(chain.close)
        transport = await stack.enter_async_context(open_transport())
        limits = settings.limits
        yield Requester(
            network=network,
            address=wallet.address,
            chain=chain,
            storage=RequesterStorage(network, wallet, transport),
            transactions=TransactionSender(
                chain,
                wallet,
                store.journal,
                confirmations=network.confirmations,
                fee_limits=lambda: FeeLimits(limits.max_gas_price_wei, limits.max_job_fee_wei),
            ),
            store=store,
        )


def _terms(request: StoredRequest) -> tuple[str, str, Language, int, int, bool]:
    return (
        request.account,
        request.content,
        request.language,
        request.epochs,
        request.fee_wei,
        request.private,
    )


def _check_account(store: Store, settings: Settings, account: str) -> None:
    """Refuse to send one account's transactions from another's state: its journal has the other's nonces."""
    known = store.key_values.get(key_values.ACCOUNT)
    if known not in {None, account}:
        open_jobs = [job for job in store.jobs.all() if not job.state.is_final]
        if open_jobs or store.journal.unsettled():
            raise SettingsError(OtherAccount(settings.state_dir, str(known)))
    store.key_values.set(key_values.ACCOUNT, account)
