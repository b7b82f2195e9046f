"""The evidence of how a job ended: the account's own transactions, apart from what a record says of it.

An endpoint may call a job verified while the chain waits for its result. So an end is believed when its
transaction shows. Some endpoints have no logs, and there the record alone must do: but only after so long
that a passing lie has been taken back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from emeth_tui.engine.context import Context
from emeth_tui.engine.money.ledger import Ledger
from emeth_tui.engine.money.terms import net_by_rules_wei
from emeth_tui.errors import NetworkError
from emeth_tui.job import Job
from emeth_tui.model import Head, JobId, JobState
from emeth_tui.notices.events.job import EndUnexplained
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.store.movements import Movement, MovementKind

WITHOUT_EVIDENCE_S = 600.0
FIRST_LOOKS = 3  # at once: an endpoint's logs may come a moment after its state
LOOK_EVERY_S = 30.0  # from then on: each reads the logs since the job's claim

_SHOWN_BY = {
    JobState.VERIFIED: MovementKind.VERIFY,
    JobState.FAILED: MovementKind.REJECT,
    JobState.TIMEOUT: MovementKind.TIMEOUT,
    JobState.DECLINED: MovementKind.DECLINE,
}

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Doubt:
    """An end whose transaction does not show, in seconds of a clock that nobody sets."""

    end: JobState
    since_s: float
    looked_at_s: float = 0.0
    looks: int = 0


class Evidence:
    """Says whether the chain's logs bear out how a job has ended."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._doubts: dict[JobId, _Doubt] = {}
        self._unlike_rules: set[JobId] = set()  # by what was read last: an endpoint may leave a log out

    async def movements(self, job: Job, end: JobState, record: ChainJob, head: Head) -> list[Movement] | None:
        """Return what a job's transactions moved: None while one is missing, [] when it stays missing.

        What is not as the rules say is believed when it is read again, and still so at the next look.
        """
        found = self._booked(job.job_id, end)
        if found and self._is_by_rules(found, end, record):
            return found
        final_block = max(0, head.number - self._context.network.confirmations + 1)
        read_until = self._ledger.block  # which may be later, where the endpoint is behind
        is_catching_up = read_until is None or read_until < final_block
        if is_catching_up or not self._is_due(job.job_id):
            return None
        try:
            await self._ledger.book_job(job.job_id, record.started_at_unix_s, final_block)
        except NetworkError as error:
            logger.info("job %s: its movements cannot be read: %s", job.job_id, error)
        found = self._booked(job.job_id, end)
        if not found:
            return [] if self._is_old(job.job_id, end) else None
        if job.job_id in self._unlike_rules or self._is_by_rules(found, end, record):
            return found
        self._unlike_rules.add(job.job_id)
        return None

    def bears_out_loss(self, job: Job, end: JobState) -> bool:
        """Whether nothing says that we have the job: a claim of ours that is final does, for a while."""
        return not self._context.store.movements.has_claim(job.job_id) or self._is_old(job.job_id, end)

    def forget(self, job_id: JobId) -> None:
        """Begin anew: the job has not ended, or is booked."""
        self._doubts.pop(job_id, None)
        self._unlike_rules.discard(job_id)

    def _booked(self, job_id: JobId, end: JobState) -> list[Movement]:
        """Return a job's movements when both its claim and this end are among them."""
        found = self._context.store.movements.of_job(job_id)
        kinds = {movement.kind for movement in found}
        return found if {MovementKind.CLAIM, _SHOWN_BY[end]} <= kinds else []

    def _is_by_rules(self, found: list[Movement], end: JobState, record: ChainJob) -> bool:
        moved_wei = sum(movement.amount_wei for movement in found)
        return moved_wei == net_by_rules_wei(self._context.rates, record, end)

    def _is_due(self, job_id: JobId) -> bool:
        doubt = self._doubts.get(job_id)
        waited = doubt is None or self._context.clock.monotonic_s() - doubt.looked_at_s >= LOOK_EVERY_S
        return waited or (doubt is not None and doubt.looks < FIRST_LOOKS)

    def _is_old(self, job_id: JobId, end: JobState) -> bool:
        """Note one more look without evidence; return whether that has gone on for long enough."""
        now_s = self._context.clock.monotonic_s()
        doubt = self._doubts.get(job_id)
        if doubt is None or doubt.end is not end:
            doubt = self._doubts[job_id] = _Doubt(end, now_s)
        doubt.looked_at_s = now_s
        doubt.looks += 1
        if doubt.looks == FIRST_LOOKS:
            self._context.events.publish(EndUnexplained(end, round(WITHOUT_EVIDENCE_S)), job_id=job_id)
        return now_s - doubt.since_s >= WITHOUT_EVIDENCE_S
