"""Signed calls as services read them: bodies of bounded length, fresh times, signatures (protocol.md §5)."""

from __future__ import annotations

import logging
from typing import TypeVar

from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError as KeyValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from emeth_tui.errors import JobError, NetworkError, ServiceError
from emeth_tui.model import JobId
from emeth_tui.protocol.job_ids import parse_job_id
from emeth_tui.protocol.storage_api import SIGNATURE_LIFETIME_S, signing_payload

MAX_CALL_BYTES = 256_000  # ours: completeUpload with MAX_PARTS parts needs 80 kB

_logger = logging.getLogger(__name__)
_Call = TypeVar("_Call", bound=BaseModel)


class Body(BaseModel):
    """The JSON body of a call."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SignedCall(Body):
    """The fields of every signed call; `signedtime` is in milliseconds."""

    job_id: str = Field(alias="jobId", max_length=100)
    address: str = Field(max_length=100)
    sig: str = Field(max_length=200)
    signed_time_ms: int = Field(alias="signedtime", ge=0, lt=2**63)


async def read_body(request: Request, kind: type[_Call]) -> _Call:
    """Read a call. Raise HTTPException for one that is too long or wrong."""
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


def check_signed(call: SignedCall, now_unix_s: float, text: str | None = None) -> None:
    """Check a call's time and signature, which covers `text`, or else the job's id. Raise HTTPException."""
    age_s = now_unix_s - call.signed_time_ms / 1_000
    if abs(age_s) > SIGNATURE_LIFETIME_S:
        raise HTTPException(401, "the signature is older than 60 s, or from the future: check the clock")
    if signer_of(call, text) != call.address.lower():
        raise HTTPException(401, "the signature is not the address's over this job and time")


def signer_of(call: SignedCall, text: str | None = None) -> str | None:
    """Return the address that signed a call, in lower case; None if the signature is invalid."""
    digest = keccak(signing_payload(call.job_id if text is None else text, call.signed_time_ms))
    try:
        raw = bytes.fromhex(call.sig.removeprefix("0x"))
        if len(raw) != 65:
            return None
        recovery = raw[64] - 27 if raw[64] >= 27 else raw[64]
        signature = Signature(raw[:64] + bytes([recovery]))
        return signature.recover_public_key_from_msg_hash(digest).to_address()
    except (ValueError, BadSignature, KeyValidationError):
        return None


def job_id_of(text: str) -> JobId:
    """Return a job's id as it was written. Raise HTTPException."""
    try:
        return parse_job_id(text)
    except JobError as error:
        raise HTTPException(400, str(error)) from None


async def refusal(_request: Request, error: Exception) -> Response:
    """Answer a call that was refused."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def unavailable(_request: Request, error: Exception) -> Response:
    """Answer that what the service rests on is unavailable, or its disk full; the client may retry."""
    _logger.warning("%s", error)
    what = "chain" if isinstance(error, NetworkError) else "storage"
    return JSONResponse({"error": f"the {what} does not answer"}, status_code=503)


HANDLERS = {
    HTTPException: refusal,
    NetworkError: unavailable,
    ServiceError: unavailable,
    OSError: unavailable,
}
