"""Info server and storage: what a node asks them, as a node asks it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, exchange
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, Unchecked, error, note, ok, warning
from emeth_tui.doctor.subject import Subject
from emeth_tui.errors import InfoServerError, StorageError, WalletError
from emeth_tui.foreign_text import endpoint, one_line
from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor import services as found
from emeth_tui.notices.reasons.doctor.checkup import NotChecked
from emeth_tui.notices.reasons.network.storage import StorageDown

_LIMITS = Limits(max_bytes=1_000_000, deadline_s=8.0)
_FORBIDDEN = frozenset({401, 403})


async def _info_server(subject: Subject) -> Sequence[Finding]:
    started_s = time.perf_counter()
    try:
        offers = await subject.offers()
    except InfoServerError as failed:
        return [error(failed.reason, remedies.AskOperator())]
    milliseconds = round(1_000 * (time.perf_counter() - started_s))
    return [ok(found.JobsListed(endpoint(subject.network.info_url), len(offers), milliseconds))]


async def _signature(subject: Subject) -> Sequence[Finding]:
    """Ask the storage for a dataset as the owner of a job would: it reads, and changes nothing."""
    network = subject.network
    where = endpoint(network.storage_url)
    try:
        wallet = await subject.wallet()
    except (Unchecked, WalletError) as closed:
        return await _without_wallet(subject, closed.reason)
    storage = StorageClient(network, wallet, subject.transport)
    job_id = await _some_job(subject)
    try:
        answer = await storage.try_signature(job_id)
    except StorageError as failed:
        return [error(failed.reason, remedies.AskOperator())]
    if answer.status < 400 or answer.status in {404, 410}:  # it looked for the dataset: the signature is good
        return [ok(found.SignatureTaken(where))]
    if answer.status not in _FORBIDDEN:
        undecided = found.SignatureUndecided(where, answer.status, one_line(answer.said))
        return [warning(undecided, remedies.AskOperator())]
    forged = await storage.try_signature(job_id, forged=True)
    if (forged.status, forged.said) != (answer.status, answer.said):  # it minds the job, not the signature
        return [ok(found.SignatureTaken(where))]
    refused = found.SignatureRefused(where, answer.status, one_line(answer.said))
    return [error(refused, remedies.CheckClockAndAccount())]


async def _without_wallet(subject: Subject, why: Reason) -> Sequence[Finding]:
    """See whether the storage answers at all."""
    try:
        await exchange(subject.transport.client, "GET", subject.network.storage_url, _LIMITS)
    except ExchangeFailed as failed:
        return [error(StorageDown(failed.reason), remedies.AskOperator())]
    return [note(NotChecked(why))]


async def _some_job(subject: Subject) -> JobId:
    """Return a job that is on offer; without one, an id that no job has."""
    try:
        offers = await subject.offers()
    except InfoServerError:
        offers = []
    return offers[0].job_id if offers else JobId("0x" + secrets.token_hex(16))


CHECKS = (
    Check(Room.INFO_SERVER, "jobs", _info_server, within_s=30.0),
    Check(Room.STORAGE, "signature", _signature, within_s=45.0),
)
