"""What a verifier downloads: datasets and results, by the storage's presigned URLs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
from eth_utils.crypto import keccak

from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import StorageError, StorageRejected
from emeth_tui.files import disk_full_translated
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.local.bots import (
    CallForJob,
    DownloadBroke,
    LongerThan,
    NotInStorage,
    StorageAnswers,
    StorageSilent,
)
from emeth_tui.protocol.storage_api import signing_payload


async def signed_call(
    http: httpx.AsyncClient, path: str, wallet: Wallet, job_id: str, *, text: str | None = None, **fields: Any
) -> dict[str, Any]:
    """Make a signed call to the services (protocol.md §5) and return the answer.

    `fields` are the call's own, beside those of every signed call. The signature covers `text`, or else the
    job's id.

    Raise StorageRejected when there is no such object, StorageError for any other failure.
    """
    time_ms = int(time.time() * 1_000)
    signature = wallet.sign_digest(keccak(signing_payload(job_id if text is None else text, time_ms)))
    call = {
        "jobId": job_id,
        "address": wallet.address,
        "sig": "0x" + signature.hex(),
        "signedtime": time_ms,
        **fields,
    }
    what = CallForJob(job_id, path)
    try:
        answer = await http.post(path, json=call)
    except httpx.HTTPError as error:
        raise StorageError(StorageSilent(what, one_line(type(error).__name__))) from error
    if answer.status_code == httpx.codes.NOT_FOUND and _is_services_own(answer):
        raise StorageRejected(NotInStorage(what))
    _check_status(answer, what)
    try:
        body: dict[str, Any] = dict(answer.json())
    except (ValueError, TypeError) as error:
        raise StorageError(StorageSilent(what, one_line(type(error).__name__))) from error
    return body


async def fetch(http: httpx.AsyncClient, url: str, path: Path, *, max_bytes: int, what: Reason) -> None:
    """Stream a presigned URL into a file; `what` starts the error messages.

    Raise StorageRejected when the object is larger than `max_bytes`, StorageError when it is not there, for
    the services have just said that it is, or when the transfer breaks off, DiskFull.
    """
    size_bytes = 0
    try:
        async with http.stream("GET", url) as answer:
            _check_status(answer, what)
            with disk_full_translated(path), path.open("wb") as file:
                async for chunk in answer.aiter_raw():
                    size_bytes += len(chunk)
                    if size_bytes > max_bytes:
                        raise StorageRejected(LongerThan(what, max_bytes))
                    file.write(chunk)
    except httpx.HTTPError as error:
        raise StorageError(DownloadBroke(what, one_line(type(error).__name__))) from error


def _is_services_own(answer: httpx.Response) -> bool:
    """Whether the services answer themselves, and no proxy that does not find them."""
    try:
        return "error" in answer.json()
    except (ValueError, TypeError):
        return False


def _check_status(answer: httpx.Response, what: Reason) -> None:
    if answer.status_code != httpx.codes.OK:
        raise StorageError(StorageAnswers(what, answer.status_code))
