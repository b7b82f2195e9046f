"""What is asked of the outbox: a call to send, what it is for, and how long to wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emeth_tui.clients.chain.contracts import Call
from emeth_tui.model import JobId

Purpose = Literal[
    "approve", "process", "submit", "decline", "withdraw", "request", "cancel request", "cancel"
]
CANCEL: Purpose = "cancel"  # takes a nonce and does nothing: what was signed before under it cannot be mined


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what."""

    receipt_timeout_s: float = 600.0
    confirmations: int = 1
    bump_after_s: float = 90.0
    resend_after_s: float = 5.0  # broadcast again, while the chain does not know the transaction
    first_poll_s: float = 0.1
    longest_poll_s: float = 4.0


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class TransactionRequest:
    """A call to send, and what it is for. `what` names it in messages.

    One that is `repeatable` does something new each time: one of them that is mined is not joined.
    """

    call: Call
    purpose: Purpose
    job_id: JobId | None
    what: str
    repeatable: bool = False
