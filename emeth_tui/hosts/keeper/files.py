"""The keeper's files: what the node sends and fetches, in pieces, while everything else goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import stat
import time
from collections.abc import Collection, Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from emeth_tui.hosts import messages
from emeth_tui.hosts.arriving import Arriving, WrongPiece, opened, reason_of, sha256_of
from emeth_tui.hosts.frames import FramesEnded, FrameWriter
from emeth_tui.hosts.keeper.place import KeeperPlace
from emeth_tui.hosts.messages import (
    MAX_CHUNK_BYTES,
    MAX_FILES,
    Cancel,
    FarFile,
    Get,
    ListFiles,
    Offer,
    Piece,
)
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.network.breaches import EmptyOrArriving, FileShrank, TooManyFiles
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.training.reports import DATASET_NAME

MAX_ARRIVING = 8  # files at once
UNUSED_DATASET_S = 3600.0
_CHECKPOINT = re.compile(messages.CHECKPOINT_PATTERN)
_JOB = re.compile(messages.JOB_PATTERN)
Digests = dict[tuple[str, int, int], str]  # by path, size and time: hashing gigabytes again takes seconds
Finishing = dict[Path, asyncio.Task[None]]  # files that are whole, and are hashed before they get their names


class FarEnd:
    """One connection's transfers; what has arrived outlives them."""

    def __init__(
        self, place: KeeperPlace, writer: FrameWriter, digests: Digests, finishing: Finishing
    ) -> None:
        self._place = place
        self._writer = writer
        self._digests = digests
        self._finishing = finishing
        self._arriving: dict[int, tuple[Arriving, Offer]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def handle(self, message: ListFiles | Offer | Get | Piece | Cancel) -> None:
        """Begin what is asked for; answers follow."""
        match message:
            case ListFiles(request, job):
                files = job_files(self._place.jobs / job)
                self._writer.send(messages.Files(request, tuple(files[-MAX_FILES:])))
            case Piece():
                self._piece(message)
            case Offer():
                self._run(message.request, self._offered(message))
            case Get():
                self._run(message.request, self._send(message))
            case Cancel(request):
                self._cancel(request)

    def close(self) -> None:
        """End the transfers; what has arrived stays."""
        for task in self._tasks.values():
            task.cancel()
        for arriving, _offer in self._arriving.values():
            arriving.close()
        self._arriving.clear()

    async def _offered(self, offer: Offer) -> None:
        path = self._target(offer)
        if (finishing := self._finishing.get(path)) is not None:  # of a request that was left
            await asyncio.wait({finishing})
        if await self._is_there(path, offer):
            self._into_job(path, offer)
            self._writer.send(messages.Wanted(offer.request, offer.size_bytes))
            return
        if len(self._arriving) >= MAX_ARRIVING:
            raise WrongPiece(TooManyFiles(MAX_ARRIVING))
        if not offer.size_bytes or any(path == other.path for other, _ in self._arriving.values()):
            raise WrongPiece(EmptyOrArriving())
        arriving = Arriving(path, offer.size_bytes, offer.sha256)
        if arriving.is_whole:  # a keeper ended while it was hashed
            await self._finish(arriving, offer, messages.Wanted(offer.request, offer.size_bytes))
            return
        self._arriving[offer.request] = arriving, offer
        self._writer.send(messages.Wanted(offer.request, arriving.offset))

    def _piece(self, piece: Piece) -> None:
        if piece.request not in self._arriving:
            return  # refused before; the rest was under way
        arriving, offer = self._arriving[piece.request]
        try:
            arriving.write(piece.offset, piece.data)
        except (WrongPiece, OSError) as error:
            del self._arriving[piece.request]
            arriving.close()
            self._refuse(piece.request, error)
            return
        if arriving.is_whole:
            del self._arriving[piece.request]
            self._run(piece.request, self._finish(arriving, offer, messages.Stored(piece.request)))

    async def _finish(self, arriving: Arriving, offer: Offer, answer: object) -> None:
        """Give a whole file its name, and answer; it gets that as well where the request is left before."""
        finishing = asyncio.create_task(asyncio.to_thread(arriving.finish))
        self._finishing[arriving.path] = finishing
        finishing.add_done_callback(partial(self._finished, arriving.path))
        await asyncio.wait({finishing})
        finishing.result()
        self._into_job(arriving.path, offer)
        self._writer.send(answer)

    def _finished(self, path: Path, finishing: asyncio.Task[None]) -> None:
        self._finishing.pop(path, None)
        if not finishing.cancelled():
            finishing.exception()  # retrieved, though nobody may wait for it any more

    async def _send(self, get: Get) -> None:
        path = self._place.jobs / get.job / get.name
        digest = await self._digest(path)
        with opened(path) as descriptor:
            size_bytes = os.fstat(descriptor).st_size
            offset = get.offset if get.sha256 == digest and get.offset <= size_bytes else 0
            self._writer.send(messages.Sending(get.request, size_bytes, digest, offset))
            while offset < size_bytes:
                data = await asyncio.to_thread(os.pread, descriptor, MAX_CHUNK_BYTES, offset)
                if not data:
                    raise WrongPiece(FileShrank())
                await self._writer.send_slowly(Piece(get.request, offset, data))
                offset += len(data)

    def _target(self, offer: Offer) -> Path:
        """Return where a file arrives: datasets by their content, so that they arrive once."""
        if offer.name == DATASET_NAME:
            return self._place.datasets / offer.sha256
        return self._place.jobs / offer.job / offer.name

    def _into_job(self, path: Path, offer: Offer) -> None:
        if offer.name != DATASET_NAME:
            return
        target = self._place.dataset(offer.job)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists() and target.samefile(path):
            return
        target.unlink(missing_ok=True)
        os.link(path, target)

    async def _is_there(self, path: Path, offer: Offer) -> bool:
        try:
            return await self._digest(path) == offer.sha256
        except OSError:
            return False

    async def _digest(self, path: Path) -> str:
        status = os.lstat(path)
        key = str(path), status.st_size, status.st_mtime_ns
        if key not in self._digests:
            self._digests[key] = await asyncio.to_thread(sha256_of, path)
            while len(self._digests) > 64:
                del self._digests[next(iter(self._digests))]
        return self._digests[key]

    def _refuse(self, request: int, error: OSError | WrongPiece) -> None:
        self._writer.send(messages.Refused(request, to_data(reason_of(error))))

    def _run(self, request: int, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(request, work))
        self._tasks[request] = task
        task.add_done_callback(partial(self._done, request))

    def _done(self, request: int, task: asyncio.Task[None]) -> None:
        if self._tasks.get(request) is task:
            del self._tasks[request]

    def _cancel(self, request: int) -> None:
        if (task := self._tasks.get(request)) is not None:
            task.cancel()
        if (arriving := self._arriving.pop(request, None)) is not None:
            arriving[0].close()

    async def _guarded(self, request: int, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (OSError, WrongPiece) as error:
            self._refuse(request, error)
        except FramesEnded:
            pass  # the connection's reader notices it too


def job_files(directory: Path) -> list[FarFile]:
    """List a job's checkpoints, the newest last, which a training goes on from, and then its result.

    Their names are in the order of positions; the times of files are those of a clock that may be wrong.
    """
    files = []
    for path in [*sorted((directory / "checkpoints").glob("*.pt")), directory / RESULT_NAME]:
        name = str(path.relative_to(directory))
        if name != RESULT_NAME and not _CHECKPOINT.fullmatch(name):
            continue
        with contextlib.suppress(FileNotFoundError):
            files.append(FarFile(name, path.lstat().st_size))
    return files


def used_by_job(place: KeeperPlace) -> dict[str, int]:
    """Return how many bytes each job's files take; a job's own worker may be at work there meanwhile."""
    return {
        directory.name: _size_bytes(directory)
        for directory in place.jobs.iterdir()
        if _JOB.fullmatch(directory.name)
    }


def _size_bytes(directory: Path) -> int:
    size_bytes = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            size_bytes += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return size_bytes


def unwanted_files(place: KeeperPlace, jobs: Collection[str]) -> list[Path]:
    """List the directories of every other job, and datasets that no job has had for a while."""
    old = time.time() - UNUSED_DATASET_S
    datasets = [path for path in place.datasets.iterdir() if path.lstat().st_mtime < old]
    return [
        *(directory for directory in place.jobs.iterdir() if directory.name not in jobs),
        *(path for path in datasets if path.lstat().st_nlink == 1),
    ]


def delete_files(paths: Iterable[Path]) -> None:
    """Delete files and directories."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
