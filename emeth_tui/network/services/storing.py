"""What the storage API stands on: objects, the records of them, and the limits of both."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.routing import Route

from emeth_tui.model import JobId
from emeth_tui.network.objects.directory import DirectoryStore
from emeth_tui.network.objects.directory_routes import DirectoryRoutes
from emeth_tui.network.objects.presign import Presigner
from emeth_tui.network.objects.store import ObjectStore
from emeth_tui.network.records.database import Database
from emeth_tui.network.records.datasets import Datasets
from emeth_tui.network.records.uploads import Uploads
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.protocol.storage_api import PART_BYTES

if TYPE_CHECKING:
    from emeth_tui.network.objects.s3 import S3Place

MAX_DATASET_BYTES = 200_000_000  # ours

FindJob = Callable[[JobId], Awaitable[ChainJob | None]]


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """The storage's behaviour."""

    url_lifetime_s: float = 900.0
    part_bytes: int = PART_BYTES
    max_dataset_bytes: int = MAX_DATASET_BYTES
    takes_states: bool = False  # of trainings, for the network's verification (protocol.md §9b)
    public_url: str = ""  # what URLs on the service itself begin with; "" takes it from the request


@dataclass(frozen=True, slots=True)
class Storing:
    """A place for objects with its records; `routes` answer the URLs that lead to the service itself."""

    objects: ObjectStore
    datasets: Datasets
    uploads: Uploads
    options: StorageOptions
    routes: Sequence[Route] = ()


def in_directory(
    root: Path,
    database: Database,
    find_job: FindJob,
    *,
    secret: bytes,
    options: StorageOptions,
    now_unix_s: Callable[[], float] = time.time,
) -> Storing:
    """Store in a directory; the secret signs its URLs. Raise ServiceError."""
    uploads, datasets = Uploads(database), Datasets(database)
    objects = DirectoryStore(
        root,
        Presigner(secret, lifetime_s=options.url_lifetime_s, now_unix_s=now_unix_s),
        datasets,
        part_bytes=options.part_bytes,
        max_dataset_bytes=options.max_dataset_bytes,
    )
    routes = DirectoryRoutes(objects, uploads, find_job).routes()
    return Storing(objects, datasets, uploads, options, routes)


def in_bucket(place: S3Place, database: Database, *, options: StorageOptions) -> Storing:
    """Store in a bucket of an object store. Needs the packages of the `serve-s3` extra."""
    from emeth_tui.network.objects.s3 import S3Store

    datasets = Datasets(database)
    objects = S3Store(
        place,
        datasets,
        url_lifetime_s=options.url_lifetime_s,
        part_bytes=options.part_bytes,
        max_dataset_bytes=options.max_dataset_bytes,
    )
    return Storing(objects, datasets, Uploads(database), options)
