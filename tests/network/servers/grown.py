"""An object store and a database as a larger group has them, one of each for all tests of a process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from emeth_tui.network.objects.s3 import S3Place
from emeth_tui.network.records.postgres import PostgresPlace
from tests.network.servers.postgres import DATABASE, PASSWORD, USER, Postgres, postgres
from tests.network.servers.seaweed import ACCESS_KEY, BUCKET, SECRET_KEY, Seaweed, seaweed


@dataclass(frozen=True, slots=True)
class GrownServers:
    """SeaweedFS and PostgreSQL."""

    seaweed: Seaweed
    postgres: Postgres

    def empty(self) -> None:
        """Let both be as new."""
        self.seaweed.empty()
        self.postgres.empty()

    def s3_place(self) -> S3Place:
        return S3Place(self.seaweed.url, self.seaweed.url, BUCKET, "us-east-1", ACCESS_KEY, SECRET_KEY)

    def postgres_place(self) -> PostgresPlace:
        return PostgresPlace("127.0.0.1", self.postgres.port, DATABASE, USER, PASSWORD, "prefer")


@contextlib.contextmanager
def grown_servers() -> Iterator[GrownServers]:
    """Run both, or skip the test."""
    with postgres() as database, seaweed() as objects:
        yield GrownServers(objects, database)
