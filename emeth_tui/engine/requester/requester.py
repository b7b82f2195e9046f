"""Requesting and cancelling: each step is recorded before it is taken, and done once, whatever breaks.

A run that was killed goes on by running the same command again: the record says what was stored, the journal
what was signed, and the chain what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.requests import JobRequest
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.storage.requester import RequesterStorage
from emeth_tui.clients.transactions.fee_limits import FeeLimits
from emeth_tui.clients.transactions.sender import TransactionSender
from emeth_tui.clients.wallet import Wallet
from emeth_tui.engine.account import take_state
from emeth_tui.engine.requester.terms import Wish
from emeth_tui.engine.requester.under_way import Aim, OneRequest
from emeth_tui.engine.view.following import FollowedJob, follow, is_of
from emeth_tui.errors import (
    CommandRefused,
    DatasetError,
    NetworkError,
    ReceiptTimeout,
)
from emeth_tui.foreign_text import system_text
from emeth_tui.model import JobId, Language, TransactionState
from emeth_tui.notices.reasons.job import ChainLacksJob
from emeth_tui.notices.reasons.network.requesting import RequestNotOpen, RequestUnderWay, TextChanged
from emeth_tui.notices.reasons.training.data import DatasetUnreadable
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_from_bytes
from emeth_tui.protocol.parameters import JobParameters
from emeth_tui.settings import Network, Settings
from emeth_tui.store.database import Store
from emeth_tui.store.key_values import account_name
from emeth_tui.store.requests import StoredRequest
from emeth_tui.training.data.measuring import Measured
from emeth_tui.training.data.text_file import text_facts

BETWEEN_LOOKS_S = 1.0
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Requester:
    """One account that has jobs trained, through the account's one sender.

    With `alone`, nobody else looks after the account's other transactions: they are settled on the way.
    """

    network: Network
    address: str
    chain: ChainClient
    storage: RequesterStorage
    transactions: TransactionSender
    store: Store
    aim: Aim
    alone: bool = True

    async def now_unix_s(self) -> float:
        """Return the later of this machine's clock and the newest block's time."""
        return max(time.time(), (await self.chain.head()).timestamp_unix_s)

    def unfinished(self, measured: Measured, wish: Wish, *, private: bool) -> StoredRequest | None:
        """Return the request that a run which broke off left behind: for the same text on the same terms.

        It is unfinished until its block is final. The deadline counts from when the job is requested, and is
        no part of the terms.
        """
        return next(
            (
                known
                for known in self.store.requests.all()
                if known.requested_at_unix_s is None and self.is_for(known, measured, wish, private=private)
            ),
            None,
        )

    async def standing(self, measured: Measured, wish: Wish, *, private: bool) -> StoredRequest | None:
        """Return the newest request that was made for the same text on the same terms, and still counts.

        One that was cancelled, timed out or brought no result that passed does not: its fee is back. Raise
        NetworkError.
        """
        known = [
            one
            for one in self.store.requests.all()
            if one.requested_at_unix_s is not None and self.is_for(one, measured, wish, private=private)
        ]
        counting = [one.request for one in await follow(self.chain, known) if one.counts]
        return counting[-1] if counting else None

    def is_for(self, known: StoredRequest, measured: Measured, wish: Wish, *, private: bool) -> bool:
        """Whether a request is this account's for a text on these terms."""
        wanted = (self._account, measured.content, wish.language, wish.epochs, wish.fee_wei, private)
        return _terms(known) == wanted

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

        An id that another account has used is given up: the request is forgotten. Raise ReceiptTimeout while
        a request signed for it is on its way, NetworkError.
        """
        job_id = request.job_id
        with self._aimed_at(job_id):
            await self._take_up(job_id)
            job = (await self.chain.jobs([job_id])).get(job_id)
            if job is not None and is_of(request, job):
                return True
            if job is None and self.transactions.is_pending(job_id, "request"):
                raise ReceiptTimeout(RequestUnderWay(job_id))
            if job is None and self._was_mined(job_id):
                raise NetworkError(ChainLacksJob())
        self.aim.end(job_id)
        if job is not None:
            self.store.requests.delete(job_id)
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
        with self._aimed_at(request.job_id):
            if not request.dataset:
                request = await self.store_dataset(request, path, on_progress)
            self.store.requests.save(request)
            parameters = JobParameters(request.language, request.epochs)
            await self.transactions.request(
                JobRequest(request.job_id, request.dataset, parameters, request.fee_wei, deadline_unix_s)
            )

    async def store_dataset(
        self, request: StoredRequest, path: Path, on_progress: OnProgress
    ) -> StoredRequest:
        """Store a request's text, and return the request with its name. Raise DatasetError, StorageError."""
        try:
            with path.open("rb") as file:
                name = await self.storage.store_dataset(
                    request.job_id, file, private=request.private, on_progress=on_progress
                )
        except OSError as error:
            raise DatasetError(DatasetUnreadable(path, system_text(error))) from error
        if (await asyncio.to_thread(text_facts, path, request.language.value)).content != request.content:
            raise DatasetError(TextChanged(path))
        return replace(request, dataset=name)

    async def conclude(self, job_id: JobId, on_wait: Callable[[], None]) -> FollowedJob:
        """Wait until a request is final, and note it: the same words ask for another job from then on.

        Raise NetworkError when no block has the request.
        """
        await self._until_final(job_id, on_wait)
        request = self.store.requests.get(job_id)
        assert request is not None  # noqa: S101 - for the type checker: `record` wrote it
        followed = FollowedJob(request, None)
        with contextlib.suppress(NetworkError):
            (followed,) = await follow(self.chain, [request])
        job = followed.on_chain
        if job is None and not self._was_mined(job_id):
            raise NetworkError(ChainLacksJob())
        deadline_unix_s = request.deadline_unix_s if job is None else job.deadline_unix_s
        noted = replace(request, deadline_unix_s=deadline_unix_s, requested_at_unix_s=time.time())
        self.store.requests.save(noted)
        return FollowedJob(noted, job)

    async def cancel(self, job_id: JobId) -> None:
        """Take a request back, so that its fee returns, and wait until that is final.

        One that the chain has not seen is not sent any more, and forgotten. Raise CommandRefused,
        TransactionError or NetworkError.
        """
        self.aim.end(job_id)
        await self._take_up(job_id)
        known = self.store.requests.get(job_id)
        job = (await self.chain.jobs([job_id])).get(job_id)
        if known is not None and (job is None or not is_of(known, job)):
            self._forget(known, is_another=job is not None)
            return
        if job is None:
            raise NetworkError(ChainLacksJob())
        if job.status is not JobStatus.REQUESTED:
            raise CommandRefused(RequestNotOpen(job_id, job.status.name.lower()))
        if known is not None:  # the same words must not find this job again
            self.store.requests.save(replace(known, requested_at_unix_s=time.time()))
        await self.transactions.cancel_request(job_id)
        await self._until_final(job_id, lambda: None)

    # ---- steps

    @property
    def _account(self) -> str:
        return account_name(self.address, self.network.core_address)

    @contextmanager
    def _aimed_at(self, job_id: JobId) -> Iterator[None]:
        """Aim at a job from now on, and no more when that fails."""
        self.aim.begin(job_id)
        try:
            yield
        except BaseException:
            self.aim.end(job_id)
            raise

    async def _take_up(self, job_id: JobId) -> None:
        """Settle what is signed, with the aim that is set: send it again, or take its nonce away.

        Raise NetworkError.
        """
        if self.alone:
            await self.transactions.tend(self.aim.wants)
        await self.transactions.settle_pending(None if self.alone else job_id, wanted=self.aim.wants)

    async def _until_final(self, job_id: JobId, on_wait: Callable[[], None]) -> None:
        """Wait until what a job sent is final, and send again what a reorganisation undid meanwhile."""
        while self._is_open(job_id):
            on_wait()
            if self.alone:
                with contextlib.suppress(NetworkError):
                    await self.transactions.tend(self.aim.wants)
            if self._is_open(job_id):
                await asyncio.sleep(BETWEEN_LOOKS_S)

    def _is_open(self, job_id: JobId) -> bool:
        return any(tx.state is TransactionState.SIGNED for tx in self.store.journal.of_job(job_id))

    def _was_mined(self, job_id: JobId) -> bool:
        """Whether a block had our request for a job, whatever an endpoint shows now."""
        return any(
            tx.purpose == "request" and tx.state is TransactionState.MINED
            for tx in self.store.journal.of_job(job_id)
        )

    def _forget(self, request: StoredRequest, *, is_another: bool) -> None:
        """Forget a request that the chain does not have, or has as another account's.

        Raise CommandRefused where it is still on its way, NetworkError where a block had it.
        """
        job_id = request.job_id
        if not is_another and self.transactions.is_pending(job_id, "request"):
            raise CommandRefused(RequestUnderWay(job_id))
        if not is_another and (request.requested_at_unix_s is not None or self._was_mined(job_id)):
            raise NetworkError(ChainLacksJob())
        self.store.requests.delete(job_id)


@asynccontextmanager
async def open_requester(
    settings: Settings, network: Network, wallet: Wallet, store: Store
) -> AsyncIterator[Requester]:
    """Connect an account to its network. Raise NetworkError, or SettingsError for another account's state."""
    take_state(store, settings.state_dir, account_name(wallet.address, network.core_address))
    async with contextlib.AsyncExitStack() as stack:
        chain = await ChainClient.connect(network)
        stack.push_async_callback(chain.close)
        transport = await stack.enter_async_context(open_transport())
        limits, aim = settings.limits, OneRequest()
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
                wanted=aim.wants,
            ),
            store=store,
            aim=aim,
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
