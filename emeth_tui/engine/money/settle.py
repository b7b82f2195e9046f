"""How jobs end: what the chain shows of each is seen at once, asked again, and booked when it is final."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.engine.context import Context
from emeth_tui.engine.money.evidence import Evidence
from emeth_tui.engine.money.ledger import Ledger
from emeth_tui.engine.money.terms import net_by_rules_wei
from emeth_tui.engine.money.witnesses import Witnesses, Word, status_of
from emeth_tui.errors import InvalidTransition
from emeth_tui.job import Job
from emeth_tui.model import Head, JobId, JobState
from emeth_tui.notices.events import job as events
from emeth_tui.notices.events.market import Canceled, ClaimLost
from emeth_tui.notices.notice import EventBody
from emeth_tui.notices.reasons.job import AnotherNodeFaster
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.store.movements import Movement, MovementKind
from emeth_tui.training.reports import STATES_DIRECTORY

MAX_GAS = 2**63 - 1  # the most that the store holds; the contract allows more

ENDS = {  # the statuses that end a job of ours, and how it has ended then
    JobStatus.VERIFIED: JobState.VERIFIED,
    JobStatus.FAILED: JobState.FAILED,
    JobStatus.TIMEOUT: JobState.TIMEOUT,
    JobStatus.DECLINED: JobState.DECLINED,
}
_UNTAKEN = frozenset({JobStatus.REQUESTED, JobStatus.CANCELED})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the node does about changes: a job's end is final, is seen, or its task must start anew; the
    contract was seen, for the first time, to keep a verified job's deposit.
    """

    ended: Callable[[Job], None]
    stopped: Callable[[JobId], None]
    restarted: Callable[[JobId], None]
    deposits_kept: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Look:
    """A job's record at the newest block and at the newest final one; None where the chain knows no job."""

    job: Job
    seen: ChainJob | None
    final: ChainJob | None
    end: JobState | None


class Settler:
    """Follows our jobs' records, and books how they ended.

    Nothing is done on one word: a change is acted on when the chain shows it a second time, or another
    endpoint does. Nothing is booked, no file deleted and no job forgotten before it is final.
    """

    def __init__(self, context: Context, ledger: Ledger, witnesses: Witnesses, hooks: Hooks) -> None:
        self._context = context
        self._evidence = Evidence(context, ledger)
        self._witnesses = witnesses
        self._hooks = hooks
        self._shown: dict[JobId, ChainJob | None] = {}  # at the last look
        self._ended_since: dict[JobId, int] = {}  # the block at which an end was first seen
        self._asks_again = False

    @property
    def waits(self) -> bool:
        """Whether a job waits for a second look, or for blocks that make its end final."""
        return self._asks_again or any(job.seen_end is not None for job in self._context.book.open_jobs())

    async def look(self, head: Head) -> None:
        """Read our open jobs' records and act on what has changed. Raise NetworkError."""
        jobs = self._context.book.open_jobs()
        ids = [job.job_id for job in jobs]
        seen = await self._context.chain.jobs(ids)
        final = await self._final_records(ids, head, seen)
        self._asks_again = False
        for job in jobs:
            # The job's own task may have advanced it while the answer was on its way.
            if job.job_id in self._context.book:
                try:
                    await self._look_at(job.job_id, head, seen.get(job.job_id), final)
                except InvalidTransition as error:  # one bad job must not keep the others from settling
                    logger.error("job %s: the chain contradicts us: %s", job.job_id, error)

    async def _look_at(
        self, job_id: JobId, head: Head, seen: ChainJob | None, final: dict[JobId, ChainJob] | None
    ) -> None:
        is_news = job_id not in self._shown or status_of(self._shown[job_id]) != status_of(seen)
        self._shown[job_id] = seen
        if not self._agrees(self._context.book.get(job_id), seen):
            word = await self._witnesses.second_word(job_id, seen, head)
            if (
                word is Word.DISAGREES
                or (word is Word.SILENT and is_news)
                or job_id not in self._context.book
            ):
                self._asks_again = True
                return
        self._witnesses.forget(job_id)
        job = self._context.book.get(job_id)
        end = self._end_of(job, seen)
        if end is None:
            self._ended_since.pop(job_id, None)
            self._evidence.forget(job_id)
        else:
            self._ended_since.setdefault(job_id, head.number)
        record = self._fallback(job_id, head, seen) if final is None else final.get(job_id)
        await self._act(_Look(job, seen, record, end), head)

    def _agrees(self, job: Job, seen: ChainJob | None) -> bool:
        """Whether the chain shows what we know already."""
        if self._end_of(job, seen) != job.seen_end:
            return False
        if job.seen_end is not None or job.state is JobState.CLAIMING:
            return True
        status = JobStatus.SUBMITTED if job.state is JobState.SUBMITTED else JobStatus.PROCESSING
        return seen is not None and self._context.is_ours(seen) and seen.status is status

    async def _final_records(
        self, ids: list[JobId], head: Head, seen: dict[JobId, ChainJob]
    ) -> dict[JobId, ChainJob] | None:
        """Read records at the newest final block; None where the endpoint no longer has its state."""
        depth = self._context.network.confirmations - 1
        if not depth:
            return seen
        try:
            return await self._context.chain.jobs(ids, max(0, head.number - depth))
        except RpcRefusal as refusal:
            logger.info("no records at block %d: %s", head.number - depth, refusal)
            return None

    def _fallback(self, job_id: JobId, head: Head, seen: ChainJob | None) -> ChainJob | None:
        """Without the final block's state, an end is final once it has been seen for as many blocks."""
        since = self._ended_since.get(job_id, head.number)
        return seen if head.number - since >= self._context.network.confirmations else None

    # ---- what a record means

    def _end_of(self, job: Job, record: ChainJob | None) -> JobState | None:
        """Return how a job has ended by this record, None when it has not."""
        given_up = job.seen_end if job.seen_end is JobState.LOST else None
        if record is None:
            return given_up
        if self._context.is_ours(record):
            return ENDS.get(record.status)
        if record.status is JobStatus.CANCELED:
            return JobState.CANCELED
        if record.status is JobStatus.REQUESTED:
            return given_up
        return JobState.LOST

    async def _act(self, look: _Look, head: Head) -> None:
        job, end = look.job, look.end
        if end is None and job.seen_end is not None:
            self._undone(job, look.seen)
        elif end is not None:
            if job.seen_end is not end:
                job = self._see_end(job, end)
            if self._is_final(job, look):
                await self._book(job, end, look.final or look.seen, head)
        elif look.seen is None or look.seen.status is JobStatus.REQUESTED:
            if job.state is not JobState.CLAIMING:
                self._claim_undone(job)
        elif look.seen.status is JobStatus.PROCESSING and job.state is JobState.SUBMITTED:
            self._context.book.advance(job.job_id, JobState.SUBMITTING)
            if job.result_name:  # else an endpoint said that it was submitted, and it never was
                self._publish(events.SubmissionUndone(), job.job_id)
            self._hooks.restarted(job.job_id)
        elif look.seen.status is JobStatus.SUBMITTED:
            self._see_submission(job, look)

    def _is_final(self, job: Job, look: _Look) -> bool:
        if look.end in {JobState.LOST, JobState.CANCELED}:
            untaken = look.final is None or look.final.status in _UNTAKEN
            settled = self._end_of(job, look.final) is look.end
            return settled and not (untaken and self._context.transactions.may_claim(job.job_id))
        return look.final is not None and self._end_of(job, look.final) is look.end

    # ---- acting

    def _see_end(self, job: Job, end: JobState) -> Job:
        if end in {JobState.VERIFIED, JobState.FAILED}:
            record = self._shown[job.job_id]
            job = self._submitted(job, record) if record else job
        job = self._context.book.update(job.job_id, seen_end=end)
        if job.state is JobState.CLAIMING:
            lost = end is JobState.LOST
            self._publish(ClaimLost(AnotherNodeFaster()) if lost else Canceled(), job.job_id)
        elif self._context.network.confirmations > 1:
            self._publish(events.EndSeen(end, self._context.network.confirmations), job.job_id)
        self._hooks.stopped(job.job_id)
        return job

    def _undone(self, job: Job, record: ChainJob | None) -> None:
        undone = job.seen_end
        job = self._context.book.update(job.job_id, seen_end=None)
        if undone is not None:
            self._publish(events.EndUndone(undone), job.job_id)
        if record is not None and record.status is JobStatus.REQUESTED and job.state.holds_deposit:
            self._claim_undone(job)
        elif job.state is not JobState.SUBMITTED:
            self._hooks.restarted(job.job_id)
        else:
            self._asks_again = True  # the next look shows whether it was ever submitted

    def _claim_undone(self, job: Job) -> None:
        error = job.error if job.is_set_aside else None  # what cannot be done is not claimed again
        self._context.book.advance(job.job_id, JobState.CLAIMING, error=error)
        self._publish(events.ClaimUndone(), job.job_id)
        self._hooks.restarted(job.job_id)

    def _see_submission(self, job: Job, look: _Look) -> None:
        if job.state is not JobState.SUBMITTED:
            if job.state is JobState.SUBMITTING:
                return  # its own task is about to see it
            self._submitted(job, look.seen)
            self._hooks.stopped(job.job_id)
        elif look.final is not None and look.final.status is JobStatus.SUBMITTED and job.reserved_bytes:
            if self._has_result(job.job_id):  # else nobody has submitted it, whatever an endpoint says
                self._context.book.update(job.job_id, reserved_bytes=0)
                self._context.disk.files.keep_only(job.job_id, [RESULT_NAME, STATES_DIRECTORY])
        elif job.reserved_bytes:
            self._asks_again = True

    def _has_result(self, job_id: JobId) -> bool:
        return any(name == RESULT_NAME for name, _bytes in self._context.disk.files.listing(job_id))

    def _submitted(self, job: Job, record: ChainJob | None) -> Job:
        """Record a submission that was mined while the node was down."""
        if job.state is JobState.SUBMITTED or record is None:
            return job
        submitted_at = float(record.submitted_at_unix_s)
        return self._context.book.advance(
            job.job_id, JobState.SUBMITTED, submitted_at_unix_s=submitted_at, seen_end=job.seen_end
        )

    # ---- booking

    async def _book(self, job: Job, end: JobState, record: ChainJob | None, head: Head) -> None:
        """End a job for good, by what moved in its transactions."""
        if end in {JobState.LOST, JobState.CANCELED} or record is None:
            if self._evidence.bears_out_loss(job, end):
                self._finish(job, end, self._end_without_work(job, end))
            return
        movements = await self._evidence.movements(job, end, record, head)
        if movements is None:
            self._asks_again = True
            return
        net_wei = sum(movement.amount_wei for movement in movements)
        if not movements:
            net_wei = net_by_rules_wei(self._context.rates, record, end)
            self._publish(events.SettledByRules(net_wei), job.job_id)
        if end is JobState.VERIFIED:
            self._verified(job, record, net_wei, movements)
            return
        bodies: dict[JobState, type[events.Failed | events.Timeout | events.Declined]] = {
            JobState.FAILED: events.Failed,
            JobState.TIMEOUT: events.Timeout,
            JobState.DECLINED: events.Declined,
        }
        self._finish(job, end, bodies[end](-net_wei), lost_wei=max(0, -net_wei), earned_wei=max(0, net_wei))

    def _end_without_work(self, job: Job, end: JobState) -> EventBody | None:
        """Return the event of a job that came to nothing; its step has reported a claim without effect."""
        had_job = job.state is not JobState.CLAIMING or self._context.store.movements.has_claim(job.job_id)
        return events.Lost() if end is JobState.LOST and had_job else None

    def _verified(self, job: Job, record: ChainJob, net_wei: int, movements: list[Movement]) -> None:
        returned_wei = sum(m.amount_wei for m in movements if m.kind is MovementKind.VERIFY)
        if movements and record.deposit_wei and returned_wei < record.deposit_wei:
            self._publish(events.DepositKept(record.deposit_wei, returned_wei), job.job_id)
            if self._context.terms.note_kept_deposit(job.job_id):
                self._hooks.deposits_kept()
        body: EventBody = (
            events.Verified(net_wei, record.gas, job.epochs_done)
            if net_wei >= 0
            else events.VerifiedAtLoss(-net_wei, record.gas)
        )
        gas = min(record.gas, MAX_GAS)
        self._finish(
            job, JobState.VERIFIED, body, gas=gas, earned_wei=max(0, net_wei), lost_wei=max(0, -net_wei)
        )

    def _finish(self, job: Job, end: JobState, body: EventBody | None, **changes: int) -> None:
        job = self._context.book.advance(job.job_id, end, **changes)
        if body is not None:
            self._publish(body, job.job_id)
        for memory in (self._shown, self._ended_since):
            memory.pop(job.job_id, None)
        self._witnesses.forget(job.job_id)
        self._evidence.forget(job.job_id)
        self._hooks.ended(job)

    def _publish(self, body: EventBody, job_id: JobId) -> None:
        self._context.events.publish(body, job_id=job_id)
