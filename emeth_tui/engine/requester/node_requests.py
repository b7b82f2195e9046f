"""What a running node does for its account as a requester: one key, one sequence of nonces, one journal.

Each command is carried out once and to its end, whoever waits for it, and broken off when the node ends: the
record and the journal say what was done by then, and the same words go on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from emeth_tui.engine.requester.orders import Estimate, FetchedModel, Order
from emeth_tui.engine.requester.results import open_result
from emeth_tui.engine.view.following import FollowedJob, follow
from emeth_tui.errors import CommandRefused, DatasetError, JobError, NetworkError
from emeth_tui.model import OPERATOR, Asker, JobId
from emeth_tui.notices.events import requests as events
from emeth_tui.notices.reasons.network.requesting import (
    BrokenOff,
    CancelUnderWay,
    NodeCannotRead,
    NotRequestedHere,
    RequestUnderWay,
)
from emeth_tui.notices.reasons.training.data import DatasetUnreadable
from emeth_tui.protocol.job_ids import short, training_seed
from emeth_tui.settings import ClaimSettings
from emeth_tui.training.data.measuring import Measured
from emeth_tui.training.files.models import model_spec, present_files
from emeth_tui.workers.model_keeper import make_ready

if TYPE_CHECKING:
    from emeth_tui.engine.context import Context
    from emeth_tui.engine.requester.fetching import Fetched
    from emeth_tui.store.requests import StoredRequest

T = TypeVar("T")
SAMPLE_TOKENS = 60
TEMPERATURE = 0.8


class NodeRequests:
    """Requests, cancels, fetches and compares for the account of a node."""

    def __init__(self, context: Context, refresh: Callable[[], Awaitable[object]]) -> None:
        """`refresh` reads the account's balances again, after a payment."""
        self._context = context
        self._refresh = refresh
        self._turn = asyncio.Lock()  # of placing an order: the same words twice are one job
        self._cancelling: set[JobId] = set()
        self._measuring = asyncio.Lock()  # one child process at a time
        self._results: dict[JobId, asyncio.Lock] = {}
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def estimate(self, order: Order, *, by: Asker = OPERATOR) -> Estimate:
        """Measure a file and estimate what the order comes to. Raise DatasetError, JobError, NetworkError."""
        return await self._to_its_end(self._estimate(order))

    async def request(self, order: Order, *, by: Asker = OPERATOR) -> FollowedJob:
        """Request a job and wait until that is final.

        Raise CommandRefused, DatasetError, InsufficientFunds, StorageError, TransactionError, NetworkError.
        """
        return await self._to_its_end(self._request(order, by))

    async def cancel(self, job_id: JobId, *, by: Asker = OPERATOR) -> None:
        """Take a request back, and wait until that is final; forget one that never arrived.

        Raise CommandRefused, TransactionError or NetworkError.
        """
        await self._to_its_end(self._cancel(job_id, by))

    async def fetch(self, job_id: JobId, directory: Path, *, by: Asker = OPERATOR) -> FetchedModel:
        """Fetch and check a result, and write it as a model. Raise EmethError; nothing is left then."""
        return await self._to_its_end(self._fetch(job_id, directory, by))

    async def compare(
        self, job_id: JobId, prompts: Sequence[str] = (), *, by: Asker = OPERATOR
    ) -> dict[str, Any]:
        """Compare a result with the model that it started from; return what is found. Raise EmethError."""
        return await self._to_its_end(self._compare(job_id, prompts))

    async def close(self) -> None:
        """Break off what is under way, and refuse what comes."""
        self._closed = True
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _to_its_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something whether or not its asker stays. Raise CommandRefused when the node ends first."""
        if self._closed:
            work.close()
            raise CommandRefused(BrokenOff())
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._forget)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise CommandRefused(BrokenOff()) from None
            raise

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # its asker has it, or has gone

    # ---- requesting

    async def _estimate(self, order: Order) -> Estimate:
        from emeth_tui.engine.requester.ordering import estimate

        return await estimate(self._context.requester, order, await self._measure(order))

    async def _measure(self, order: Order) -> Measured:
        """Measure a file in a process of its own: it may take long, and the node has other work."""
        network = self._context.network
        arguments = {
            "dataset": str(order.path),
            "language": order.language.value,
            "model": network.models[order.language],
            "max_bytes": ClaimSettings().max_dataset_bytes,
        }
        try:
            async with self._measuring:
                return Measured(**await open_result("measure", arguments, self._log))
        except JobError as error:
            if isinstance(error.reason, DatasetUnreadable):
                raise DatasetError(NodeCannotRead(order.path, error.reason.detail)) from error
            raise

    async def _request(self, order: Order, by: Asker) -> FollowedJob:
        from emeth_tui.engine.requester.ordering import estimate, place_order

        requester, events_log = self._context.requester, self._context.events
        measured = await self._measure(order)
        async with self._turn:
            estimated = await estimate(requester, order, measured)
            order = replace(order, job_id=estimated.job_id)  # it may come to its end meanwhile
            if estimated.job_id in self._cancelling:
                raise CommandRefused(CancelUnderWay(short(estimated.job_id)))
            if (refused := estimated.refusal(anyway=order.anyway, again=order.again)) is not None:
                raise refused
            events_log.publish(events.Requesting(order.path, order.fee_wei, by), job_id=estimated.job_id)
            job_id = await place_order(requester, order, estimated, lambda _done, _total: None)
        try:
            followed = await requester.conclude(job_id, lambda: None)
        finally:
            requester.aim.end(job_id)
        events_log.publish(events.Requested(order.fee_wei), job_id=job_id)
        await self._show_balance()
        return followed

    async def _show_balance(self) -> None:
        """Read the balance after a payment. What is done is said to be, also when the node ends meanwhile."""
        with contextlib.suppress(NetworkError, asyncio.CancelledError):  # the next look shows it
            await self._refresh()

    async def _cancel(self, job_id: JobId, by: Asker) -> None:
        requester = self._context.requester
        if requester.aim.has(job_id):
            raise CommandRefused(RequestUnderWay(job_id))
        request = self._known(job_id)
        if job_id in self._cancelling:
            raise CommandRefused(CancelUnderWay(short(job_id)))
        self._context.events.publish(events.CancellingRequest(by), job_id=job_id)
        self._cancelling.add(job_id)
        try:
            await requester.cancel(job_id)
        finally:
            self._cancelling.discard(job_id)
        self._context.events.publish(events.RequestCancelled(request.fee_wei), job_id=job_id)
        await self._show_balance()

    # ---- results

    async def _fetch(self, job_id: JobId, directory: Path, by: Asker) -> FetchedModel:
        from emeth_tui.engine.requester.fetching import write_model

        async with self._turn_of(self._known(job_id)):
            fetched = await self._fetched(job_id)
            key = self._context.network.verification_key.get_secret_value()
            figures, checked = await write_model(fetched, directory, self._log, key)
        self._context.events.publish(events.ResultFetched(directory, by), job_id=job_id)
        return FetchedModel(job_id, directory, checked, fetched.result.stat().st_size, figures)

    async def _compare(self, job_id: JobId, prompts: Sequence[str]) -> dict[str, Any]:
        how = {"tokens": SAMPLE_TOKENS, "temperature": TEMPERATURE, "seed": 0}
        async with self._turn_of(self._known(job_id)):
            fetched = await self._fetched(job_id)
            seed = training_seed(job_id)
            return await fetched.open("compare", self._log, prompts=list(prompts), training_seed=seed, **how)

    def _turn_of(self, request: StoredRequest) -> asyncio.Lock:
        return self._results.setdefault(request.job_id, asyncio.Lock())

    async def _fetched(self, job_id: JobId) -> Fetched:
        """Fetch what is not here yet: dataset, result, and the model that training started from."""
        from emeth_tui.engine.requester.fetching import fetch

        context, request = self._context, self._known(job_id)
        (followed,) = await follow(context.chain, [request])
        place = context.settings.state_dir / "requests" / job_id
        fetched = await fetch(
            followed, context.storage, context.requester.storage, place, lambda _done, _total: None
        )
        if model_spec(request.model).pretrained and present_files(request.model) is None:
            await make_ready(self._log.parent, request.model, lambda _share: None)
        return fetched

    def _known(self, job_id: JobId) -> StoredRequest:
        request = self._context.store.requests.get(job_id)
        if request is None:
            raise CommandRefused(NotRequestedHere(short(job_id)))
        return request

    @property
    def _log(self) -> Path:
        return self._context.settings.state_dir / "logs" / "results.log"
