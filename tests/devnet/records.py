"""Records and signed calls for the devnet's tests."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Any

from eth_utils.crypto import keccak

from emeth_tui.clients.wallet import Wallet
from emeth_tui.model import JobId, token_to_wei
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.storage_api import signing_payload

JOB_ID = JobId("0x" + "6f" * 16)
OTHER_JOB_ID = JobId("0x" + "91" * 16)


def new_wallet() -> Wallet:
    return Wallet(secrets.token_bytes(32))


def chain_job(**changes: Any) -> ChainJob:
    job = ChainJob(
        job_id=JOB_ID,
        owner="0x" + "11" * 20,
        deadline_unix_s=2_000_000_000,
        fee_wei=token_to_wei(20),
        status=JobStatus.PROCESSING,
        requested_at_unix_s=1_900_000_000,
        program_id=1,
        param='{"language": "en", "epoch": 30}',
        dataset=f"{JOB_ID}.txt",
        result="",
        node="0x" + "22" * 20,
        deposit_wei=token_to_wei(20),
        gas=0,
        started_at_unix_s=1_900_000_100,
        submitted_at_unix_s=0,
        verified_at_unix_s=0,
    )
    return replace(job, **changes)


def signed_call(
    wallet: Wallet, job_id: str = JOB_ID, *, at_unix_s: float | None = None, **fields: object
) -> dict[str, object]:
    """Make the body of a signed call (protocol.md §5)."""
    time_ms = int((time.time() if at_unix_s is None else at_unix_s) * 1_000)
    signature = wallet.sign_digest(keccak(signing_payload(job_id, time_ms)))
    return {
        "jobId": job_id,
        "address": wallet.address,
        "sig": "0x" + signature.hex(),
        "signedtime": time_ms,
        **fields,
    }
