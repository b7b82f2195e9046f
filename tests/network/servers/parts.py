"""What a storage of the tests stands on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.network.objects.s3 import S3Place
from emeth_tui.network.records.database import Database
from emeth_tui.network.records.sqlite import SqliteDatabase
from emeth_tui.network.services.storing import FindJob, StorageOptions, Storing, in_bucket, in_directory

MAX_DATASET_BYTES = 20_000
URL_LIFETIME_S = 30
PART_BYTES = 1_000
S3_PART_BYTES = 5 * 2**20  # the least that object stores take


@dataclass(frozen=True, slots=True)
class Parts:
    """What a storage is to stand on; without a place for objects in the directory."""

    root: Path
    database: Database
    s3: S3Place | None = None

    @property
    def part_bytes(self) -> int:
        return S3_PART_BYTES if self.s3 else PART_BYTES

    def storing(self, find_job: FindJob, now_unix_s: Callable[[], float], *, takes_states: bool) -> Storing:
        options = StorageOptions(URL_LIFETIME_S, self.part_bytes, MAX_DATASET_BYTES, takes_states)
        if self.s3:
            return in_bucket(self.s3, self.database, options=options)
        return in_directory(
            self.root / "storage",
            self.database,
            find_job,
            secret=b"s" * 32,
            options=options,
            now_unix_s=now_unix_s,
        )


@contextlib.contextmanager
def embedded(root: Path) -> Iterator[Parts]:
    """What needs nothing else."""
    with contextlib.closing(SqliteDatabase(root / "records.db")) as database:
        yield Parts(root, database)
