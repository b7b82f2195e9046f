"""Download a dataset: streamed to disk, resumed where it broke off, never more than was announced."""

from __future__ import annotations

import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from emeth_tui.clients.http.connections import new_http_client
from emeth_tui.clients.http.exchange import (
    BUSY_STATUSES,
    Busy,
    ExchangeFailed,
    Reply,
    TryAgain,
    check_plain,
    describe,
)
from emeth_tui.clients.http.stall import StallWatch
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.http.url_guard import UrlGuard
from emeth_tui.clients.storage.part_file import PartFile
from emeth_tui.clients.threads import run_to_end
from emeth_tui.errors import DiskFull, StorageError, StorageRejected
from emeth_tui.files import is_out_of_room
from emeth_tui.foreign_text import endpoint, system_text
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.disk import DatasetNeedsRoom, NoRoomForDataset
from emeth_tui.notices.reasons.network import exchange as why
from emeth_tui.notices.reasons.network.storage import (
    DatasetTooLong,
    DatasetUnwritable,
    DownloadGivenUp,
    StorageDown,
)

FAILURES_WITHOUT_PROGRESS = 6
PROGRESS_BYTES = 65_536  # an attempt that fetches this much counts as progress
WRITE_BYTES = 1_048_576  # buffered before a write to disk
SPARE_BYTES = 16_000_000  # left free on the file system
_EXPIRED_STATUSES = frozenset({400, 401, 403, 410})  # how storage services refuse an expired presigned URL
_PAGE_TYPES = ("text/html", "application/xhtml+xml", "application/xml", "text/xml")  # of errors and portals
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")


async def download(
    transport: Transport,
    guard: UrlGuard,
    new_url: Callable[[], Awaitable[str]],
    job_id: JobId,
    path: Path,
    *,
    size_bytes: int,
    max_bytes: int,
    on_progress: Callable[[int, int], None],
) -> int:
    """Fetch `size_bytes` into `path` through `path.part`, requesting a fresh URL after each break.

    An answer of another length, or one that breaks off, says nothing about the dataset: the next may be
    right.
    Raise DiskFull, StorageRejected or StorageError.
    """
    if size_bytes > max_bytes:
        raise StorageError(DatasetTooLong(size_bytes, max_bytes))
    part = PartFile(path, size_bytes)
    try:
        await run_to_end(part.open)
        await run_to_end(_check_room, path.parent, size_bytes - part.received)
        async with new_http_client() as client:
            await _Download(transport, guard, client, new_url, job_id, part, on_progress).run()
        await run_to_end(part.finish)
    except OSError as error:
        if is_out_of_room(error):
            part.discard()
            raise DiskFull(NoRoomForDataset(path.parent)) from error
        raise StorageError(DatasetUnwritable(path, system_text(error))) from error
    finally:
        part.close()
    return size_bytes


class _Download:
    """The download of one dataset."""

    def __init__(
        self,
        transport: Transport,
        guard: UrlGuard,
        client: httpx.AsyncClient,
        new_url: Callable[[], Awaitable[str]],
        job_id: JobId,
        part: PartFile,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self._transport = transport
        self._guard = guard
        self._client = client
        self._new_url = new_url
        self._what = f"job {job_id}: dataset"
        self._part = part
        self._on_progress = on_progress

    async def run(self) -> None:
        """Fetch until the file is complete. Raise StorageRejected, StorageError or OSError."""
        failures = 0
        furthest = self._part.received
        while self._part.received < self._part.size_bytes:
            problem: TryAgain
            try:
                await self._fetch(await self._new_url())
                continue
            except TryAgain as error:
                problem = error
            except ExchangeFailed as error:
                raise StorageError(StorageDown(error.reason)) from error
            if self._part.received >= furthest + PROGRESS_BYTES:
                furthest, failures = self._part.received, 0
            failures += 1
            if failures > FAILURES_WITHOUT_PROGRESS:
                raise (StorageRejected if isinstance(problem, _UrlRefused) else StorageError)(
                    DownloadGivenUp(failures, problem.reason)
                )
            await self._transport.retry.rest(failures, self._what, problem)

    async def _fetch(self, url: str) -> None:
        """Fetch the rest of the part file. Raise TryAgain where a fresh URL may help."""
        where = endpoint(url)
        if not self._part.is_resumable:
            self._part.restart()
        received = self._part.received
        headers = {"Range": f"bytes={received}-"} if received else {}
        try:
            with self._transport.stall_limit.watch() as stall:
                async with self._guard.stream(self._client, url, headers) as response:
                    self._check_status(response, where)
                    await self._take(response, where, stall)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise TryAgain(why.TransferBrokeOff(where, describe(error))) from error
        if self._part.received < self._part.size_bytes:
            raise TryAgain(why.TransferIncomplete(where, self._part.received, self._part.size_bytes))

    def _check_status(self, response: httpx.Response, where: str) -> None:
        status = response.status_code
        if status in {200, 206}:
            return
        if status in BUSY_STATUSES:
            raise Busy(where, Reply(status, b"", response.headers))
        if status in _EXPIRED_STATUSES:
            raise _UrlRefused(why.FreshUrlRefused(where, status))
        if status == 416:
            self._part.restart()
            raise TryAgain(why.NothingBeyond(where))
        raise StorageRejected(StorageDown(why.UnexpectedStatus(where, status)))

    async def _take(self, response: httpx.Response, where: str, stall: StallWatch) -> None:
        """Stream a response body into the part file."""
        check_plain(response)
        self._align(response, where)
        gathered = bytearray()
        try:
            async for chunk in response.aiter_raw():
                gathered += chunk
                if self._part.received + len(gathered) > self._part.size_bytes:
                    gathered.clear()
                    self._part.restart()
                    raise TryAgain(why.LongerThanAnnounced(where, self._part.size_bytes))
                stall.moved(len(chunk))
                if len(gathered) >= WRITE_BYTES:
                    block, gathered = bytes(gathered), bytearray()
                    await run_to_end(self._part.append, block)
                    self._on_progress(self._part.received, self._part.size_bytes)
        finally:
            if gathered:
                # Not in a thread: a cancelled task also keeps what it has.
                self._part.append(bytes(gathered))
        self._on_progress(self._part.received, self._part.size_bytes)

    def _align(self, response: httpx.Response, where: str) -> None:
        """Make the part file end where the response body begins; refuse a response of another length."""
        total = response.headers.get("content-length", "")
        start = 0
        if response.status_code == 206:
            content_range = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if content_range is None:
                raise TryAgain(why.RangeNotNamed())
            start, total = int(content_range[1]), content_range[2]
        self._check_length(response, where, total)
        identity = _identity(response.headers)
        if start == 0 or not self._part.is_same(identity):
            self._part.restart(identity=identity)
        if start != self._part.received:
            raise TryAgain(why.OtherRange())

    def _check_length(self, response: httpx.Response, where: str, total: str) -> None:
        """Refuse another length than the dataset's, and a page of no announced length.

        A dataset may be a page as well, so its type alone says nothing.
        """
        announced = int(total) if total.isascii() and total.isdecimal() and len(total) < 19 else None
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if announced != self._part.size_bytes and kind in _PAGE_TYPES:
            raise TryAgain(why.PageInstead(where, kind))
        if announced is not None and announced != self._part.size_bytes:
            raise TryAgain(why.OtherLength(where, self._part.size_bytes, announced))


def _identity(headers: httpx.Headers) -> str:
    """Return what distinguishes an object from another of the same length, "" if nothing does."""
    etag: str = headers.get("etag", "")
    last_modified: str = headers.get("last-modified", "")
    return etag if etag and not etag.startswith("W/") else last_modified


class _UrlRefused(TryAgain):
    """A presigned URL was refused: because it has expired, or for good."""


def _check_room(directory: Path, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < needed_bytes + SPARE_BYTES:
        raise DiskFull(DatasetNeedsRoom(needed_bytes, free_bytes, directory))
