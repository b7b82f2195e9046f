"""Single values that survive a restart: the last block scanned, whether claiming is paused."""

from __future__ import annotations

import json

from emeth_tui.notices.notice import Reason, reason_data, reason_from
from emeth_tui.store.connection import Connection

LEDGER_BLOCK = "ledger_block"  # the newest final block whose movements are in the store: number, hash, time
KEEPS_DEPOSIT = "keeps_deposit"  # the job by which the contract was seen not to return a deposit
NONCE_SEEN = "nonce_seen"  # the account's nonces below are accounted for
CLAIMS_PAUSED = "claims_paused"  # why, as JSON
CLAIMS_PAUSED_AT = "claims_paused_at"  # since when, in Unix seconds
LOSSES_ACCEPTED = "losses_accepted"  # a day, and what of its losses the operator went on after, in wei
ALERTS = "alerts"  # what waits to be delivered, and how far the events have been read, as JSON
DAYS_REPORTED = "days_reported"  # the slot before which every day's result has been published
WRITTEN_BY = "written_by"  # the version of emeth-tui that opened the database last
ACCOUNT = "account"  # the address and chain that this state belongs to


def account_name(address: str, core_address: str) -> str:
    """Name the account that a state belongs to, as `ACCOUNT` keeps it."""
    return f"{address} on {core_address}"


class KeyValueTable:
    """Stores named strings."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM key_values WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set(self, name: str, value: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO key_values (name, value) VALUES (?, ?)", (name, value)
        )

    def get_reason(self, name: str) -> Reason | None:
        value = self.get(name)
        return None if value is None else reason_from(json.loads(value))

    def set_reason(self, name: str, reason: Reason | None) -> None:
        self.set(name, json.dumps(reason_data(reason)))
