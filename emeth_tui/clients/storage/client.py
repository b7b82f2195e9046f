"""The storage API's calls: sizes, presigned URLs, whole downloads and uploads (protocol.md §5)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
from eth_utils.crypto import keccak
from pydantic import BaseModel, ValidationError

from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, Reply, exchange
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.http.url_guard import UrlGuard
from emeth_tui.clients.storage.begun import BegunUploads, UploadRecords
from emeth_tui.clients.storage.download import download
from emeth_tui.clients.storage.upload import upload
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import StorageError, StorageRejected
from emeth_tui.foreign_text import endpoint, one_line
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.exchange import TransferTooLong, UnexpectedStatus
from emeth_tui.notices.reasons.network.storage import (
    NotAPlainFileName,
    StorageDown,
    StorageForbids,
    StorageRefuses,
    StorageSenseless,
)
from emeth_tui.protocol.parameters import check_dataset_name
from emeth_tui.protocol.storage_api import (
    COMPLETE_UPLOAD_PATH,
    PUT_SIGNED_URLS_PATH,
    RESULT_EXTENSION,
    SIGNED_GET_URL_PATH,
    SIZE_OF_PATH,
    PutSignedUrls,
    SignedGetUrl,
    SizeOf,
    dataset_key,
    signing_payload,
)
from emeth_tui.settings import Network

API_LIMITS = Limits(max_bytes=4_000_000, deadline_s=60.0)  # presigned URLs of a 10 GB upload need about 1 MB

_Answer = TypeVar("_Answer", bound=BaseModel)
Progress = Callable[[int, int], None]  # bytes done, bytes in total


class StorageClient:
    """One network's storage, used by one account. With `uploads`, a restart goes on with what was begun."""

    def __init__(
        self,
        network: Network,
        wallet: Wallet,
        transport: Transport,
        limits: Limits = API_LIMITS,
        uploads: UploadRecords | None = None,
    ) -> None:
        self._base_url = network.storage_url
        self._where = endpoint(network.storage_url)
        self._wallet = wallet
        self._transport = transport
        self._limits = limits
        self._guard = UrlGuard(network.storage_url, network.storage_hosts)
        self._begun_uploads = BegunUploads(wallet, uploads)

    async def size_of(self, dataset: str) -> int:
        """Return how many bytes a dataset has.

        Raise JobError when the name is not a plain file name, StorageRejected when there is no such
        dataset, StorageError.
        """
        key = dataset_key(check_dataset_name(dataset))
        answer = await self._ask("GET", SIZE_OF_PATH, f"dataset {dataset}", SizeOf, params={"key": key})
        return answer.result

    async def download(
        self,
        job_id: JobId,
        dataset: str,
        path: Path,
        *,
        max_bytes: int,
        longest_s: float = math.inf,
        on_progress: Progress = lambda _done, _total: None,
    ) -> int:
        """Fetch a job's dataset into `path` within `longest_s`; return its size. Resumes an earlier attempt.

        Raise DiskFull, StorageRejected, StorageError, and JobError as `size_of` does.
        """
        with _within(longest_s):
            size = await self.size_of(dataset)
            return await download(
                self._transport,
                self._guard,
                lambda: self._dataset_url(job_id),
                job_id,
                path,
                size_bytes=size,
                max_bytes=max_bytes,
                on_progress=on_progress,
            )
        raise AssertionError("unreachable: either done or out of time")

    async def upload(
        self,
        job_id: JobId,
        path: Path,
        *,
        extension: str = RESULT_EXTENSION,
        longest_s: float = math.inf,
        on_progress: Progress = lambda _done, _total: None,
    ) -> str:
        """Store a job's result within `longest_s`; return its name in storage, as `submit` expects it.

        The `extension` says what it is (protocol.md §5, §9b).

        Asked again after an error or a restart, it goes on with the parts that have not arrived.
        Raise StorageRejected when the storage refuses it, StorageError.
        """
        with _within(longest_s):
            return await upload(
                _Uploading(self, extension),
                self._transport,
                self._guard,
                job_id,
                path,
                on_progress,
                self._begun_uploads,
            )
        raise AssertionError("unreachable: either done or out of time")

    def forget_upload(self, job_id: JobId) -> None:
        """Forget what was begun of a job's upload: the job is over."""
        self._begun_uploads.forget(job_id)

    async def try_signature(self, job_id: JobId, *, forged: bool = False) -> Reply:
        """Ask for a dataset's URL, and return the answer whatever it is: the call reads, and costs nothing.

        `forged` leaves out what makes the signature valid, to see what the storage says then. Raise
        StorageError when there is no answer.
        """

        async def attempt() -> Reply:
            signature = self._signature(JobId("") if forged else job_id)
            return await self._fetch("POST", SIGNED_GET_URL_PATH, json={**signature, "jobId": job_id})

        try:
            return await self._transport.retry.persist(attempt, "signature")
        except ExchangeFailed as error:
            raise StorageError(StorageDown(error.reason)) from error

    # ---- the calls of an upload

    async def begin_upload(
        self, job_id: JobId, parts: int, extension: str = RESULT_EXTENSION
    ) -> PutSignedUrls:
        """Announce an upload of `parts` parts. Raise StorageRejected, StorageError."""
        return await self._ask(
            "POST",
            PUT_SIGNED_URLS_PATH,
            f"job {job_id}: upload",
            PutSignedUrls,
            signed_for=job_id,
            fields={"partNum": parts, "extension": extension},
        )

    async def complete_upload(
        self, job_id: JobId, upload_id: str, etags: Sequence[str], extension: str = RESULT_EXTENSION
    ) -> None:
        """Declare an upload complete, once. Raise ExchangeFailed, StorageRejected or StorageError."""
        parts = [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(etags, start=1)]
        fields = {"parts": parts, "uploadId": upload_id, "extension": extension}
        body = {**self._signature(job_id), **fields}
        # The network does not promise a body in the answer (protocol.md §5).
        self._check_status(await self._fetch("POST", COMPLETE_UPLOAD_PATH, json=body))

    async def _dataset_url(self, job_id: JobId) -> str:
        what = f"job {job_id}: dataset"
        answer = await self._ask("POST", SIGNED_GET_URL_PATH, what, SignedGetUrl, signed_for=job_id)
        return answer.url

    async def ask(
        self,
        path: str,
        what: str,
        answer: type[_Answer],
        *,
        signed_for: JobId,
        fields: dict[str, Any] | None = None,
    ) -> _Answer:
        """Make a signed call that may be repeated. `what` names it in the log.

        Raise StorageRejected, StorageError.
        """
        return await self._ask("POST", path, what, answer, signed_for=signed_for, fields=fields)

    async def _ask(
        self,
        method: str,
        path: str,
        what: str,
        answer: type[_Answer],
        *,
        params: dict[str, str] | None = None,
        signed_for: JobId | None = None,
        fields: dict[str, Any] | None = None,
    ) -> _Answer:
        """Make one call, signed afresh on each attempt. `what` names it in the log."""

        async def attempt() -> Reply:
            body = None if signed_for is None else {**self._signature(signed_for), **(fields or {})}
            return await self._fetch(method, path, params=params, json=body)

        # Each call may be repeated: it reads, or begins an upload that costs nothing if it is never used.
        try:
            reply = await self._transport.retry.persist(attempt, what)
        except ExchangeFailed as error:
            raise StorageError(StorageDown(error.reason)) from error
        return self._read(reply, answer)

    async def _fetch(self, method: str, path: str, **options: Any) -> Reply:
        url = self._base_url + path
        return await exchange(self._transport.client, method, url, self._limits, **options)

    def _read(self, reply: Reply, answer: type[_Answer]) -> _Answer:
        self._check_status(reply)
        try:
            return answer.model_validate_json(reply.body or b"{}")
        except ValidationError as error:
            problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
            is_ours = problem["type"] == "value_error"  # of the one check that is no type or bound
            detail = NotAPlainFileName() if is_ours else one_line(problem["msg"])
            raise StorageError(StorageSenseless(self._where, detail)) from None

    def _check_status(self, reply: Reply) -> None:
        if reply.status in {401, 403}:
            raise StorageRejected(StorageForbids(self._where, reply.status, reply.said))
        if 400 <= reply.status < 500:
            raise StorageRejected(StorageRefuses(self._where, reply.status, reply.said))
        if not 200 <= reply.status < 300:
            raise StorageError(StorageDown(UnexpectedStatus(self._where, reply.status)))

    def _signature(self, job_id: JobId) -> dict[str, Any]:
        signed_time_ms = time.time_ns() // 1_000_000
        signature = self._wallet.sign_digest(keccak(signing_payload(job_id, signed_time_ms)))
        return {
            "sig": "0x" + signature.hex(),
            "address": self._wallet.address,
            "jobId": job_id,
            "signedtime": signed_time_ms,
        }


@dataclass(frozen=True, slots=True)
class _Uploading:
    """A storage's calls for files with one extension."""

    storage: StorageClient
    extension: str

    async def begin_upload(self, job_id: JobId, parts: int) -> PutSignedUrls:
        return await self.storage.begin_upload(job_id, parts, self.extension)

    async def complete_upload(self, job_id: JobId, upload_id: str, etags: Sequence[str]) -> None:
        await self.storage.complete_upload(job_id, upload_id, etags, self.extension)


@contextmanager
def _within(longest_s: float) -> Iterator[None]:
    """Raise StorageError when what is done here takes longer."""
    with anyio.move_on_after(longest_s) as scope:
        yield
    if scope.cancelled_caught:
        raise StorageError(StorageDown(TransferTooLong(longest_s)))
