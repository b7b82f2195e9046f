"""A requester's calls of the storage API, which the protocol leaves open: ours (protocol.md §5a)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from emeth_tui.clients.http.connections import new_http_client
from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, exchange
from emeth_tui.clients.http.stall import StallWatch
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.http.url_guard import UrlGuard
from emeth_tui.clients.storage.client import Progress, StorageClient
from emeth_tui.clients.storage.download import download
from emeth_tui.clients.threads import run_to_end
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import JobError, StorageError, StorageRejected
from emeth_tui.foreign_text import endpoint
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.storage import DatasetRefused, ResultTooLong, StorageDown
from emeth_tui.protocol.storage_api import (
    REQUESTER_GET_URL_PATH,
    REQUESTER_PUT_URL_PATH,
    DatasetPutUrl,
    ResultGetUrl,
)
from emeth_tui.settings import Network

READ_BYTES = 262_144
PUT_LIMITS = Limits(max_bytes=65_536, deadline_s=float("inf"))  # one that stalls is broken off instead


def _unheard(_done: int, _total: int) -> None:
    """Report nothing."""


class RequesterStorage:
    """One network's storage, used by a requester."""

    def __init__(self, network: Network, wallet: Wallet, transport: Transport) -> None:
        self._storage = StorageClient(network, wallet, transport)
        self._transport = transport
        self._guard = UrlGuard(network.storage_url, network.storage_hosts)

    async def store_dataset(
        self, job_id: JobId, file: BinaryIO, *, private: bool = False, on_progress: Progress = _unheard
    ) -> str:
        """Store a dataset for a job that is not requested yet; return its name in storage.

        Storing it again replaces it. Raise StorageRejected when the storage refuses it, StorageError.
        """

        size_bytes = await run_to_end(file.seek, 0, os.SEEK_END)
        fields = {"private": private, "size": size_bytes}

        async def attempt() -> str:
            what = f"job {job_id}: upload"
            answer = await self._storage.ask(
                REQUESTER_PUT_URL_PATH, what, DatasetPutUrl, signed_for=job_id, fields=fields
            )
            await self._put(answer.url, file, size_bytes, on_progress)
            return answer.dataset

        retry = replace(self._transport.retry, patience_s=float("inf"))  # a large dataset may take its time
        try:
            return await retry.persist(attempt, f"job {job_id}: dataset")
        except ExchangeFailed as error:
            raise StorageError(StorageDown(error.reason)) from error

    async def fetch_result(
        self, job_id: JobId, path: Path, *, max_bytes: int, on_progress: Progress = _unheard
    ) -> int:
        """Fetch the result of a verified job of ours; return its size. Resumes an earlier attempt.

        Raise JobError when it is longer than it can be, StorageRejected, StorageError or DiskFull.
        """
        found = await self._result(job_id)
        if found.size_bytes > max_bytes:
            raise JobError(ResultTooLong(found.size_bytes, max_bytes))

        async def new_url() -> str:
            return (await self._result(job_id)).url

        return await download(
            self._transport,
            self._guard,
            new_url,
            job_id,
            path,
            size_bytes=found.size_bytes,
            max_bytes=max_bytes,
            on_progress=on_progress,
        )

    async def _result(self, job_id: JobId) -> ResultGetUrl:
        what = f"job {job_id}: result"
        return await self._storage.ask(REQUESTER_GET_URL_PATH, what, ResultGetUrl, signed_for=job_id)

    async def _put(self, url: str, file: BinaryIO, size_bytes: int, on_progress: Progress) -> None:
        """Send a dataset once. Raise TryAgain or StorageRejected."""
        checked = await self._guard.check(url)
        async with new_http_client() as client:
            with self._transport.stall_limit.watch() as stall:
                reply = await exchange(
                    client,
                    "PUT",
                    str(checked),
                    PUT_LIMITS,
                    content=_read(file, size_bytes, stall, on_progress),
                    headers={"Content-Length": str(size_bytes)},  # storage services refuse chunked bodies
                    extensions=self._guard.extensions(checked),
                )
        if not 200 <= reply.status < 300:
            raise StorageRejected(DatasetRefused(endpoint(url), reply.status, reply.said))


async def _read(
    file: BinaryIO, size_bytes: int, stall: StallWatch, on_progress: Callable[[int, int], None]
) -> AsyncIterator[bytes]:
    await run_to_end(file.seek, 0)
    sent = 0
    while chunk := await run_to_end(file.read, min(READ_BYTES, size_bytes - sent)):
        yield chunk
        sent += len(chunk)
        stall.moved(len(chunk))
        on_progress(sent, size_bytes)
