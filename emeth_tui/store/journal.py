"""The journal of transactions: signed bytes are committed here before they are sent anywhere."""

from __future__ import annotations

import sqlite3

from emeth_tui.model import JobId, JournaledTransaction, TransactionState
from emeth_tui.store.connection import Connection


class JournalTable:
    """Implements `clients.transactions.Journal`. Every write is durable when its call returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, tx: JournaledTransaction) -> None:
        """Store a signed transaction; storing the same bytes again changes nothing."""
        self._connection.execute(
            "INSERT OR IGNORE INTO transactions "
            "(tx_hash, nonce, purpose, job_id, raw, state, created_at_unix_s, gas_used, fee_wei, "
            "block_number) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                tx.tx_hash,
                tx.nonce,
                tx.purpose,
                tx.job_id,
                tx.raw,
                tx.state.value,
                tx.created_at_unix_s,
                tx.gas_used,
                _text(tx.fee_wei),
                tx.block_number,
            ),
        )

    def settle(self, tx: JournaledTransaction) -> None:
        """Record how a transaction ended, or that its end is open again."""
        self._connection.execute(
            "UPDATE transactions SET state = ?, gas_used = ?, fee_wei = ?, block_number = ? "
            "WHERE tx_hash = ?",
            (tx.state.value, tx.gas_used, _text(tx.fee_wei), tx.block_number, tx.tx_hash),
        )

    def unsettled(self) -> list[JournaledTransaction]:
        """Return the transactions that may or may not have reached the network, in nonce order."""
        return self._select("WHERE state = 'signed' ORDER BY nonce, created_at_unix_s")

    def settled_from(self, nonce: int) -> list[JournaledTransaction]:
        """Return what is settled of the nonces from this one up of which one was mined, in nonce order."""
        mined = "SELECT nonce FROM transactions WHERE state IN ('mined', 'reverted') AND nonce >= ?"
        return self._select(
            f"WHERE state != 'signed' AND nonce IN ({mined}) ORDER BY nonce, created_at_unix_s", nonce
        )

    def next_nonce(self) -> int:
        """Return the nonce after the highest that was ever signed, 0 when none was."""
        (highest,) = self._connection.execute("SELECT max(nonce) FROM transactions").fetchone()
        return 0 if highest is None else int(highest) + 1

    def nonces_signed(self, start: int, end: int) -> int:
        """Return for how many nonces from `start` up to, and without, `end` anything was signed."""
        query = "SELECT count(DISTINCT nonce) FROM transactions WHERE nonce >= ? AND nonce < ?"
        (signed,) = self._connection.execute(query, (start, end)).fetchone()
        return int(signed)

    def purpose_of(self, tx_hash: str) -> str | None:
        """Return what a transaction of ours is for; None for another's."""
        row = self._connection.execute(
            "SELECT purpose FROM transactions WHERE tx_hash = ?", (tx_hash,)
        ).fetchone()
        return None if row is None else str(row["purpose"])

    def unbooked_withdrawals(self) -> list[JournaledTransaction]:
        """Return the withdrawals that may be in a block, and of which no movement is kept, oldest first."""
        return self._select(
            "WHERE purpose = 'withdraw' AND state IN ('signed', 'mined') "
            "AND tx_hash NOT IN (SELECT tx_hash FROM movements) ORDER BY rowid"
        )

    def recent(self, limit: int) -> list[JournaledTransaction]:
        """Return the newest transactions, newest first."""
        return self._select("ORDER BY rowid DESC LIMIT ?", limit)

    def all(self) -> list[JournaledTransaction]:
        """Return every transaction, oldest first."""
        return self._select("ORDER BY rowid")

    def of_job(self, job_id: JobId) -> list[JournaledTransaction]:
        """Return a job's transactions, oldest first."""
        return self._select("WHERE job_id = ? ORDER BY created_at_unix_s, rowid", job_id)

    def _select(self, clause: str, *values: object) -> list[JournaledTransaction]:
        rows = self._connection.execute(f"SELECT * FROM transactions {clause}", values)  # noqa: S608
        return [_from_row(row) for row in rows]


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)


def _from_row(row: sqlite3.Row) -> JournaledTransaction:
    return JournaledTransaction(
        tx_hash=row["tx_hash"],
        nonce=row["nonce"],
        purpose=row["purpose"],
        job_id=None if row["job_id"] is None else JobId(row["job_id"]),
        raw=bytes(row["raw"]),
        state=TransactionState(row["state"]),
        created_at_unix_s=row["created_at_unix_s"],
        gas_used=row["gas_used"],
        fee_wei=None if row["fee_wei"] is None else int(row["fee_wei"]),
        block_number=row["block_number"],
    )
