"""The databases themselves: schema, transactions, and what is said when they fail."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from emeth_tui.errors import ServiceError
from emeth_tui.network.records.database import Database, Transaction
from emeth_tui.network.records.datasets import Datasets
from emeth_tui.network.records.postgres import PostgresDatabase
from emeth_tui.network.records.schema import MIGRATIONS, migrate
from emeth_tui.network.records.sqlite import SqliteDatabase
from tests.network.servers.grown import GrownServers
from tests.network.servers.parts import Parts

OWNER, OTHER = "0x" + "11" * 20, "0x" + "22" * 20


async def test_work_that_fails_leaves_nothing(parts: Parts) -> None:
    def work(transaction: Transaction) -> None:
        transaction.change("INSERT INTO rejections VALUES ('a', 'b')")
        raise KeyError

    with pytest.raises(KeyError):
        await parts.database.run(work)

    rows = await parts.database.run(lambda transaction: transaction.rows("SELECT * FROM rejections"))
    assert list(rows) == []


async def test_a_schema_of_a_newer_program_is_left_alone(parts: Parts) -> None:
    sql = "UPDATE schema_version SET version = version + 1"
    await parts.database.run(lambda transaction: transaction.change(sql))

    with pytest.raises(ServiceError, match=f"schema is version {len(MIGRATIONS) + 1}, of a newer emeth-tui"):
        await parts.database.run(lambda transaction: migrate(transaction, "here"))


async def test_a_dataset_is_its_first_accounts_and_settled_once(parts: Parts) -> None:
    datasets = Datasets(parts.database)

    claims = [await datasets.claim("a.txt", who, is_private=True) for who in (OWNER, OTHER, OWNER.upper())]
    settled = [await datasets.settle("a.txt", key, size) for key, size in (("first", 5), ("second", 6))]
    public = await datasets.claim("a.txt", OWNER, is_private=False)
    found = await datasets.find("a.txt")

    assert claims == [True, False, True]
    assert settled == [("first", 5)] * 2
    assert found is not None
    assert (public, found.is_private, found.object_key) == (True, True, "first")  # settled with its job
    assert await datasets.settle("none.txt", "x", 1) is None


@pytest.mark.parametrize("size", [1, 10_000_000])  # it fails at the commit, or before
def test_a_full_disk_is_named_and_no_end(tmp_path: Path, size: int) -> None:
    large = {"text": "x" * size}
    with contextlib.closing(SqliteDatabase(tmp_path / "records.db")) as database:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "records.db-wal").stat().st_size, before[1]))
        try:
            with pytest.raises(ServiceError, match=r"records\.db: .*(disk|full)"):
                database.run_now(lambda one: one.change("INSERT INTO rejections VALUES ('a', :text)", large))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        database.run_now(lambda one: one.change("INSERT INTO rejections VALUES ('c', 'd')"))
        rows = database.run_now(lambda one: one.rows("SELECT job_id FROM rejections"))

    assert list(rows) == [("c",)]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"no database " * 1_000)

    with pytest.raises(ServiceError, match=r"records.db: file is not a database"):
        SqliteDatabase(path)


def test_a_copy_is_whole_and_private(tmp_path: Path) -> None:
    with contextlib.closing(SqliteDatabase(tmp_path / "records.db")) as database:
        database.run_now(lambda one: one.change("INSERT INTO rejections VALUES ('a', 'b')"))
        for _ in range(2):
            database.copy_to(tmp_path / "copy.db")

    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT * FROM rejections").fetchall() == [("a", "b")]
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_connection_that_was_ended_is_opened_again(grown_servers: GrownServers) -> None:
    grown_servers.empty()
    with contextlib.closing(PostgresDatabase(grown_servers.postgres_place())) as database:
        pid = _pid(database)
        with grown_servers.postgres.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))

        assert _pid(database) != pid


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "wrong secret"}, "password authentication failed"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"port": 1}, "refused"),
    ],
)
def test_a_database_that_lets_nobody_in_is_named(
    grown_servers: GrownServers, changes: dict[str, object], said: str
) -> None:
    place = replace(grown_servers.postgres_place(), **changes)  # type: ignore[arg-type]

    with pytest.raises(ServiceError) as error:
        PostgresDatabase(place)

    text = str(error.value)
    assert f"PostgreSQL {place.user}@127.0.0.1:{place.port}/{place.database}" in text
    assert said in text
    assert "secret" not in text
    assert "secret" not in repr(place)


def _pid(database: Database) -> int:
    row = database.run_now(lambda transaction: transaction.row("SELECT pg_backend_pid()"))
    assert row is not None
    return int(row[0])
