"""A requester's call of EmethCore: what it asks nodes to train (protocol.md §3)."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contracts import Call
from emeth_tui.model import JobId
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.protocol.parameters import JobParameters, write_parameters

PROGRAM_ID = 1  # the network specifies none; nodes ignore it


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job to request; `dataset` is its name in storage, where it is already."""

    job_id: JobId
    dataset: str
    parameters: JobParameters
    fee_wei: int
    deadline_unix_s: int

    def call(self, chain: ChainClient) -> Call:
        """Encode the call of `request`."""
        return chain.core(
            "request",
            job_id_bytes(self.job_id),
            PROGRAM_ID,
            self.dataset,
            write_parameters(self.parameters),
            self.fee_wei,
            self.deadline_unix_s,
        )
