"""What the devnet's bots share: they act on the mirror's changes, and survive any error."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
from eth_utils.crypto import keccak

from emeth_tui.backoff import Backoff
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import EmethError, StorageError, StorageRejected
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.notices.reasons.local.bots import (
    DownloadBroke,
    LongerThan,
    NotInStorage,
    StorageAnswers,
    StorageSilent,
)
from emeth_tui.protocol.storage_api import signing_payload

BACKOFF = Backoff(1.0, 30.0)

_logger = logging.getLogger(__name__)


async def supervise(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run a bot for ever: log what it raises, and run it again after a pause."""
    failures = 0
    while True:
        started_s = time.monotonic()
        try:
            await run()
        except EmethError as error:
            _logger.warning("%s: %s", name, error)
        except Exception:  # the top of a task: a fault in one bot must not take the network down
            _logger.exception("%s: broke", name)
        lasted_s = time.monotonic() - started_s
        failures = 1 if lasted_s > BACKOFF.longest_s else failures + 1
        wait_s = BACKOFF.delay_s(failures)
        _logger.info("%s: again in %.0f s", name, wait_s)
        await asyncio.sleep(wait_s)


async def on_news(mirror: JobMirror, act: Callable[[], Awaitable[None]], *, at_least_every_s: float) -> None:
    """Act now, after each change that the mirror sees, and after a while without one. Never return."""
    while True:
        version = mirror.version
        await act()
        with anyio.move_on_after(at_least_every_s):  # asyncio.wait_for can swallow a cancellation
            await mirror.wait_beyond(version)


async def signed_url(http: httpx.AsyncClient, path: str, wallet: Wallet, job_id: str) -> dict[str, Any]:
    """Make a signed call to the storage API (protocol.md §5) and return the answer.

    Raise StorageRejected when there is no such object, StorageError for any other failure.
    """
    time_ms = int(time.time() * 1_000)
    signature = wallet.sign_digest(keccak(signing_payload(job_id, time_ms)))
    call = {
        "jobId": job_id,
        "address": wallet.address,
        "sig": "0x" + signature.hex(),
        "signedtime": time_ms,
    }
    try:
        answer = await http.post(path, json=call)
    except httpx.HTTPError as error:
        raise StorageError(StorageSilent(f"job {job_id}", type(error).__name__)) from error
    check_status(answer, f"job {job_id}: {path}")
    body: dict[str, Any] = answer.json()
    return body


async def fetch(http: httpx.AsyncClient, url: str, path: Path, *, max_bytes: int, what: str) -> None:
    """Stream a presigned URL into a file; `what` starts the error messages.

    Raise StorageRejected when the object is missing or larger than `max_bytes`, StorageError when the
    transfer breaks off.
    """
    size_bytes = 0
    try:
        async with http.stream("GET", url) as answer:
            check_status(answer, what)
            with path.open("wb") as file:
                async for chunk in answer.aiter_raw():
                    size_bytes += len(chunk)
                    if size_bytes > max_bytes:
                        raise StorageRejected(LongerThan(what, max_bytes))
                    file.write(chunk)
    except httpx.HTTPError as error:
        raise StorageError(DownloadBroke(what, type(error).__name__)) from error


def check_status(answer: httpx.Response, what: str) -> None:
    """Raise StorageRejected for an answer of "not found", StorageError for any other error status."""
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise StorageRejected(NotInStorage(what))
    if answer.status_code != httpx.codes.OK:
        raise StorageError(StorageAnswers(what, answer.status_code))
