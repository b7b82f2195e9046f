"""Small makers of the values that many tests need."""

from __future__ import annotations

from typing import Any

from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, JournaledTransaction, Language, TransactionState, token_to_wei

JOB_ID = JobId("0x" + "6f2a" * 8)
OTHER_JOB_ID = JobId("0x" + "91b0" * 8)


def make_job(**changes: Any) -> Job:
    """A job that was just taken in, with any field changed."""
    values: dict[str, Any] = {
        "job_id": JOB_ID,
        "state": JobState.CLAIMING,
        "language": Language.EN,
        "epochs": 30,
        "dataset": "text.txt",
        "dataset_bytes": 8_192,
        "fee_wei": token_to_wei(20),
        "deposit_wei": token_to_wei(20),
        "deadline_unix_s": 2_000_000_000,
        "model": "devnet-small",
        "seed": 7,
        "reserved_bytes": 1_000_000,
        "created_at_unix_s": 1_700_000_000.0,
        "batch_size": 8,
    }
    return Job(**{**values, **changes})


def make_transaction(**changes: Any) -> JournaledTransaction:
    """A signed transaction whose fate is open, with any field changed."""
    values: dict[str, Any] = {
        "tx_hash": "0x" + "ab" * 32,
        "nonce": 5,
        "purpose": "process",
        "job_id": JOB_ID,
        "raw": b"\x02signed bytes",
        "state": TransactionState.SIGNED,
        "created_at_unix_s": 1_700_000_000.0,
    }
    return JournaledTransaction(**{**values, **changes})
