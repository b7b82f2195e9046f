"""Whose each dataset is, whether it is private, and which object holds it for good."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from emeth_tui.network.records.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset's record. `object_key` is None until it is settled."""

    owner: str  # lower case
    is_private: bool
    object_key: str | None
    size_bytes: int | None


class Datasets:
    """The datasets that accounts asked to store, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, name: str, address: str, *, is_private: bool) -> bool:
        """Let a name be its first claimant's; return whether it is this account's. Raise ServiceError.

        It is no orphan then, and neither is what lay under it: its time begins anew.
        """
        values = {"name": name, "owner": address.lower(), "private": int(is_private)}
        handles = [{"name": f"{prefix}{name}"} for prefix in ("", "incoming/", "dataset/")]

        def work(transaction: Transaction) -> bool:
            transaction.change(
                """INSERT INTO datasets (name, owner, is_private) VALUES (:name, :owner, :private)
                ON CONFLICT (name) DO UPDATE SET is_private = :private
                WHERE datasets.owner = :owner AND datasets.object_key IS NULL""",
                values,
            )
            found = transaction.row("SELECT 1 FROM datasets WHERE name = :name AND owner = :owner", values)
            if found:
                transaction.change_each("DELETE FROM orphans WHERE name = :name", handles)
            return bool(found)

        return await self._database.run(work)

    async def find(self, name: str) -> Dataset | None:
        """Return a dataset's record; None where nobody claimed the name. Raise ServiceError."""
        sql = "SELECT owner, is_private, object_key, size_bytes FROM datasets WHERE name = :name"
        found = await self._database.run(lambda transaction: transaction.row(sql, {"name": name}))
        return Dataset(found[0], bool(found[1]), found[2], found[3]) if found else None

    async def settle(self, name: str, object_key: str, size_bytes: int) -> tuple[str, int] | None:
        """Say which object a dataset is, if that is still open; return what it is. Raise ServiceError.

        None where nobody claimed the name.
        """
        values: Mapping[str, object] = {"name": name, "key": object_key, "size": size_bytes}

        def work(transaction: Transaction) -> tuple[str, int] | None:
            transaction.change(
                """UPDATE datasets SET object_key = :key, size_bytes = :size
                WHERE name = :name AND object_key IS NULL""",
                values,
            )
            found = transaction.row("SELECT object_key, size_bytes FROM datasets WHERE name = :name", values)
            return (found[0], found[1]) if found else None

        return await self._database.run(work)

    async def is_settled(self, name: str) -> bool:
        """Whether it is said which object a dataset is. Raise ServiceError."""
        dataset = await self.find(name)
        return dataset is not None and dataset.object_key is not None

    async def open_again(self, named: Collection[str]) -> None:
        """Let every dataset but these be replaced, settled or not. Raise ServiceError."""

        def work(transaction: Transaction) -> None:
            settled = transaction.rows("SELECT name FROM datasets WHERE object_key IS NOT NULL")
            transaction.change_each(
                "UPDATE datasets SET object_key = NULL, size_bytes = NULL WHERE name = :name",
                [{"name": row[0]} for row in settled if row[0] not in named],
            )

        await self._database.run(work)

    async def names(self) -> list[str]:
        """Return all names that were claimed. Raise ServiceError."""
        rows = await self._database.run(lambda transaction: transaction.rows("SELECT name FROM datasets"))
        return [row[0] for row in rows]

    async def forget(self, name: str) -> None:
        """Forget a dataset: its name is nobody's again. Raise ServiceError."""
        sql = "DELETE FROM datasets WHERE name = :name"
        await self._database.run(lambda transaction: transaction.change(sql, {"name": name}))
