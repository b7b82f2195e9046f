"""The storage API as a service: signed calls, presigned URLs, multipart uploads (protocol.md §5).

Three calls are this project's own, for the parties whose access the protocol leaves open (protocol.md §5a): a
requester asks for a URL to PUT a dataset and for one to GET the result, and the verifier for one to GET a
result. All are signed like a node's calls.
"""

from __future__ import annotations

import logging
import math
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emeth_tui.network.objects.store import (
    DATASETS,
    RESULTS,
    SizeUnknown,
    StoredPart,
    TooLarge,
    is_name,
)
from emeth_tui.network.records.datasets import Dataset
from emeth_tui.network.records.uploads import Upload
from emeth_tui.network.services.signed_calls import (
    HANDLERS,
    Body,
    SignedCall,
    check_signed,
    job_id_of,
    read_body,
)
from emeth_tui.network.services.storing import FindJob, Storing
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.parameters import MAX_EPOCHS
from emeth_tui.protocol.replay import STATE_EXTENSION_PATTERN, state_extension
from emeth_tui.protocol.storage_api import (
    COMPLETE_UPLOAD_PATH,
    DATASET_EXTENSION,
    PUT_SIGNED_URLS_PATH,
    REQUESTER_GET_URL_PATH,
    REQUESTER_PUT_URL_PATH,
    RESULT_EXTENSION,
    SIGNED_GET_URL_PATH,
    SIZE_OF_PATH,
    VERIFIER_GET_URL_PATH,
)

MAX_PARTS = 1_000  # ours: 10 GB, seven times GPT-2 medium's checkpoint
_STATE_EXTENSION = re.compile(STATE_EXTENSION_PATTERN + r"\Z")

_Signed = TypeVar("_Signed", bound=SignedCall)
_logger = logging.getLogger(__name__)


class PutDatasetCall(SignedCall):
    """`private` keeps the dataset for the job's requester, its node and the verifier; `size` is in bytes."""

    private: bool = False
    size_bytes: int | None = Field(None, alias="size", ge=0)


def _rounded_up(value: object) -> object:
    return math.ceil(value) if isinstance(value, float) and math.isfinite(value) else value


class ResultCall(SignedCall):
    """`state` asks for the state after so many epochs instead of the result (protocol.md §9b)."""

    state: int | None = Field(None, ge=1, le=MAX_EPOCHS)


class PutUrlsCall(SignedCall):
    """`partNum` may be a fraction, which is rounded up (protocol.md §5)."""

    parts: Annotated[int, BeforeValidator(_rounded_up)] = Field(alias="partNum", ge=1, le=MAX_PARTS)
    extension: str = Field(max_length=20)


class CompletedPart(Body):
    etag: str = Field(alias="ETag", max_length=100)
    number: int = Field(alias="PartNumber", ge=1, le=MAX_PARTS)


class CompleteCall(Body):
    """Not signed (protocol.md §5): only the node that announced the upload knows its id."""

    job_id: str = Field(alias="jobId", max_length=100)
    address: str = Field(max_length=100)
    upload_id: str = Field(alias="uploadId", max_length=100)
    extension: str = Field(max_length=20)
    parts: list[CompletedPart] = Field(max_length=MAX_PARTS)


class StorageApp:
    """The storage API's routes; `find_job` reads a job from the chain.

    A second verifier, if there is one, reads what the verifier does. `wait_of_account` returns how long an
    account has to wait before its next signed call.
    """

    def __init__(
        self,
        storing: Storing,
        find_job: FindJob,
        *,
        verifier_address: str,
        second_address: str = "",
        now_unix_s: Callable[[], float] = time.time,
        wait_of_account: Callable[[str], float] = lambda _account: 0.0,
    ) -> None:
        self._objects = storing.objects
        self._datasets = storing.datasets
        self._uploads = storing.uploads
        self._options = storing.options
        self._object_routes = storing.routes
        self._wait_of_account = wait_of_account
        self._find_job = find_job
        self._verifiers = {verifier_address.lower(), second_address.lower() or verifier_address.lower()}
        self._now_unix_s = now_unix_s

    def asgi(self) -> Starlette:
        """Return the application for a server to run."""
        routes = [
            Route(SIGNED_GET_URL_PATH, self._dataset_url, methods=["POST"]),
            Route(PUT_SIGNED_URLS_PATH, self._begin_upload, methods=["POST"]),
            Route(COMPLETE_UPLOAD_PATH, self._complete_upload, methods=["POST"]),
            Route(SIZE_OF_PATH, self._size_of, methods=["GET"]),
            Route(REQUESTER_PUT_URL_PATH, self._dataset_put_url, methods=["POST"]),
            Route(REQUESTER_GET_URL_PATH, self._own_result_url, methods=["POST"]),
            Route(VERIFIER_GET_URL_PATH, self._result_url, methods=["POST"]),
            *self._object_routes,
        ]
        return Starlette(routes=routes, exception_handlers=HANDLERS)

    # ---- a node's calls

    async def _dataset_url(self, request: Request) -> Response:
        """Presign a GET of a job's dataset: for any signer, unless it is private."""
        call = await self._signed_call(request, SignedCall)
        job = await self._job(call.job_id)
        if await self._objects.settle(job.dataset) is None:
            if is_name(job.dataset) and await self._datasets.is_settled(job.dataset):
                raise _lost(job.dataset)
            raise HTTPException(404, "the job's dataset is not in storage")
        if not self._may_read(job, await self._datasets.find(job.dataset), call):
            raise HTTPException(403, "this dataset is for the job's own parties")
        url = await self._objects.get_url(DATASETS, job.dataset)
        return JSONResponse({"url": self._absolute(request, url)})

    async def _begin_upload(self, request: Request) -> Response:
        """Presign a PUT for each part, for the node that the job is assigned to."""
        call = await self._signed_call(request, PutUrlsCall)
        job = await self._job(call.job_id)
        is_state = self._options.takes_states and _STATE_EXTENSION.fullmatch(call.extension) is not None
        due = JobStatus.SUBMITTED if is_state else JobStatus.PROCESSING
        if job.status is not due or job.node.lower() != call.address.lower():
            raise HTTPException(403, f"job {job.job_id} is not {due.name.lower()} with {call.address}")
        if call.extension != RESULT_EXTENSION and not is_state:
            raise HTTPException(400, f"a result's extension is {RESULT_EXTENSION}")
        upload_id = secrets.token_hex(16)
        file_name = f"{job.job_id}-{upload_id[:8]}{call.extension}"
        upload = Upload(upload_id, job.job_id, call.address.lower(), call.parts, file_name, "")
        upload = replace(upload, handle=await self._objects.begin(upload))
        await self._uploads.add(upload)
        urls = await self._objects.part_urls(upload)
        return JSONResponse(
            {
                "urls": {str(index): self._absolute(request, url) for index, url in enumerate(urls)},
                "uploadId": upload.upload_id,
                "fileName": upload.file_name,
            }
        )

    async def _complete_upload(self, request: Request) -> Response:
        """Join the parts once they have all arrived as the node states."""
        call = await read_body(request, CompleteCall)
        upload = await self._uploads.find(call.upload_id)
        if upload is None:
            raise HTTPException(404, "there is no such upload")
        if (upload.job_id, upload.address) != (call.job_id.lower(), call.address.lower()):
            raise HTTPException(403, "the upload is another job's or another node's")
        if not upload.is_complete:
            await self._check_in_time(upload)
            await self._complete(upload, call.parts)
        return JSONResponse({"fileName": upload.file_name})

    async def _complete(self, upload: Upload, announced: Sequence[CompletedPart]) -> None:
        if not await self._is_joined(upload):
            try:
                parts = _chosen(await self._objects.parts(upload), announced)
                self._check_part_sizes(parts)
            except HTTPException:
                if not await self._is_joined(upload):  # by the same call, sent twice
                    raise
            else:
                await self._objects.complete(upload, parts)
            if not await self._is_joined(upload):
                raise HTTPException(503, "the result is not in storage: complete the upload again")
        await self._check_in_time(upload)  # now that nothing changes the result any more
        await self._uploads.complete(upload.upload_id)

    async def _is_joined(self, upload: Upload) -> bool:
        return await self._objects.size_bytes(RESULTS, upload.file_name) is not None

    async def _size_of(self, request: Request) -> Response:
        kind, _, name = request.query_params.get("key", "").partition("/")
        size = await self._objects.size_bytes(kind, name) if kind == DATASETS else None
        if size is None:
            raise HTTPException(404, "there is no such dataset")
        return JSONResponse({"result": size})

    # ---- the requester's and the verifier's calls

    async def _dataset_put_url(self, request: Request) -> Response:
        """Presign a PUT of the dataset, named after its job, which must not be on the chain yet."""
        call = await self._signed_call(request, PutDatasetCall)
        job_id = job_id_of(call.job_id)
        if await self._find_job(job_id) is not None:
            raise HTTPException(403, f"job {job_id} is on the chain: its dataset stays as it is")
        name = f"{job_id}{DATASET_EXTENSION}"
        if not await self._datasets.claim(name, call.address, is_private=call.private):
            raise HTTPException(403, f"the dataset of job {job_id} is another account's")
        try:
            url = await self._objects.put_url(name, call.size_bytes)
        except TooLarge as error:
            raise HTTPException(413, str(error)) from None
        except SizeUnknown:
            raise HTTPException(400, "size: this storage asks for the dataset's size in bytes") from None
        return JSONResponse({"url": self._absolute(request, url), "dataset": name})

    async def _own_result_url(self, request: Request) -> Response:
        """Presign a GET of a verified result, for the requester who paid for it."""
        call = await self._signed_call(request, SignedCall)
        job = await self._job(call.job_id)
        if job.owner.lower() != call.address.lower() or job.status is not JobStatus.VERIFIED:
            raise HTTPException(403, "a result is for the requester of a verified job")
        url, size = await self._result(request, job.result)
        return JSONResponse({"url": url, "size": size})

    async def _result_url(self, request: Request) -> Response:
        """Presign a GET of a job's result, or of a state of its training, for the verifier."""
        call = await self._signed_call(request, ResultCall)
        if call.address.lower() not in self._verifiers:
            raise HTTPException(403, "only the verifier reads results")
        job = await self._job(call.job_id)
        name: str | None = job.result
        if call.state is not None:
            name = await self._uploads.newest(job.job_id, job.node, state_extension(call.state))
        elif not await self._is_own_result(job):
            raise HTTPException(404, "the job's result is none of its own uploads, complete when submitted")
        is_there = name and await self._objects.size_bytes(RESULTS, name) is not None
        if name and not is_there and await self._uploads.is_complete(name):
            raise _lost(name)
        url, _size = await self._result(request, name or "")
        return JSONResponse({"url": url})

    async def _is_own_result(self, job: ChainJob) -> bool:
        """Whether a result is of the job's own upload and, where states are taken, was complete in time.

        Whoever names what another job was delivered on the same text has not even the key. And another job's
        upload, or a state's, may be completed after the draw.
        """
        if not re.fullmatch(rf"{job.job_id}-[0-9a-f]{{8}}{re.escape(RESULT_EXTENSION)}", job.result):
            return False
        return not self._options.takes_states or await self._uploads.is_settled(job.result)

    async def _result(self, request: Request, name: str) -> tuple[str, int]:
        size = await self._objects.size_bytes(RESULTS, name)
        if size is None:
            raise HTTPException(404, "the job's result is not in storage")
        return self._absolute(request, await self._objects.get_url(RESULTS, name)), size

    # ---- checks

    async def _signed_call(self, request: Request, kind: type[_Signed]) -> _Signed:
        call = await read_body(request, kind)
        check_signed(call, self._now_unix_s())
        is_verifier = call.address.lower() in self._verifiers  # which ask for every job
        if not is_verifier and (wait_s := self._wait_of_account(call.address.lower())):
            seconds = max(1, math.ceil(wait_s))
            raise HTTPException(
                429, f"too many calls of this account: again in {seconds} s", {"retry-after": str(seconds)}
            )
        return call

    def _may_read(self, job: ChainJob, dataset: Dataset | None, call: SignedCall) -> bool:
        """Whether a dataset is for this account: one that names another's private dataset gets nothing.

        A dataset whose record was lost (None) counts as private, and as the job's by whose id it is named.
        """
        if dataset is not None and not dataset.is_private:
            return True
        owner = job.owner.lower()
        is_its_own = dataset.owner == owner if dataset else job.dataset == f"{job.job_id}{DATASET_EXTENSION}"
        return is_its_own and call.address.lower() in {owner, job.node.lower(), *self._verifiers}

    async def _job(self, job_id: str) -> ChainJob:
        job = await self._find_job(job_id_of(job_id))
        if job is None:
            raise HTTPException(404, f"job {job_id} is not on the chain")
        return job

    async def _check_in_time(self, upload: Upload) -> None:
        """Refuse a result after its submission, where a block draws what of it is trained again.

        Its node could still choose what it commits to, so that the block draws what it can show.
        """
        if not self._options.takes_states or not upload.file_name.endswith(RESULT_EXTENSION):
            return
        job = await self._job(upload.job_id)
        if job.status is not JobStatus.PROCESSING or job.node.lower() != upload.address:
            raise HTTPException(403, f"job {job.job_id} is not processing with {upload.address}")

    def _check_part_sizes(self, parts: Sequence[StoredPart]) -> None:
        if any(part.size_bytes != self._options.part_bytes for part in parts[:-1]):
            raise HTTPException(400, f"every part but the last has {self._options.part_bytes:,} bytes")
        if parts[-1].size_bytes > self._options.part_bytes:
            raise HTTPException(400, f"no part has more than {self._options.part_bytes:,} bytes")

    def _absolute(self, request: Request, url: str) -> str:
        base_url = self._options.public_url or str(request.base_url)
        return base_url.rstrip("/") + url if url.startswith("/") else url


def _lost(name: str) -> HTTPException:
    """Return the answer on what was stored and is gone: no node is to blame for that."""
    _logger.error("%s was stored and is gone: restore it from a copy", name)
    return HTTPException(503, "the storage has lost what it had stored")


def _chosen(
    arrived: Sequence[Sequence[StoredPart]], announced: Sequence[CompletedPart]
) -> Sequence[StoredPart]:
    """Return the parts that were announced, if they are all there, in order."""
    numbers = [part.number for part in announced]
    chosen = [
        next((part for part in parts if part.etag == one.etag.strip('"').lower()), None)
        for parts, one in zip(arrived, announced, strict=False)
    ]
    whole = [part for part in chosen if part is not None]
    if numbers != list(range(1, len(arrived) + 1)) or len(whole) < len(arrived):
        raise HTTPException(400, "the parts are not those that arrived")
    return whole
