"""The storage API as a service: signed calls, presigned URLs, multipart uploads (protocol.md §5).

Three calls are this project's own, for the parties whose access the protocol leaves open (protocol.md §5a): a
requester asks for a URL to PUT a dataset and for one to GET the result, and the verifier for one to GET a
result. All are signed like a node's calls.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError as KeyValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from emeth_tui.errors import JobError, NetworkError
from emeth_tui.model import JobId
from emeth_tui.network.services.objects import DATASETS, RESULTS, ObjectStore, StoredPart, TooLarge, Upload
from emeth_tui.network.services.presign import Presigner
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.job_ids import parse_job_id
from emeth_tui.protocol.parameters import MAX_EPOCHS
from emeth_tui.protocol.replay import STATE_EXTENSION_PATTERN, state_extension
from emeth_tui.protocol.storage_api import (
    COMPLETE_UPLOAD_PATH,
    PART_BYTES,
    PUT_SIGNED_URLS_PATH,
    REQUESTER_GET_URL_PATH,
    REQUESTER_PUT_URL_PATH,
    RESULT_EXTENSION,
    SIGNATURE_LIFETIME_S,
    SIGNED_GET_URL_PATH,
    SIZE_OF_PATH,
    VERIFIER_GET_URL_PATH,
    signing_payload,
)

MAX_PARTS = 1_000  # ours: 10 GB, seven times GPT-2 medium's checkpoint
MAX_CALL_BYTES = 256_000  # ours: completeUpload with MAX_PARTS parts needs 80 kB
MAX_DATASET_BYTES = 200_000_000  # ours
_DATASET_EXTENSION = ".txt"
_STATE_EXTENSION = re.compile(STATE_EXTENSION_PATTERN + r"\Z")

_logger = logging.getLogger(__name__)

FindJob = Callable[[JobId], Awaitable[ChainJob | None]]
_Call = TypeVar("_Call", bound=BaseModel)
_Signed = TypeVar("_Signed", bound="SignedCall")


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SignedCall(_Body):
    """The fields of every signed call; `signedtime` is in milliseconds."""

    job_id: str = Field(alias="jobId", max_length=100)
    address: str = Field(max_length=100)
    sig: str = Field(max_length=200)
    signed_time_ms: int = Field(alias="signedtime", ge=0, lt=2**63)


class PutDatasetCall(SignedCall):
    """`private` keeps the dataset for the job's requester, its node and the verifier."""

    private: bool = False


class ResultCall(SignedCall):
    """`state` asks for the state after so many epochs instead of the result (protocol.md §9b)."""

    state: int | None = Field(None, ge=1, le=MAX_EPOCHS)


class PutUrlsCall(SignedCall):
    parts: int = Field(alias="partNum", ge=1, le=MAX_PARTS)
    extension: str = Field(max_length=20)


class CompletedPart(_Body):
    etag: str = Field(alias="ETag", max_length=100)
    number: int = Field(alias="PartNumber", ge=1, le=MAX_PARTS)


class CompleteCall(_Body):
    """Not signed (protocol.md §5): only the node that announced the upload knows its id."""

    job_id: str = Field(alias="jobId", max_length=100)
    address: str = Field(max_length=100)
    upload_id: str = Field(alias="uploadId", max_length=100)
    extension: str = Field(max_length=20)
    parts: list[CompletedPart] = Field(max_length=MAX_PARTS)


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """The storage's behaviour."""

    url_lifetime_s: float = 900.0
    part_bytes: int = PART_BYTES
    max_dataset_bytes: int = MAX_DATASET_BYTES
    takes_states: bool = False  # of trainings, for the network's verification (protocol.md §9b)
    public_url: str = ""  # what presigned URLs begin with; "" takes it from the request


class StorageApp:
    """The storage API's routes over an ObjectStore; `find_job` reads a job from the chain.

    `wait_of_account` returns how long an account has to wait before its next signed call.
    """

    def __init__(
        self,
        objects: ObjectStore,
        find_job: FindJob,
        *,
        secret: bytes,
        verifier_address: str,
        options: StorageOptions | None = None,
        now_unix_s: Callable[[], float] = time.time,
        wait_of_account: Callable[[str], float] = lambda _account: 0.0,
    ) -> None:
        self._objects = objects
        self._wait_of_account = wait_of_account
        self._find_job = find_job
        self._verifier_address = verifier_address.lower()
        self._options = options or StorageOptions()
        self._now_unix_s = now_unix_s
        self._presigner = Presigner(secret, lifetime_s=self._options.url_lifetime_s, now_unix_s=now_unix_s)

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
            Route("/objects/{kind}/{name}", self._get_object, methods=["GET"]),
            Route("/objects/{kind}/{name}", self._put_dataset, methods=["PUT"]),
            Route("/uploads/{upload_id}/{number:int}", self._put_part, methods=["PUT"]),
        ]
        return Starlette(
            routes=routes, exception_handlers={HTTPException: _refusal, NetworkError: _unavailable}
        )

    # ---- a node's calls

    async def _dataset_url(self, request: Request) -> Response:
        """Presign a GET of a job's dataset: for any signer, unless it is private."""
        call = await self._signed_call(request, SignedCall)
        job = await self._job(call.job_id)
        if self._objects.is_private(job.dataset) and not self._may_read(job, call.address.lower()):
            raise HTTPException(403, "this dataset is for the job's own parties")
        return JSONResponse({"url": self._get_url(request, DATASETS, job.dataset)})

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
        upload = self._objects.begin_upload(job.job_id, call.address, call.parts, call.extension)
        urls = {
            str(number - 1): self._url(request, "PUT", f"/uploads/{upload.upload_id}/{number}")
            for number in range(1, upload.parts + 1)
        }
        return JSONResponse({"urls": urls, "uploadId": upload.upload_id, "fileName": upload.file_name})

    async def _complete_upload(self, request: Request) -> Response:
        """Join the parts once they have all arrived as the node states."""
        call = await _body(request, CompleteCall)
        upload = self._upload(call.upload_id)
        if (upload.job_id, upload.address) != (call.job_id.lower(), call.address.lower()):
            raise HTTPException(403, "the upload is another job's or another node's")
        stored = self._objects.stored_parts(upload)
        announced = [(part.number, part.etag.strip('"').lower()) for part in call.parts]
        arrived = [(number, part.etag if part else "") for number, part in enumerate(stored, start=1)]
        if announced != arrived:
            raise HTTPException(400, "the parts are not those that arrived")
        self._check_part_sizes([part for part in stored if part])
        if not self._objects.is_complete(upload):
            await self._objects.complete(upload)
        if _STATE_EXTENSION.search(upload.file_name):
            self._objects.note_state(upload)
        return JSONResponse({"fileName": upload.file_name})

    async def _size_of(self, request: Request) -> Response:
        kind, _, name = request.query_params.get("key", "").partition("/")
        size = self._objects.size_bytes(kind, name) if kind == DATASETS else None
        if size is None:
            raise HTTPException(404, "there is no such dataset")
        return JSONResponse({"result": size})

    # ---- the requester's and the verifier's calls

    async def _dataset_put_url(self, request: Request) -> Response:
        """Presign a PUT of the dataset, named after its job, which must not be on the chain yet."""
        call = await self._signed_call(request, PutDatasetCall)
        job_id = _job_id(call.job_id)
        if await self._find_job(job_id) is not None:
            raise HTTPException(403, f"job {job_id} is on the chain: its dataset stays as it is")
        name = f"{job_id}{_DATASET_EXTENSION}"
        if not self._objects.claim(name, call.address):
            raise HTTPException(403, f"the dataset of job {job_id} is another account's")
        self._objects.set_private(name, call.private)
        url = self._url(request, "PUT", f"/objects/{DATASETS}/{name}")
        return JSONResponse({"url": url, "dataset": name})

    async def _own_result_url(self, request: Request) -> Response:
        """Presign a GET of a verified result, for the requester who paid for it."""
        call = await self._signed_call(request, SignedCall)
        job = await self._job(call.job_id)
        if job.owner.lower() != call.address.lower() or job.status is not JobStatus.VERIFIED:
            raise HTTPException(403, "a result is for the requester of a verified job")
        url = self._get_url(request, RESULTS, job.result)
        return JSONResponse({"url": url, "size": self._objects.size_bytes(RESULTS, job.result)})

    async def _result_url(self, request: Request) -> Response:
        """Presign a GET of a job's result, or of a state of its training, for the verifier."""
        call = await self._signed_call(request, ResultCall)
        if call.address.lower() != self._verifier_address:
            raise HTTPException(403, "only the verifier reads results")
        job = await self._job(call.job_id)
        name: str | None = job.result
        if call.state is not None:
            name = self._objects.state_of(job.job_id, state_extension(call.state))
        return JSONResponse({"url": self._get_url(request, RESULTS, name or "")})

    # ---- presigned requests

    async def _get_object(self, request: Request) -> Response:
        self._check_presigned(request)
        path = self._objects.path_of(request.path_params["kind"], request.path_params["name"])
        if path is None or not path.is_file():
            raise HTTPException(404, "there is no such object")
        return FileResponse(path, media_type="application/octet-stream")

    async def _put_dataset(self, request: Request) -> Response:
        self._check_presigned(request)
        path = self._objects.path_of(DATASETS, request.path_params["name"])
        if path is None or request.path_params["kind"] != DATASETS:
            raise HTTPException(404, "only datasets are uploaded whole")
        job_id = _job_id(path.name.removesuffix(_DATASET_EXTENSION))
        if await self._find_job(job_id) is not None:
            raise HTTPException(409, f"job {job_id} is on the chain: its dataset stays as it is")
        limit_bytes = self._options.max_dataset_bytes
        return _stored(await _received(self._objects.write(path, request.stream(), limit_bytes)))

    async def _put_part(self, request: Request) -> Response:
        self._check_presigned(request)
        upload, number = self._upload(request.path_params["upload_id"]), request.path_params["number"]
        if not 1 <= number <= upload.parts:
            raise HTTPException(404, "there is no such part")
        if self._objects.is_complete(upload):
            raise HTTPException(409, "the upload is complete")
        limit_bytes = self._options.part_bytes
        return _stored(
            await _received(self._objects.write_part(upload, number, request.stream(), limit_bytes))
        )

    # ---- checks

    async def _signed_call(self, request: Request, kind: type[_Signed]) -> _Signed:
        call = await _body(request, kind)
        age_s = self._now_unix_s() - call.signed_time_ms / 1_000
        if abs(age_s) > SIGNATURE_LIFETIME_S:
            raise HTTPException(401, "the signature is older than 60 s, or from the future: check the clock")
        if signer_of(call) != call.address.lower():
            raise HTTPException(401, "the signature is not the address's over this job and time")
        if wait_s := self._wait_of_account(call.address.lower()):
            seconds = max(1, math.ceil(wait_s))
            raise HTTPException(
                429, f"too many calls of this account: again in {seconds} s", {"retry-after": str(seconds)}
            )
        return call

    def _may_read(self, job: ChainJob, address: str) -> bool:
        """Whether a private dataset is for this account: one that names another's dataset gets nothing."""
        owner = job.owner.lower()
        is_its_own = self._objects.owner_of(job.dataset) in {None, owner}
        return is_its_own and address in {owner, job.node.lower(), self._verifier_address}

    async def _job(self, job_id: str) -> ChainJob:
        job = await self._find_job(_job_id(job_id))
        if job is None:
            raise HTTPException(404, f"job {job_id} is not on the chain")
        return job

    def _upload(self, upload_id: str) -> Upload:
        upload = self._objects.find_upload(upload_id)
        if upload is None:
            raise HTTPException(404, "there is no such upload")
        return upload

    def _check_part_sizes(self, parts: list[StoredPart]) -> None:
        if any(part.size_bytes != self._options.part_bytes for part in parts[:-1]):
            raise HTTPException(400, f"every part but the last has {self._options.part_bytes:,} bytes")

    def _check_presigned(self, request: Request) -> None:
        expires, signature = (request.query_params.get(key, "") for key in ("expires", "signature"))
        problem = self._presigner.problem_with(request.method, request.url.path, expires, signature)
        if problem:
            raise HTTPException(403, problem)

    def _get_url(self, request: Request, kind: str, name: str) -> str:
        if self._objects.size_bytes(kind, name) is None:
            raise HTTPException(404, f"the job's {kind} is not in storage")
        return self._url(request, "GET", f"/objects/{kind}/{name}")

    def _url(self, request: Request, method: str, path: str) -> str:
        base_url = self._options.public_url or str(request.base_url)
        return base_url.rstrip("/") + self._presigner.sign(method, path)


def signer_of(call: SignedCall) -> str:
    """Return the address that signed a call, in lower case; "" if the signature is invalid."""
    digest = keccak(signing_payload(call.job_id, call.signed_time_ms))
    try:
        raw = bytes.fromhex(call.sig.removeprefix("0x"))
        if len(raw) != 65:
            return ""
        recovery = raw[64] - 27 if raw[64] >= 27 else raw[64]
        signature = Signature(raw[:64] + bytes([recovery]))
        return signature.recover_public_key_from_msg_hash(digest).to_address()
    except (ValueError, BadSignature, KeyValidationError):
        return ""


async def _body(request: Request, kind: type[_Call]) -> _Call:
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MAX_CALL_BYTES:
                raise HTTPException(413, f"a call has at most {MAX_CALL_BYTES:,} bytes")
    except ClientDisconnect:
        raise HTTPException(400, "the connection broke off") from None
    try:
        return kind.model_validate_json(bytes(raw))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise HTTPException(400, f"{where}: {problem['msg']}") from None


def _job_id(text: str) -> JobId:
    try:
        return parse_job_id(text)
    except JobError as error:
        raise HTTPException(400, str(error)) from None


async def _received(writing: Awaitable[StoredPart]) -> StoredPart:
    try:
        return await writing
    except TooLarge as error:
        raise HTTPException(413, str(error)) from None
    except ClientDisconnect:
        raise HTTPException(400, "the connection broke off") from None


def _stored(part: StoredPart) -> Response:
    return Response(headers={"ETag": f'"{part.etag}"'})


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def _unavailable(_request: Request, error: Exception) -> Response:
    """Answer that the chain is unavailable; the client may retry."""
    _logger.warning("storage: %s", error)
    return JSONResponse({"error": "the chain does not answer"}, status_code=503)
