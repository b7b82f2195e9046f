"""Watch the chain: how our jobs end there, the day's share so far, the account's balances."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from emeth_tui.clients.chain.client import Balances
from emeth_tui.clients.chain.contract_events import PenaltyTaken, RewardCredited, StatusChanged
from emeth_tui.engine.context import Context
from emeth_tui.errors import InvalidTransition
from emeth_tui.job import Job
from emeth_tui.model import Head, JobId, JobState, ServiceName
from emeth_tui.notices.events import job as events
from emeth_tui.notices.notice import EventBody
from emeth_tui.protocol.contracts import ChainJob, JobStatus, SlotShare
from emeth_tui.store import key_values

MAX_GAS = 2**63 - 1  # the most that the store holds; the contract allows more
logger = logging.getLogger(__name__)

FULL_READ_EVERY_S = 60.0  # events show changes at once; this catches any that were missed


@dataclass(frozen=True, slots=True)
class ChainView:
    """The chain as last read: its head, our balances, today's share."""

    head: Head
    balances: Balances
    share: SlotShare


class Watcher:
    """Reads the chain step by step and settles the jobs that ended there."""

    def __init__(
        self, context: Context, *, on_ended: Callable[[Job], None], on_unsubmitted: Callable[[JobId], None]
    ) -> None:
        self._context = context
        self._on_ended = on_ended
        self._on_unsubmitted = on_unsubmitted
        self._last_full_read_unix_s = 0.0
        self.view: ChainView | None = None

    async def tick(self) -> None:
        """Read what is new since the last tick. Raise ChainUnreachable."""
        context = self._context
        head = await context.chain.head()
        context.clock.saw_block(head.timestamp_unix_s)
        touched = await self._touched_by_events(head)
        due = context.clock.now_unix_s() - self._last_full_read_unix_s >= FULL_READ_EVERY_S
        if touched or due or self.view is None:
            await self._settle_ended()
            self.view = await self._read_view(head)
            self._last_full_read_unix_s = context.clock.now_unix_s()
        else:
            self.view = ChainView(head, self.view.balances, self.view.share)
        context.health.works(ServiceName.CHAIN)

    async def refresh(self) -> ChainView:
        """Read head, balances and share now, after a change of our own."""
        self.view = await self._read_view(await self._context.chain.head())
        return self.view

    async def settle_now(self) -> None:
        """Settle what has ended without waiting for the next tick. Raise ChainUnreachable."""
        await self._settle_ended()
        await self.refresh()

    async def _touched_by_events(self, head: Head) -> bool:
        """Scan the blocks since the last scan, rereading a few in case of a reorg."""
        context = self._context
        marked = context.store.key_values.get(key_values.LAST_BLOCK)
        if marked is None or int(marked) > head.number:
            context.store.key_values.set(key_values.LAST_BLOCK, str(head.number))
            return True
        if int(marked) == head.number:
            return False
        first = max(0, int(marked) + 1 - context.network.confirmations)
        events = await context.chain.events(first, head.number)
        context.store.key_values.set(key_values.LAST_BLOCK, str(head.number))
        return any(self._concerns_us(event) for event in events)

    def _concerns_us(self, event: object) -> bool:
        if isinstance(event, StatusChanged):
            return event.job_id in self._context.book
        if isinstance(event, (RewardCredited, PenaltyTaken)):
            return event.node.lower() == self._context.address.lower()
        return False

    async def _settle_ended(self) -> None:
        jobs = self._context.book.open_jobs()
        records = await self._context.chain.jobs([job.job_id for job in jobs])
        for job in jobs:
            # The job's own task may have advanced it while the answer was on its way.
            if job.job_id in records and job.job_id in self._context.book:
                try:
                    self._settle(self._context.book.get(job.job_id), records[job.job_id])
                except InvalidTransition as error:  # one bad job must not keep the others from settling
                    logger.error("job %s: the chain contradicts us: %s", job.job_id, error)

    def _settle(self, job: Job, record: ChainJob) -> None:
        """End a job of ours if it has ended on the chain."""
        if not self._context.is_ours(record):
            if job.state.holds_deposit and record.status is not JobStatus.REQUESTED:
                self._end(job, JobState.LOST, events.Lost())
            return
        if record.status is JobStatus.VERIFIED:
            self._verified(job, record)
        elif record.status is JobStatus.FAILED:
            lost_wei = self._context.rates.rejection_cost_wei(record.deposit_wei)
            job = self._submitted(job, record)
            self._end(job, JobState.FAILED, events.Failed(lost_wei), lost_wei=lost_wei)
        elif record.status is JobStatus.TIMEOUT:
            lost_wei = self._context.rates.timeout_penalty_wei(record.deposit_wei)
            self._end(job, JobState.TIMEOUT, events.Timeout(lost_wei), lost_wei=lost_wei)
        elif record.status is JobStatus.DECLINED:
            lost_wei = self._context.rates.decline_penalty_wei(record.deposit_wei)
            self._end(job, JobState.DECLINED, events.Declined(lost_wei), lost_wei=lost_wei)
        elif record.status is JobStatus.PROCESSING and job.state is JobState.SUBMITTED:
            self._context.book.advance(job.job_id, JobState.SUBMITTING)
            self._context.events.publish(events.SubmissionUndone(), job_id=job.job_id)
            self._on_unsubmitted(job.job_id)

    def _submitted(self, job: Job, record: ChainJob) -> Job:
        """Record a submission that was mined while the node was down."""
        if job.state is not JobState.SUBMITTED:
            return self._context.book.advance(
                job.job_id, JobState.SUBMITTED, submitted_at_unix_s=float(record.submitted_at_unix_s)
            )
        return job

    def _verified(self, job: Job, record: ChainJob) -> None:
        earned_wei = self._context.rates.earned_wei(record.fee_wei)
        job = self._context.book.advance(
            self._submitted(job, record).job_id,
            JobState.VERIFIED,
            gas=min(record.gas, MAX_GAS),
            earned_wei=earned_wei,
        )
        verified = events.Verified(earned_wei, record.gas, job.epochs_done)
        self._context.events.publish(verified, job_id=job.job_id)
        self._on_ended(job)

    def _end(self, job: Job, state: JobState, body: EventBody, *, lost_wei: int = 0) -> None:
        job = self._context.book.advance(job.job_id, state, lost_wei=lost_wei)
        self._context.events.publish(body, job_id=job.job_id)
        self._on_ended(job)

    async def _read_view(self, head: Head) -> ChainView:
        chain, address = self._context.chain, self._context.address
        slot = await chain.current_slot()
        (share,) = await chain.slot_shares(address, [slot])
        return ChainView(head, await chain.balances(address), share)
