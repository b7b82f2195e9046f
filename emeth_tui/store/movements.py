"""The account's movements of EMT, as the chain's final blocks show them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from emeth_tui.model import JobId
from emeth_tui.store.connection import Connection


class MovementKind(str, Enum):
    """What moved EMT."""

    CLAIM = "claim"  # `process` took the deposit
    VERIFY = "verify"
    REJECT = "reject"
    TIMEOUT = "timeout"
    DECLINE = "decline"
    WITHDRAW = "withdraw"  # a closed day's reward
    REQUEST = "request"  # the fee of a job that the account requested, and what came back of one cancelled
    OTHER = "other"  # no transaction of this network's work

    @property
    def ends_job(self) -> bool:
        return self in _ENDS


_ENDS = frozenset({MovementKind.VERIFY, MovementKind.REJECT, MovementKind.TIMEOUT, MovementKind.DECLINE})


@dataclass(frozen=True, slots=True)
class Movement:
    """EMT that came (above 0) or went (below 0) in one transaction's log, in wei.

    0 records that a transaction claimed or ended a job, whether it moved anything or not.
    """

    tx_hash: str
    log_index: int
    block_number: int
    at_unix_s: float
    kind: MovementKind
    job_id: JobId | None
    amount_wei: int


class MovementTable:
    """Keeps movements. Every write is durable when its call returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, movements: Iterable[Movement]) -> None:
        """Store movements, all or none, in place of their transactions' earlier ones."""
        rows = list(movements)
        if not rows:
            return
        self._connection.execute("BEGIN")
        try:
            for tx_hash in {row.tx_hash for row in rows}:
                self._connection.execute("DELETE FROM movements WHERE tx_hash = ?", (tx_hash,))
            for row in rows:
                self._connection.execute(
                    "INSERT INTO movements "
                    "(tx_hash, log_index, block_number, at_unix_s, kind, job_id, amount_wei) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        row.tx_hash,
                        row.log_index,
                        row.block_number,
                        row.at_unix_s,
                        row.kind.value,
                        row.job_id,
                        str(row.amount_wei),
                    ),
                )
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has rolled it back already
                self._connection.execute("ROLLBACK")
            raise

    def forget_after(self, block_number: int) -> None:
        """Delete what stood in blocks above this one: the chain has dropped them."""
        self._connection.execute("DELETE FROM movements WHERE block_number > ?", (block_number,))

    def of_job(self, job_id: JobId) -> list[Movement]:
        """Return a job's movements, oldest first."""
        return self._select("WHERE job_id = ?", job_id)

    def has_claim(self, job_id: JobId) -> bool:
        """Whether the account claimed a job, by the chain's logs."""
        return any(movement.kind is MovementKind.CLAIM for movement in self.of_job(job_id))

    def claims_without_end(self) -> list[JobId]:
        """Return the jobs that the account claimed, and whose end is not among the movements."""
        ends = [kind.value for kind in MovementKind if kind.ends_job]
        rows = self._connection.execute(
            "SELECT DISTINCT job_id FROM movements WHERE kind = ? AND job_id NOT IN "  # noqa: S608
            f"(SELECT job_id FROM movements WHERE kind IN ({', '.join('?' * len(ends))}))",
            (MovementKind.CLAIM.value, *ends),
        )
        return [JobId(row["job_id"]) for row in rows]

    def after(self, block_number: int) -> list[Movement]:
        """Return the movements of the blocks above this one, oldest first."""
        return self._select("WHERE block_number > ?", block_number)

    def _select(self, clause: str, *values: object) -> list[Movement]:
        rows = self._connection.execute(
            f"SELECT * FROM movements {clause} ORDER BY block_number, log_index",  # noqa: S608
            values,
        )
        return [_from_row(row) for row in rows]


def _from_row(row: sqlite3.Row) -> Movement:
    return Movement(
        tx_hash=row["tx_hash"],
        log_index=row["log_index"],
        block_number=row["block_number"],
        at_unix_s=row["at_unix_s"],
        kind=MovementKind(row["kind"]),
        job_id=None if row["job_id"] is None else JobId(row["job_id"]),
        amount_wei=int(row["amount_wei"]),
    )
