"""Uploads that were begun and are not complete: what has arrived of them, also after a restart.

Presigned URLs let whoever has them write to the storage, so that only sealed ones reach the disk.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Protocol

from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import EmethError
from emeth_tui.model import BegunUpload, JobId
from emeth_tui.protocol.storage_api import PutSignedUrls

_logger = logging.getLogger(__name__)


class UploadRecords(Protocol):
    """Keeps uploads across restarts: `store.uploads` implements it. All raise EmethError."""

    def get(self, job_id: JobId) -> BegunUpload | None:
        """Return the upload of a job that was begun last and is not forgotten."""
        ...

    def begin(self, job_id: JobId, begun: BegunUpload) -> None:
        """Record an upload in the place of the job's last one."""
        ...

    def add_part(self, job_id: JobId, number: int, etag: str) -> None:
        """Record that a part has arrived."""
        ...

    def forget(self, job_id: JobId) -> None:
        """Forget a job's upload, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload that was begun: its presigned URLs, and each part's ETag, "" for one that is missing."""

    file: str  # which one: inode, size and time of its last change
    announced: PutSignedUrls
    etags: list[str]


class BegunUploads:
    """The uploads of one account. Without `records` they are forgotten with the process.

    A record that cannot be written or read costs no more than parts that are sent again: it is logged.
    """

    def __init__(self, wallet: Wallet, records: UploadRecords | None) -> None:
        self._wallet = wallet
        self._records = records
        self._known: dict[JobId, Begun] = {}

    def find(self, job_id: JobId, file: int, parts: int) -> Begun | None:
        """Return what was begun of an open file; None for another file or where nothing is known."""
        begun = self._known.get(job_id) or self._recorded(job_id, parts)
        return begun if begun is not None and begun.file == _identity(file) else None

    def begin(self, job_id: JobId, file: int, parts: int, announced: PutSignedUrls) -> Begun:
        """Note that an upload of an open file has been announced."""
        begun = self._known[job_id] = Begun(_identity(file), announced, [""] * parts)
        if self._records is not None:
            sealed = self._wallet.seal(announced.model_dump_json(by_alias=True).encode())
            try:
                self._records.begin(job_id, BegunUpload(begun.file, sealed, {}))
            except EmethError as error:
                _logger.warning("job %s: a restart would begin the upload anew: %s", job_id, error)
        return begun

    def add_part(self, job_id: JobId, number: int, etag: str) -> None:
        """Note that a part has arrived."""
        self._known[job_id].etags[number] = etag
        if self._records is not None:
            try:
                self._records.add_part(job_id, number, etag)
            except EmethError as error:
                _logger.warning("job %s: a restart would send part %d again: %s", job_id, number + 1, error)

    def forget(self, job_id: JobId) -> None:
        """Forget a job's upload: it is complete, or no use any more."""
        self._known.pop(job_id, None)
        if self._records is not None:
            try:
                self._records.forget(job_id)
            except EmethError as error:
                _logger.warning("job %s: its upload is not forgotten: %s", job_id, error)

    def _recorded(self, job_id: JobId, parts: int) -> Begun | None:
        try:
            record = None if self._records is None else self._records.get(job_id)
            if record is None:
                return None
            announced = PutSignedUrls.model_validate_json(self._wallet.unseal(record.sealed))
        except (EmethError, ValueError) as error:
            _logger.warning("job %s: the upload begins anew: %s", job_id, type(error).__name__)
            return None
        begun = Begun(record.file, announced, [record.etags.get(number, "") for number in range(parts)])
        self._known[job_id] = begun
        return begun


def _identity(file: int) -> str:
    status = os.fstat(file)
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"
