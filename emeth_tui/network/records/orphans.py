"""Since when each stored thing has belonged to no job, as far as it was seen."""

from __future__ import annotations

from collections.abc import Collection

from emeth_tui.network.records.database import Database, Transaction

Name = tuple[str, str]  # kind and name


class Orphans:
    """What was an orphan when it was last looked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seen(self, orphans: Collection[Name], now_unix_s: int, kept_s: int, looks: int) -> list[Name]:
        """Record which things are orphans now; return those that have been for so long without a break.

        They were found so at that many looks before, too: a service that stood still, or a clock that jumped,
        makes nothing older. Raise ServiceError.
        """
        now = set(orphans)

        def work(transaction: Transaction) -> list[Name]:
            rows = transaction.rows("SELECT kind, name, since_unix_s, looks FROM orphans")
            before = {(row[0], row[1]): (int(row[2]), int(row[3])) for row in rows}
            gone = [{"kind": kind, "name": name} for kind, name in before.keys() - now]
            new = [{"kind": kind, "name": name, "now": now_unix_s} for kind, name in now - before.keys()]
            transaction.change_each("DELETE FROM orphans WHERE kind = :kind AND name = :name", gone)
            transaction.change("UPDATE orphans SET looks = looks + 1")
            transaction.change_each(
                """INSERT INTO orphans (kind, name, since_unix_s, looks) VALUES (:kind, :name, :now, 1)
                ON CONFLICT (kind, name) DO NOTHING""",
                new,
            )
            return sorted(
                one
                for one, (since_unix_s, seen) in before.items()
                if one in now and since_unix_s <= now_unix_s - kept_s and seen >= looks
            )

        return await self._database.run(work)

    async def has(self, orphan: Name) -> bool:
        """Whether something still counts as an orphan. Raise ServiceError."""
        sql = "SELECT 1 FROM orphans WHERE kind = :kind AND name = :name"
        values = {"kind": orphan[0], "name": orphan[1]}
        return await self._database.run(lambda transaction: bool(transaction.row(sql, values)))
