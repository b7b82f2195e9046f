"""What the storage API needs of the place where objects lie.

An object is `dataset/NAME` or `result/NAME`. A dataset may be stored again and again until it is settled;
from then on its bytes stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from emeth_tui.network.records.uploads import Upload

DATASETS = "dataset"  # the prefix that `sizeOf` takes (protocol.md §5)
RESULTS = "result"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


class TooLarge(Exception):
    """A body is longer than the storage accepts."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    etag: str  # lower-case hex, without quotes
    size_bytes: int


class Kind(str, Enum):
    """What lies in a store. An INCOMING dataset is not settled."""

    INCOMING = "incoming"
    DATASET = DATASETS
    RESULT = RESULTS
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Stored:
    """Something in a store. `name` is a dataset's or a result's; `handle` is what the store calls it."""

    kind: Kind
    name: str
    handle: str


class ObjectStore(Protocol):
    """All methods raise ServiceError when the store does not answer.

    A URL that begins with `/` is the storage API's own, on its own address.
    """

    async def size_bytes(self, kind: str, name: str) -> int | None:
        """Return an object's size, settled or not; None when there is none."""
        ...

    async def settle(self, name: str) -> int | None:
        """Let a dataset be what it is now, for good; return its size. None when there is none."""
        ...

    async def put_url(self, name: str, size_bytes: int | None) -> str:
        """Presign a PUT of a dataset that has so many bytes. Raise TooLarge, and SizeUnknown without any."""
        ...

    async def get_url(self, kind: str, name: str) -> str:
        """Presign a GET of an object that is there, a dataset that is settled."""
        ...

    async def begin(self, upload: Upload) -> str:
        """Begin a multipart upload; return the store's handle for it."""
        ...

    async def part_urls(self, upload: Upload) -> Sequence[str]:
        """Presign a PUT for each part, in order."""
        ...

    async def parts(self, upload: Upload) -> Sequence[Sequence[StoredPart]]:
        """Return what arrived of each part of an upload under way, in order.

        A store may keep all that was ever sent as one part: which of them counts, the completion says.
        """
        ...

    async def complete(self, upload: Upload, parts: Sequence[StoredPart]) -> None:
        """Join an upload's parts into its object; doing so twice changes nothing."""
        ...

    def everything(self) -> AsyncIterator[Stored]:
        """Return all that lies in the store, unfinished uploads too."""
        ...

    async def delete(self, stored: Stored) -> None:
        """Delete something that is there; an upload with its parts."""
        ...


class SizeUnknown(Exception):
    """A store presigns for a known size alone."""


def is_name(name: str) -> bool:
    """Whether an object can have this name."""
    return _NAME.fullmatch(name) is not None
