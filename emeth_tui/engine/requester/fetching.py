"""What is needed to open a result: the job's dataset and the result itself, fetched once and kept."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.storage.requester import RequesterStorage
from emeth_tui.engine.requester.results import open_result
from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.errors import CommandRefused, DatasetError, ExportError, JobError
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.network.requesting import (
    DirectoryTaken,
    DirectoryUnwritable,
    NoResultYet,
    OtherTextStored,
    ResultOfOtherDataset,
    ResultShort,
)
from emeth_tui.protocol.architectures import parameter_count
from emeth_tui.protocol.hash_chain import links_from_digest
from emeth_tui.protocol.job_ids import short
from emeth_tui.protocol.parameters import MAX_EPOCHS
from emeth_tui.store.requests import StoredRequest
from emeth_tui.training.data.text_file import dataset_digest

DATASET_NAME, RESULT_NAME = "dataset.txt", "result.pt"
BYTES_PER_PARAMETER = 4
ENVELOPE_BYTES = 8 << 20  # names, and the archive's directory
READ_BYTES = 1 << 20
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A job's dataset and result on this machine."""

    request: StoredRequest
    directory: Path

    @property
    def dataset(self) -> Path:
        return self.directory / DATASET_NAME

    @property
    def result(self) -> Path:
        return self.directory / RESULT_NAME

    async def open(self, task: str, log: Path, **arguments: Any) -> dict[str, Any]:
        """Do a task with the result. Raise JobError for what is wrong with it, WorkerError."""
        request = self.request
        files = {"dataset": str(self.dataset), "result": str(self.result)}
        model = {"model": request.model, "language": request.language.value}
        return await open_result(task, {**model, **files, **arguments}, log)

    def check_chain(self, epochs: int, hash_hex: str, verification_key: str) -> bool:
        """Check a result's epochs and hash (protocol.md §9); return whether the key to do so was there.

        Raise JobError when they are not what was paid for.
        """
        if not self.request.epochs <= epochs <= MAX_EPOCHS:
            raise JobError(ResultShort(epochs, self.request.epochs))
        if not verification_key:
            return False
        if links_from_digest(dataset_digest(self.dataset), verification_key, epochs)[-1] != hash_hex:
            raise JobError(ResultOfOtherDataset(epochs))
        return True


async def fetch(
    followed: FollowedJob,
    storage: StorageClient,
    requester: RequesterStorage,
    directory: Path,
    on_progress: OnProgress,
) -> Fetched:
    """Fetch what is not there yet. Raise CommandRefused without a verified result, StorageError, JobError."""
    request = followed.request
    if not followed.is_verified:
        raise CommandRefused(NoResultYet(request.job_id, followed.state))
    fetched = _place_for(request, directory)
    if not fetched.dataset.exists() and not await asyncio.to_thread(_copy_own, request, fetched.dataset):
        await storage.download(
            request.job_id,
            request.dataset,
            fetched.dataset,
            max_bytes=request.dataset_bytes,
            on_progress=on_progress,
        )
    if await asyncio.to_thread(_sha256, fetched.dataset) != request.content:
        fetched.dataset.unlink()
        raise DatasetError(OtherTextStored(short(request.job_id), request.path))
    if not fetched.result.exists():
        # The head may lie in the file beside the embedding that it equals.
        most_bytes = 2 * BYTES_PER_PARAMETER * parameter_count(request.model) + ENVELOPE_BYTES
        await requester.fetch_result(
            request.job_id, fetched.result, max_bytes=most_bytes, on_progress=on_progress
        )
    return fetched


async def write_model(
    fetched: Fetched, directory: Path, log: Path, verification_key: str
) -> tuple[dict[str, Any], bool]:
    """Check the result and write the model into a directory that is not there yet.

    Return its figures, and whether its hash chain was checked. Raise ExportError, JobError or WorkerError;
    nothing is left behind then.
    """
    unfinished = _unfinished(directory)
    try:
        figures = await fetched.open("write", log, directory=str(unfinished))
        checked = await asyncio.to_thread(
            fetched.check_chain, figures["epochs"], figures["hash"], verification_key
        )
        os.rename(unfinished, directory)  # noqa: PTH104 - fails where something else is there by now
    except OSError as error:
        raise ExportError(DirectoryUnwritable(directory, system_text(error))) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return figures, checked


def _place_for(request: StoredRequest, directory: Path) -> Fetched:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Fetched(request, directory)


def _unfinished(directory: Path) -> Path:
    """Make a directory to write in, beside the one that it becomes. Raise ExportError."""
    if directory.exists():
        raise ExportError(DirectoryTaken(directory))
    try:
        return Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise ExportError(DirectoryUnwritable(directory, system_text(error))) from error


def _copy_own(request: StoredRequest, target: Path) -> bool:
    """Copy the file that was requested, if it is still what it was."""
    try:
        if _sha256(request.path) != request.content:
            return False
        unfinished = target.with_name(f"{target.name}.own")
        shutil.copyfile(request.path, unfinished)
        unfinished.replace(target)
    except OSError:
        return False
    return True


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
