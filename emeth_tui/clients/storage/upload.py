"""Upload a result: parts streamed from disk, several at a time, each retried alone (protocol.md §5)."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import httpx

from emeth_tui.clients.http.connections import new_http_client
from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, TryAgain, exchange
from emeth_tui.clients.http.retry import Retry
from emeth_tui.clients.http.stall import StallLimit, StallWatch
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.http.url_guard import UrlGuard
from emeth_tui.clients.storage.begun import Begun, BegunUploads
from emeth_tui.clients.threads import run_to_end
from emeth_tui.errors import Reasoned, StorageError, StorageRejected
from emeth_tui.foreign_text import endpoint, system_text
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.exchange import FileShortened
from emeth_tui.notices.reasons.network.storage import (
    PartRefused,
    PartWithoutEtag,
    ResultUnreadable,
    StorageDown,
    UploadGivenUp,
    UrlsMissing,
)
from emeth_tui.protocol.storage_api import PART_BYTES, PutSignedUrls, part_count
from emeth_tui.words.sentences import english

PARALLEL_PARTS = 4
UPLOADS = 3  # fresh uploads begun for one result before giving up
READ_BYTES = 262_144
PART_LIMITS = Limits(max_bytes=65_536, deadline_s=math.inf)  # a part that stalls is broken off instead
MAX_ETAG_CHARS = 200
# How storage services refuse an expired presigned URL, or an upload that is gone.
_EXPIRED_STATUSES = frozenset({400, 401, 403, 404, 410})

_logger = logging.getLogger(__name__)


class UploadApi(Protocol):
    """The storage API's calls that an upload needs. All raise StorageRejected and StorageError."""

    async def begin_upload(self, job_id: JobId, parts: int) -> PutSignedUrls: ...

    async def complete_upload(self, job_id: JobId, upload_id: str, etags: Sequence[str]) -> None:
        """Try once. Raise TryAgain, too."""
        ...


async def upload(
    api: UploadApi,
    transport: Transport,
    guard: UrlGuard,
    job_id: JobId,
    path: Path,
    on_progress: Callable[[int, int], None],
    begun: BegunUploads,
) -> str:
    """Store a file and return its name in storage.

    What was `begun` and broken off goes on where it was. When presigned URLs expire or are not one for each
    part, start over: fresh ones belong to another upload. Raise StorageRejected or StorageError.
    """
    what = f"job {job_id}: upload"
    try:
        with _opened(path) as file:
            for _ in range(UPLOADS):
                try:
                    async with new_http_client() as client:
                        link = _PartLink(client, guard, transport.stall_limit)
                        one = _Upload(api, transport.retry, link, job_id, file, on_progress, begun)
                        return await one.run()
                except _StartOver as error:
                    begun.forget(job_id)
                    problem = error.reason
                    _logger.warning("%s: %s; starting over", what, english(problem))
    except StorageRejected:
        begun.forget(job_id)
        raise
    except ExchangeFailed as error:
        raise StorageError(StorageDown(error.reason)) from error
    except OSError as error:
        raise StorageError(ResultUnreadable(path, system_text(error))) from error
    raise StorageRejected(UploadGivenUp(UPLOADS, problem))


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file for reading at several places at once."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _PartLink:
    """How parts get to presigned URLs, by connections that are used for nothing else."""

    client: httpx.AsyncClient
    guard: UrlGuard
    stall_limit: StallLimit


class _StartOver(Reasoned):
    """This upload cannot be completed; a fresh one may."""


class _Upload:
    """One multipart upload."""

    def __init__(
        self,
        api: UploadApi,
        retry: Retry,
        link: _PartLink,
        job_id: JobId,
        file: int,
        on_progress: Callable[[int, int], None],
        begun: BegunUploads,
    ) -> None:
        self._api = api
        self._retry = retry
        self._link = link
        self._job_id = job_id
        self._what = f"job {job_id}: upload"
        self._file = file
        self._size_bytes = os.fstat(file).st_size
        self._on_progress = on_progress
        self._begun = begun
        self._parts = part_count(self._size_bytes)
        self._sent = [0] * self._parts

    async def run(self) -> str:
        """Send all parts and complete the upload. Raise TryAgain, _StartOver and the storage's errors."""
        begun = self._begun.find(self._job_id, self._file, self._parts)
        begun = await self._begin() if begun is None else await self._go_on(begun)
        await self._complete(begun)
        self._begun.forget(self._job_id)
        return begun.announced.file_name

    async def _begin(self) -> Begun:
        """Announce an upload and send its parts."""
        announced = await self._api.begin_upload(self._job_id, self._parts)
        begun = self._begun.begin(self._job_id, self._file, self._parts, announced)
        await self._send_missing(begun)
        return begun

    async def _go_on(self, begun: Begun) -> Begun:
        """Send the parts that are missing; begin anew where none of them arrives by the URLs of before.

        A service may hang up on an expired URL instead of saying so. While the storage announces nothing
        either, it is down, and what has arrived is worth keeping.
        """
        arrived = sum(map(bool, begun.etags))
        try:
            await self._send_missing(begun)
        except ExchangeFailed as error:
            if sum(map(bool, begun.etags)) > arrived:
                raise
            _logger.info("%s: %s; by fresh URLs", self._what, error)
            return await self._begin()
        return begun

    async def _send_missing(self, begun: Begun) -> None:
        urls = [await self._url_of(begun.announced, number) for number in range(self._parts)]
        missing = [number for number, etag in enumerate(begun.etags) if not etag]
        self._sent = [0 if number in missing else self._length(number) for number in range(self._parts)]
        parts = iter(missing)
        at_once = min(PARALLEL_PARTS, len(missing))
        await _together([self._send_parts(parts, urls) for _ in range(at_once)], remaining=parts)

    def _length(self, number: int) -> int:
        return min(PART_BYTES, self._size_bytes - number * PART_BYTES)

    async def _send_parts(self, parts: Iterable[int], urls: Sequence[httpx.URL]) -> None:
        """Send parts until none is left."""
        retry = replace(self._retry, patience_s=math.inf)  # a part may take its time
        for number in parts:

            async def attempt(number: int = number) -> str:
                return await self._put(number, urls[number])

            part = f"{self._what}: part {number + 1} of {self._parts}"
            self._begun.add_part(self._job_id, number, await retry.persist(attempt, part))

    async def _put(self, number: int, url: httpx.URL) -> str:
        """Send one part and return its ETag. Raise TryAgain, _StartOver or StorageRejected."""
        length = self._length(number)
        where = endpoint(str(url))
        with self._link.stall_limit.watch() as stall:
            reply = await exchange(
                self._link.client,
                "PUT",
                str(url),
                PART_LIMITS,
                content=self._read(number, length, stall),
                headers={"Content-Length": str(length)},  # storage services refuse chunked bodies
                extensions=self._link.guard.extensions(url),
            )
        if reply.status in _EXPIRED_STATUSES:
            raise _StartOver(PartRefused(where, reply.status, reply.said))
        if not 200 <= reply.status < 300:
            raise StorageRejected(PartRefused(where, reply.status, reply.said))
        etag = str(reply.headers.get("etag", ""))
        if not etag or len(etag) > MAX_ETAG_CHARS:
            raise StorageError(PartWithoutEtag(where, etag))
        return etag

    async def _read(self, number: int, length: int, stall: StallWatch) -> AsyncIterator[bytes]:
        self._sent[number] = 0
        while self._sent[number] < length:
            place = number * PART_BYTES + self._sent[number]
            wanted = min(READ_BYTES, length - self._sent[number])
            chunk = await run_to_end(os.pread, self._file, wanted, place)
            if not chunk:
                raise TryAgain(FileShortened())
            yield chunk
            stall.moved(len(chunk))
            self._sent[number] += len(chunk)
            self._on_progress(sum(self._sent), self._size_bytes)

    async def _complete(self, begun: Begun) -> None:
        """Declare the upload complete."""
        answer_lost = False  # a refusal after that may only mean that the upload is already complete

        async def attempt() -> None:
            nonlocal answer_lost
            try:
                await self._api.complete_upload(self._job_id, begun.announced.upload_id, begun.etags)
            except TryAgain:
                answer_lost = True
                raise
            except StorageRejected as error:
                if answer_lost:
                    raise _StartOver(error.reason) from error
                raise

        await self._retry.persist(attempt, self._what)

    async def _url_of(self, announced: PutSignedUrls, number: int) -> httpx.URL:
        url = announced.urls.get(str(number))
        if url is None or len(announced.urls) != self._parts:
            raise _StartOver(UrlsMissing(len(announced.urls), self._parts))
        return await self._link.guard.check(url)


async def _together(workers: Iterable[Coroutine[Any, Any, None]], *, remaining: Iterator[int]) -> None:
    """Run workers concurrently; the first error is raised.

    It cancels the others, unless it is one that may pass: then what is on its way arrives first, and nothing
    of what is `remaining` is begun.
    """
    tasks = [asyncio.create_task(worker) for worker in workers]
    try:
        await asyncio.gather(*tasks)
    except ExchangeFailed:
        deque(remaining, maxlen=0)
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
