"""The storage API: paths, the signed call's digest, part sizes, answers (protocol.md §5)."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from emeth_tui.protocol.parameters import is_plain_name

PART_BYTES = 10_000_000  # protocol.md §5
SIGNATURE_LIFETIME_S = 60  # the server rejects older ones (protocol.md §5)
RESULT_EXTENSION = ".pt"  # protocol.md §5
DATASET_EXTENSION = ".txt"  # of what a requester stores: ours (protocol.md §5a)

SIGNED_GET_URL_PATH = "/api/v1/node/signed-get-url"
PUT_SIGNED_URLS_PATH = "/api/v1/node/multipartUpload/getPutSignedUrls"
COMPLETE_UPLOAD_PATH = "/api/v1/node/multipartUpload/completeUpload"
SIZE_OF_PATH = "/api/v1/sizeOf"

# What the protocol leaves open, as this project's storage serves it (protocol.md §5a).
REQUESTER_PUT_URL_PATH = "/api/v1/requester/signed-put-url"
REQUESTER_GET_URL_PATH = "/api/v1/requester/signed-get-url"
VERIFIER_GET_URL_PATH = "/api/v1/verifier/signed-get-url"


def signing_payload(job_id: str, signed_time_ms: int) -> bytes:
    """Return what the signature covers: `abi.encodePacked(string jobId, uint256 signedtime)`.

    The signature is over the bare keccak256 of this, without the EIP-191 prefix.
    """
    return job_id.encode("utf-8") + signed_time_ms.to_bytes(32, "big")


def dataset_key(dataset: str) -> str:
    """Return a dataset's name as `sizeOf` expects it."""
    return f"dataset/{dataset}"


def part_count(size_bytes: int) -> int:
    """Return the number of parts of an upload; an empty file is one empty part."""
    return max(1, math.ceil(size_bytes / PART_BYTES))


def _plain_name(name: str) -> str:
    if not is_plain_name(name):
        raise ValueError("the file's name is not a plain one")
    return name


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SignedGetUrl(_Answer):
    """The answer of `signed-get-url`: a presigned GET of the dataset."""

    url: str = Field(min_length=1, max_length=8_192)


class PutSignedUrls(_Answer):
    """The answer of `getPutSignedUrls`: one presigned PUT per part, keyed "0", "1", …"""

    urls: dict[str, str]
    upload_id: str = Field(alias="uploadId", min_length=1, max_length=4_096)
    file_name: Annotated[str, AfterValidator(_plain_name)] = Field(alias="fileName", max_length=1_024)


class DatasetPutUrl(_Answer):
    """The answer of the requester's `signed-put-url`: a presigned PUT of the dataset, and its name."""

    url: str = Field(min_length=1, max_length=8_192)
    dataset: Annotated[str, AfterValidator(_plain_name)] = Field(max_length=255)


class ResultGetUrl(_Answer):
    """The answer of the requester's `signed-get-url`: a presigned GET of the result, and its size."""

    url: str = Field(min_length=1, max_length=8_192)
    size_bytes: int = Field(alias="size", ge=0)


class SizeOf(_Answer):
    """The answer of `sizeOf`: a stored object's size in bytes."""

    result: int = Field(ge=0, le=2**53)
