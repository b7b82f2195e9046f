"""Objects in a bucket of any object store that speaks S3, by path-style addresses.

Nodes and requesters exchange bytes with the store itself, by presigned URLs. So a dataset arrives as
`incoming/NAME`, where its requester may replace it, and is settled as a copy that no URL can write to. Which
copy that is, the records say: of two services that settle a dataset at once, one is first.
"""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
import botocore.session
from anyio import CapacityLimiter, to_thread
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from emeth_tui.errors import ServiceError
from emeth_tui.foreign_text import clean, one_line
from emeth_tui.network.objects.store import (
    DATASETS,
    RESULTS,
    Kind,
    SizeUnknown,
    Stored,
    StoredPart,
    TooLarge,
    is_name,
)
from emeth_tui.network.records.datasets import Datasets
from emeth_tui.network.records.uploads import Upload
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.local.serving import (
    BucketMissing,
    BucketOfOtherNetwork,
    BucketRefused,
    ObjectStoreFailed,
    StoreClockDiffers,
    StoreKeysExpired,
    StoreKeysWrong,
)

CONNECT_LIMIT_S = 5
ANSWER_LIMIT_S = 60
ATTEMPTS = 3
CALLS_AT_ONCE = 16
_GONE = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NotFound"})
_NO_BUCKET = frozenset({"404", "NoSuchBucket"})
_REFUSED = frozenset({"403", "AccessDenied", "AllAccessDisabled", "AccountProblem"})
_WRONG_KEYS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
OWNER_KEY = "network"  # names the network that a bucket is of; no prefix that is swept begins so
MOST_OWNER_BYTES = 200
# The keys are given: no profile and no file of the machine's user has a say, nor can one be amiss.
_NOTHING_OF_THE_MACHINE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
_SEPARATOR = "\n"  # between a multipart upload's key and its id: neither holds one

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket, and who may use it. Presigned URLs begin with `public_endpoint`."""

    endpoint: str
    public_endpoint: str
    bucket: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    def __str__(self) -> str:
        return f"s3://{self.bucket} ({urlsplit(self.endpoint).netloc})"


class S3Store:
    """Keys: `incoming/NAME`, `dataset/NAME.TOKEN`, `result/NAME`, and `network` (see `check`)."""

    def __init__(
        self,
        place: S3Place,
        datasets: Datasets,
        *,
        url_lifetime_s: float,
        part_bytes: int,
        max_dataset_bytes: int,
    ) -> None:
        self._place = place
        self._datasets = datasets
        self._url_lifetime_s = int(url_lifetime_s)
        self._part_bytes = part_bytes
        self._max_dataset_bytes = max_dataset_bytes
        self._client = _client(place, place.endpoint)
        self._presigner = _client(place, place.public_endpoint)
        self._limiter: CapacityLimiter | None = None
        self._network: str | None = None  # whose bucket this is, once that is checked

    async def check(self, network: str) -> None:
        """Raise ServiceError unless the bucket is there, ours to use, and this network's alone.

        What belongs to no job is swept: two networks in one bucket would delete each other's. So the first
        that uses it leaves its name there.
        """
        await self._ask("list_objects_v2", MaxKeys=1)  # a HEAD would be refused without a word of why
        owner = await self._owner()
        if owner is None:
            await self._ask("put_object", Key=OWNER_KEY, Body=network.encode(), ContentType="text/plain")
            owner = await self._owner()  # of two that come at once, the last one owns it
        self._network = network
        self._refuse_another(owner)

    def _refuse_another(self, owner: str | None) -> None:
        if owner != self._network:
            raise ServiceError(BucketOfOtherNetwork(str(self._place), clean(owner or "-")))

    async def _owner(self) -> str | None:
        """Return the network that the bucket is of, None for a new one."""
        return await self._work(self._read_owner, may_be_gone=True)

    def _read_owner(self) -> str:
        answer = self._client.get_object(Bucket=self._place.bucket, Key=OWNER_KEY)
        with answer["Body"] as body:
            return str(body.read(MOST_OWNER_BYTES).decode("utf-8", "replace")).strip()

    async def size_bytes(self, kind: str, name: str) -> int | None:
        if not is_name(name):
            return None
        if kind == DATASETS:
            dataset = await self._datasets.find(name)
            if dataset is not None and dataset.object_key is not None:
                return dataset.size_bytes
            return None if dataset is None else await self._size(_incoming(name))
        return await self._size(_result(name)) if kind == RESULTS else None

    async def settle(self, name: str) -> int | None:
        dataset = await self._datasets.find(name) if is_name(name) else None
        if dataset is None or dataset.object_key is not None:
            return dataset.size_bytes if dataset else None
        source, key = _incoming(name), f"{DATASETS}/{name}.{secrets.token_hex(8)}"
        size_bytes = await self._size(source)
        if size_bytes is None or size_bytes > self._max_dataset_bytes:
            return None
        copied = await self._ask(
            "copy_object", may_be_gone=True, Key=key, CopySource={"Bucket": self._place.bucket, "Key": source}
        )
        size_bytes = await self._size(key) if copied is not None else None
        if size_bytes is None:
            return None
        settled = await self._datasets.settle(name, key, size_bytes)
        if settled is None or settled[0] != key:  # another service was first
            await self._ask("delete_object", Key=key)
        return settled[1] if settled else None

    async def put_url(self, name: str, size_bytes: int | None) -> str:
        if size_bytes is None:
            raise SizeUnknown
        if size_bytes > self._max_dataset_bytes:
            raise TooLarge(f"more than {self._max_dataset_bytes:,} bytes")
        return self._url("put_object", Key=_incoming(name), ContentLength=size_bytes)

    async def get_url(self, kind: str, name: str) -> str:
        key = _result(name)
        if kind == DATASETS:
            dataset = await self._datasets.find(name)
            key = dataset.object_key if dataset and dataset.object_key else _incoming(name)
        return self._url("get_object", Key=key)

    # ---- multipart uploads

    async def begin(self, upload: Upload) -> str:
        key = _result(upload.file_name)
        answer = await self._ask("create_multipart_upload", Key=key)
        return _SEPARATOR.join([key, answer["UploadId"]])

    async def part_urls(self, upload: Upload) -> Sequence[str]:
        return await to_thread.run_sync(self._part_urls, upload)

    async def parts(self, upload: Upload) -> Sequence[Sequence[StoredPart]]:
        found = await self._work(lambda: self._listed_parts(_ids(upload.handle)), may_be_gone=True)
        return [(found or {}).get(number, []) for number in range(1, upload.parts + 1)]

    async def complete(self, upload: Upload, parts: Sequence[StoredPart]) -> None:
        joined = [
            {"ETag": f'"{part.etag}"', "PartNumber": number} for number, part in enumerate(parts, start=1)
        ]
        await self._ask(
            "complete_multipart_upload",
            may_be_gone=True,  # it was complete already: whoever asks looks for the object
            **_ids(upload.handle),
            MultipartUpload={"Parts": joined},
        )

    # ---- what lies about

    async def everything(self) -> AsyncIterator[Stored]:
        if self._network is not None:  # what is listed may be deleted
            self._refuse_another(await self._owner())
        for stored in await self._work(lambda: list(self._everything())) or ():
            yield stored

    async def delete(self, stored: Stored) -> None:
        if stored.kind is Kind.UPLOAD:
            await self._ask("abort_multipart_upload", may_be_gone=True, **_ids(stored.handle))
        else:
            await self._ask("delete_object", may_be_gone=True, Key=stored.handle)

    def _everything(self) -> Iterator[Stored]:
        bucket = self._place.bucket
        for kind in (Kind.INCOMING, Kind.DATASET, Kind.RESULT):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=f"{kind.value}/"
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    name = entry["Key"].partition("/")[2]
                    is_copy = kind is Kind.DATASET
                    yield Stored(kind, name.rpartition(".")[0] if is_copy else name, entry["Key"])
        for page in self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for entry in page.get("Uploads", ()):
                handle = _SEPARATOR.join([entry["Key"], entry["UploadId"]])
                yield Stored(Kind.UPLOAD, entry["UploadId"], handle)

    # ---- calls

    def _why(self, code: str) -> Reason:
        """Say what a store's code means, and what helps."""
        where = str(self._place)
        if code in _NO_BUCKET:
            return BucketMissing(where)
        if code in _REFUSED:
            return BucketRefused(where, code)
        if code in _WRONG_KEYS:
            return StoreKeysWrong(where, code)
        if code in _EXPIRED:
            return StoreKeysExpired(where, code)
        return StoreClockDiffers(where) if code in _CLOCK else ObjectStoreFailed(where, one_line(code))

    def _part_urls(self, upload: Upload) -> Sequence[str]:
        """Presign the parts. All but the last have one size, which their signatures cover."""
        ids = _ids(upload.handle)
        sizes = [{"ContentLength": self._part_bytes}] * (upload.parts - 1) + [{}]
        return [
            self._url("upload_part", PartNumber=number, **ids, **size)
            for number, size in enumerate(sizes, start=1)
        ]

    def _listed_parts(self, ids: Mapping[str, str]) -> Mapping[int, list[StoredPart]]:
        pages = self._client.get_paginator("list_parts").paginate(Bucket=self._place.bucket, **ids)
        found: dict[int, list[StoredPart]] = defaultdict(list)  # SeaweedFS lists what was sent again twice
        for page in pages:
            for entry in page.get("Parts", ()):
                part = StoredPart(entry["ETag"].strip('"').lower(), entry["Size"])
                found[entry["PartNumber"]].append(part)
        return found

    async def _size(self, key: str) -> int | None:
        answer = await self._ask("head_object", may_be_gone=True, Key=key)
        return None if answer is None else int(answer["ContentLength"])

    def _url(self, call: str, **parameters: Any) -> str:
        parameters["Bucket"] = self._place.bucket
        url: str = self._presigner.generate_presigned_url(
            call, Params=parameters, ExpiresIn=self._url_lifetime_s
        )
        return url

    async def _ask(self, call: str, *, may_be_gone: bool = False, **parameters: Any) -> Any:
        """Make a call. Return None where what it names is gone and may be. Raise ServiceError."""
        method = getattr(self._client, call)
        return await self._work(lambda: method(Bucket=self._place.bucket, **parameters), may_be_gone)

    async def _work(self, work: Callable[[], _Result], may_be_gone: bool = False) -> _Result | None:
        if self._limiter is None:
            self._limiter = CapacityLimiter(CALLS_AT_ONCE)
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if may_be_gone and code in _GONE:
                return None
            raise ServiceError(self._why(code or type(error).__name__)) from error
        except BotoCoreError as error:
            raise ServiceError(ObjectStoreFailed(str(self._place), one_line(type(error).__name__))) from error


def _client(place: S3Place, endpoint: str) -> Any:
    own = botocore.session.Session(session_vars=_NOTHING_OF_THE_MACHINE)
    return boto3.session.Session(botocore_session=own).client(
        "s3",
        endpoint_url=endpoint,
        region_name=place.region,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            # Stores other than Amazon's know no checksums of botocore's choice.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=CONNECT_LIMIT_S,
            read_timeout=ANSWER_LIMIT_S,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=CALLS_AT_ONCE,
            proxies={},
        ),
    )


def _ids(handle: str) -> dict[str, str]:
    key, _, upload_id = handle.partition(_SEPARATOR)
    return {"Key": key, "UploadId": upload_id}


def _incoming(name: str) -> str:
    return f"{Kind.INCOMING.value}/{name}"


def _result(name: str) -> str:
    return f"{RESULTS}/{name}"
