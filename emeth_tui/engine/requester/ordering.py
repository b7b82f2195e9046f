"""An order for a job is estimated, and placed once, however often it is given."""

from __future__ import annotations

from dataclasses import replace

from emeth_tui.clients.storage.client import Progress
from emeth_tui.engine.requester.orders import Estimate, Order, RequestedJob
from emeth_tui.engine.requester.requester import Requester
from emeth_tui.engine.requester.terms import Wish, terms_of
from emeth_tui.engine.view.following import is_of
from emeth_tui.errors import CommandRefused
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.requesting import NotRequestedHere
from emeth_tui.protocol.job_ids import short
from emeth_tui.store.requests import StoredRequest
from emeth_tui.training.data.measuring import Measured


async def estimate(requester: Requester, order: Order, measured: Measured) -> Estimate:
    """Estimate an order; nothing is sent. Raise NetworkError, or CommandRefused as `place_order` does."""
    now_unix_s = await requester.now_unix_s()
    wish = _wish(order, measured, now_unix_s)
    known = _begun(requester, order, measured, wish)
    before = None if known else await requester.standing(measured, wish, private=order.private)
    return Estimate(
        measured=measured,
        wish=wish,
        terms=terms_of(wish, requester.network, await requester.chain.rates(), now_unix_s),
        model=requester.network.models[order.language],
        address=requester.address,
        balance_wei=(await requester.chain.balances(requester.address)).emt_wei,
        now_unix_s=now_unix_s,
        job_id=None if known is None else known.job_id,
        is_requested=known is not None and (_is_done(known) or await _is_on_chain(requester, known)),
        before=None if before is None else RequestedJob(before.job_id, before.created_at_unix_s),
    )


async def place_order(
    requester: Requester, order: Order, estimated: Estimate, on_progress: Progress
) -> JobId:
    """Request the job, or go on where an earlier run broke off; return its id once a block has it.

    Raise CommandRefused where the order names a request that is not known, or is another's; DatasetError,
    StorageError, TransactionError or NetworkError.
    """
    measured, wish, private = estimated.measured, estimated.wish, order.private
    known = _begun(requester, order, measured, wish)
    if known is not None and (_is_done(known) or await _is_taken_up(requester, order, known, on_progress)):
        return known.job_id
    # An id that another account has used was given up.
    known = requester.unfinished(measured, wish, private=private)
    if known is None:
        known = requester.record(order.path, measured, wish, private=private)
    else:
        known = replace(known, dataset="")  # a storage removes texts that belong to no job for long
    # Somebody may have thought for long since it was estimated.
    deadline_unix_s = int(await requester.now_unix_s()) + order.lifetime_s
    await requester.request(known, order.path, deadline_unix_s, on_progress)
    return known.job_id


def _wish(order: Order, measured: Measured, now_unix_s: float) -> Wish:
    return Wish(
        dataset_bytes=measured.size_bytes,
        language=order.language,
        epochs=order.epochs,
        fee_wei=order.fee_wei,
        deadline_unix_s=int(now_unix_s) + order.lifetime_s,
    )


def _begun(requester: Requester, order: Order, measured: Measured, wish: Wish) -> StoredRequest | None:
    """Return the request that an order goes on with: the one that it names, or one that a run left behind."""
    if order.job_id is None:
        return requester.unfinished(measured, wish, private=order.private)
    known = requester.store.requests.get(order.job_id)
    if known is None or not requester.is_for(known, measured, wish, private=order.private):
        raise CommandRefused(NotRequestedHere(short(order.job_id)))
    return known


def _is_done(known: StoredRequest) -> bool:
    """Whether a request has come to its end, maybe for somebody else who asked for the same."""
    return known.requested_at_unix_s is not None


async def _is_taken_up(
    requester: Requester, order: Order, known: StoredRequest, on_progress: Progress
) -> bool:
    """Whether the chain has a job, once what an earlier run signed for it has come to an end.

    Where that is still to be sent, the text is stored again before: the storage may have removed it.
    """
    is_signed = requester.transactions.is_pending(known.job_id, "request")
    if is_signed and not await _is_on_chain(requester, known):
        await requester.store_dataset(known, order.path, on_progress)
    return await requester.find_requested(known)


async def _is_on_chain(requester: Requester, known: StoredRequest) -> bool:
    job = (await requester.chain.jobs([known.job_id])).get(known.job_id)
    return job is not None and is_of(known, job)
