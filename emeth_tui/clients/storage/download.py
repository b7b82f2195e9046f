"""Download a dataset: streamed to disk, resumed where it broke off, never more than was announced."""

from __future__ import annotations

import re
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx

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
from emeth_tui.clients.storage.part_file import PartFile
from emeth_tui.clients.threads import run_to_end
from emeth_tui.errors import DatasetError, DiskFull, StorageError, StorageRejected
from emeth_tui.files import is_out_of_room
from emeth_tui.foreign_text import endpoint
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.disk import DatasetNeedsRoom, NoRoomForDataset
from emeth_tui.notices.reasons.network import exchange as why
from emeth_tui.notices.reasons.network.storage import (
    DatasetLongerThanAnnounced,
    DatasetOtherLength,
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
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")


async def download(
    transport: Transport,
    new_url: Callable[[], Awaitable[str]],
    job_id: JobId,
    path: Path,
    *,
    size_bytes: int,
    max_bytes: int,
    on_progress: Callable[[int, int], None],
) -> int:
    """Fetch `size_bytes` into `path` through `path.part`, requesting a fresh URL after each break.

    Raise DatasetError, DiskFull, StorageRejected or StorageError.
    """
    if size_bytes > max_bytes:
        raise DatasetError(DatasetTooLong(size_bytes, max_bytes))
    part = PartFile(path, size_bytes)
    try:
        await run_to_end(part.open)
        await run_to_end(_check_room, path.parent, size_bytes - part.received)
        await _Download(transport, new_url, job_id, part, on_progress).run()
        await run_to_end(part.finish)
    except OSError as error:
        if is_out_of_room(error):
            part.discard()
            raise DiskFull(NoRoomForDataset(path.parent)) from error
        raise StorageError(DatasetUnwritable(path, error.strerror or "")) from error
    except DatasetError:
        part.discard()
        raise
    finally:
        part.close()
    return size_bytes


class _Download:
    """The download of one dataset."""

    def __init__(
        self,
        transport: Transport,
        new_url: Callable[[], Awaitable[str]],
        job_id: JobId,
        part: PartFile,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self._transport = transport
        self._new_url = new_url
        self._what = f"job {job_id}: dataset"
        self._part = part
        self._on_progress = on_progress

    async def run(self) -> None:
        """Fetch until the file is complete. Raise DatasetError, StorageRejected, StorageError or OSError."""
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
        received = self._part.received
        headers = {"Range": f"bytes={received}-"} if received else {}
        stream = partial(self._transport.client.stream, "GET", url, headers=headers, follow_redirects=True)
        try:
            with self._transport.stall_limit.watch() as stall:
                async with stream() as response:
                    self._check_status(response, where)
                    await self._take(response, stall)
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

    async def _take(self, response: httpx.Response, stall: StallWatch) -> None:
        """Stream a response body into the part file."""
        check_plain(response)
        self._align(response)
        gathered = bytearray()
        try:
            async for chunk in response.aiter_raw():
                gathered += chunk
                if self._part.received + len(gathered) > self._part.size_bytes:
                    raise DatasetError(DatasetLongerThanAnnounced(self._part.size_bytes))
                stall.moved(len(chunk))
                if len(gathered) >= WRITE_BYTES:
                    block, gathered = bytes(gathered), bytearray()
                    await run_to_end(self._part.append, block)
                    self._on_progress(self._part.received, self._part.size_bytes)
        finally:
            if gathered and self._part.received + len(gathered) <= self._part.size_bytes:
                # Not in a thread: a cancelled task also keeps what it has.
                self._part.append(bytes(gathered))
        self._on_progress(self._part.received, self._part.size_bytes)

    def _align(self, response: httpx.Response) -> None:
        """Make the part file end where the response body begins; refuse a response of another length."""
        total = response.headers.get("content-length", "")
        start = 0
        if response.status_code == 206:
            content_range = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if content_range is None:
                raise TryAgain(why.RangeNotNamed())
            start, total = int(content_range[1]), content_range[2]
        if total.isdecimal() and len(total) < 19 and int(total) != self._part.size_bytes:
            raise DatasetError(DatasetOtherLength(self._part.size_bytes, int(total)))
        same = self._part.is_same(response.headers.get("etag", ""))
        if start == 0 or not same:
            self._part.restart(etag=response.headers.get("etag", ""))
        if start != self._part.received:
            raise TryAgain(why.OtherRange())


class _UrlRefused(TryAgain):
    """A presigned URL was refused: because it has expired, or for good."""


def _check_room(directory: Path, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < needed_bytes + SPARE_BYTES:
        raise DiskFull(DatasetNeedsRoom(needed_bytes, free_bytes, directory))
