"""The link's files: what the node's machine sends to a host and fetches from it, over whatever lines come.

A request outlives a line that drops: it goes on from the byte where it was on the next. What comes is bounded
in size, checked by its digest, and gets its name in the job's directory when it is whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio

from emeth_tui.foreign_text import one_line
from emeth_tui.hosts import messages
from emeth_tui.hosts.arriving import Arriving, WrongPiece, opened, reason_of, sha256_of
from emeth_tui.hosts.frames import FramesEnded, FrameWriter
from emeth_tui.hosts.keeper.files import MAX_ARRIVING, job_files
from emeth_tui.hosts.link.counting import ByteCounter
from emeth_tui.hosts.messages import (
    MAX_CHUNK_BYTES,
    Bring,
    FarFile,
    Files,
    Moved,
    Piece,
    Put,
    Refused,
    Sending,
    Stored,
    Wanted,
)
from emeth_tui.hosts.reasons import TransferFailed, read_reason
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.files import NotPlainFile
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network import breaches
from emeth_tui.notices.reasons.network.host import FileTooLarge, HostHasNoResult, JobDirectoryGone
from emeth_tui.notices.reasons.worker import ProcessSilent
from emeth_tui.process.finishing import seen_through
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.training.reports import AVERAGE_NAME, DATASET_NAME

Answer = Files | Wanted | Sending | Piece | Stored | Refused
Answers = asyncio.Queue[Answer | None]  # None: the line has dropped
T = TypeVar("T")
CHECKPOINTS_KEPT = 2
MAX_UNREAD_PIECES = 64
ANSWER_LIMIT_S = 600.0  # to hash some gigabytes on a slow disk takes minutes
_KEEPERS_REFUSALS = (
    Foreign,
    NotPlainFile,
    breaches.WrongOffset,
    breaches.WrongLength,
    breaches.WrongContent,
    breaches.FileShrank,
    breaches.TooManyFiles,
    breaches.EmptyOrArriving,
)
log = logging.getLogger(__name__)


class NearEnd:
    """All requests of the node's to one host."""

    def __init__(self, jobs_dir: Path, say: Callable[[object], None]) -> None:
        """`say` sends to the node."""
        self._jobs_dir = jobs_dir
        self._say = say
        self._requests: dict[int, asyncio.Task[None]] = {}
        self._writer: FrameWriter | None = None
        self._connected = asyncio.Event()
        self._answers: dict[int, Answers] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._sending = asyncio.Semaphore(MAX_ARRIVING)
        self._made = 0  # requests to the keeper
        self._counter = ByteCounter(say)

    def begin(self, request: Put | Bring) -> None:
        """Do what the node asks for; `Moved` or `Refused` is the answer."""
        task = asyncio.create_task(self._answered(request))
        self._requests[request.request] = task
        task.add_done_callback(lambda _task: self._requests.pop(request.request, None))

    def cancel(self, request: int) -> None:
        """Forget a request; what has arrived stays for the next."""
        if (task := self._requests.get(request)) is not None:
            task.cancel()

    def connected(self, writer: FrameWriter) -> None:
        """Go on over this line."""
        self._writer = writer
        self._connected.set()

    def dropped(self) -> None:
        """Wait for another line."""
        self._writer = None
        self._connected.clear()
        for answers in self._answers.values():
            _empty(answers)
            answers.put_nowait(None)

    async def take(self, answer: Answer) -> None:
        """Take the keeper's answer to one of our requests; those to none are dropped. Slow disks slow it."""
        answers = self._answers.get(answer.request)
        if answers is not None:
            await answers.put(answer)

    async def _answered(self, request: Put | Bring) -> None:
        slot = self._sending if isinstance(request, Put) else contextlib.nullcontext()
        try:
            async with self._one_at_a_time(request.job), slot:
                with self._counter.transfer():
                    moved = await self._until_done(request)
            self._say(moved)
        except TransferFailed as error:
            self._say(Refused(request.request, to_data(error.reason)))
        except Exception as error:  # the top of a task: the node waits for an answer
            log.exception("request %d: internal error", request.request)
            self._say(Refused(request.request, to_data(Foreign(one_line(repr(error))))))

    async def _until_done(self, request: Put | Bring) -> Moved:
        """Move a file. Only the time with a line counts, and of one that dropped only the time."""
        seconds = 0.0
        while True:
            await self._connected.wait()
            began = time.monotonic()
            try:
                moved_bytes = await self._move(request)
                return Moved(request.request, moved_bytes, seconds + time.monotonic() - began)
            except FramesEnded:
                seconds += time.monotonic() - began
            except (OSError, WrongPiece) as error:
                raise TransferFailed(reason_of(error)) from error

    async def _move(self, request: Put | Bring) -> int:
        if isinstance(request, Put):
            return await self._put(request)
        return await self._bring(request)

    def _one_at_a_time(self, what: str) -> asyncio.Lock:
        """Return the lock of a job, or of a content that several jobs have: a keeper refuses a second."""
        return self._locks.setdefault(what, asyncio.Lock())

    # -- to the host

    async def _put(self, put: Put) -> int:
        directory = self._jobs_dir / put.job
        if put.what == "dataset":
            path = directory / DATASET_NAME
            async with self._one_at_a_time(await asyncio.to_thread(sha256_of, path)):
                return await self._offer(put.job, DATASET_NAME, path)
        if put.what == "average":
            return await self._offer(put.job, AVERAGE_NAME, directory / AVERAGE_NAME)
        newest = _newest_checkpoint(job_files(directory))
        if newest is None:
            return 0
        there = await self._listing(put.job)
        if any(file.name >= newest.name for file in _checkpoints(there)):
            return 0  # the host has gone on from it
        return await self._offer(put.job, newest.name, directory / newest.name)

    async def _offer(self, job: str, name: str, path: Path) -> int:
        digest = await asyncio.to_thread(sha256_of, path)
        with opened(path) as descriptor, self._request() as (number, answers):
            size_bytes = os.fstat(descriptor).st_size
            writer = self._line()
            writer.send(messages.Offer(number, job, name, size_bytes, digest))
            begin = offset = _expect(await _next(answers), Wanted).offset
            if offset > size_bytes:
                raise WrongPiece(breaches.WrongLength(offset, size_bytes))
            if offset == size_bytes:
                return 0
            while offset < size_bytes:
                data = await asyncio.to_thread(os.pread, descriptor, MAX_CHUNK_BYTES, offset)
                if not data:
                    raise WrongPiece(breaches.FileShrank())
                await writer.send_slowly(Piece(number, offset, data))
                offset += len(data)
                self._counter.count(out_bytes=len(data))
                if not answers.empty():
                    break  # it is refused
            _expect(await _next(answers), Stored)
            return size_bytes - begin

    # -- from the host

    async def _bring(self, bring: Bring) -> int:
        there = await self._listing(bring.job)
        directory = self._jobs_dir / bring.job
        if not directory.is_dir():
            raise TransferFailed(JobDirectoryGone())
        if bring.what == "result":
            found = next((file for file in there if file.name == RESULT_NAME), None)
            if found is None:
                raise TransferFailed(HostHasNoResult())
            return await self._fetch(bring, found)
        newest = _newest_checkpoint(there)
        if newest is None or (directory / newest.name).exists():
            return 0
        moved_bytes = await self._fetch(bring, newest)
        await asyncio.to_thread(_drop_old_checkpoints, directory)
        return moved_bytes

    async def _fetch(self, bring: Bring, file: FarFile) -> int:
        if file.size_bytes > bring.limit_bytes:
            raise TransferFailed(FileTooLarge(file.name, file.size_bytes, bring.limit_bytes))
        path = self._jobs_dir / bring.job / file.name
        _drop_other_parts(path)
        offset, begun_sha256 = _begun(path)
        with self._request() as (number, answers):
            self._line().send(messages.Get(number, bring.job, file.name, offset, begun_sha256))
            sending = _expect(await _next(answers), Sending)
            if sending.size_bytes != file.size_bytes:
                raise WrongPiece(breaches.WrongLength(sending.size_bytes, file.size_bytes))
            with contextlib.closing(Arriving(path, sending.size_bytes, sending.sha256)) as arriving:
                if arriving.offset != sending.offset:
                    raise WrongPiece(breaches.WrongOffset(sending.offset, arriving.offset))
                while not arriving.is_whole:
                    piece = _expect(await _next(answers), Piece)
                    await asyncio.to_thread(arriving.write, piece.offset, piece.data)
                    self._counter.count(home_bytes=len(piece.data))
                await seen_through(asyncio.to_thread(arriving.finish))  # before the job's next file arrives
            return sending.size_bytes - sending.offset

    # -- requests to the keeper

    async def _listing(self, job: str) -> tuple[FarFile, ...]:
        with self._request() as (number, answers):
            self._line().send(messages.ListFiles(number, job))
            return _expect(await _next(answers), Files).files

    @contextlib.contextmanager
    def _request(self) -> Iterator[tuple[int, Answers]]:
        """Number a request to the keeper; one that is left before its end is cancelled there."""
        self._made += 1
        number = self._made
        answers: Answers = asyncio.Queue(MAX_UNREAD_PIECES)
        self._answers[number] = answers
        try:
            yield number, answers
        except BaseException:
            if self._writer is not None:
                self._writer.send(messages.Cancel(number))
            raise
        finally:
            del self._answers[number]
            _empty(answers)  # `take` may wait for room in it

    def _line(self) -> FrameWriter:
        if self._writer is None:
            raise FramesEnded
        return self._writer


async def _next(answers: Answers) -> Answer:
    """Return the next answer. Raise FramesEnded when the line drops, TransferFailed for a refusal or none."""
    answer: Answer | None = None
    with anyio.move_on_after(ANSWER_LIMIT_S) as limit:
        answer = await answers.get()
    if limit.cancelled_caught:
        raise TransferFailed(ProcessSilent(ANSWER_LIMIT_S))
    if answer is None:
        raise FramesEnded
    if isinstance(answer, Refused):
        reason = read_reason(answer.reason)
        # A keeper refuses for one of these; any other reason was made up.
        raise TransferFailed(
            reason if isinstance(reason, _KEEPERS_REFUSALS) else Foreign(one_line(answer.reason))
        )
    return answer


def _expect(answer: Answer, kind: type[T]) -> T:
    if not isinstance(answer, kind):
        raise WrongPiece(breaches.SentInPlaceOf(type(answer).__name__, kind.__name__))
    return answer


def _empty(answers: Answers) -> None:
    while not answers.empty():
        answers.get_nowait()


def _newest_checkpoint(files: Sequence[FarFile]) -> FarFile | None:
    checkpoints = _checkpoints(files)
    return checkpoints[-1] if checkpoints else None


def _checkpoints(files: Sequence[FarFile]) -> list[FarFile]:
    """Return the checkpoints among a job's files; a host may list what it likes."""
    return [file for file in files if file.name.startswith("checkpoints/")]


def _begun(path: Path) -> tuple[int, str]:
    """Return how much of a file has arrived, and the digest that it was to have."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        sha256 = part.name.removesuffix(".part").rpartition(".")[2]
        if len(sha256) == 64:
            return part.lstat().st_size, sha256
    return 0, ""


def _drop_other_parts(path: Path) -> None:
    """Delete what has arrived of other checkpoints: there is a newer one, and nobody asks for them again."""
    for part in path.parent.glob(".epoch-*.part"):
        if not part.name.startswith(f".{path.name}."):
            part.unlink(missing_ok=True)


def _drop_old_checkpoints(directory: Path) -> None:
    for file in _checkpoints(job_files(directory))[:-CHECKPOINTS_KEPT]:
        (directory / file.name).unlink(missing_ok=True)
