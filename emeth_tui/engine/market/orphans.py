"""Jobs that the chain says are ours and the store does not know: found, and taken up again.

A store may be lost, restored from an older copy, or emptied; a node may be killed at the worst moment. What
the chain, the info server and the cache know is enough to go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from emeth_tui.engine.context import Context
from emeth_tui.engine.market.policy import claim_refusal
from emeth_tui.engine.market.prepare import bytes_to_reserve, new_job
from emeth_tui.engine.money.ledger import Ledger
from emeth_tui.engine.money.settle import ENDS
from emeth_tui.errors import InfoServerError, JobError, NetworkError, StorageRejected
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events import job as events
from emeth_tui.notices.events.node import Leftovers
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.job import ClaimedBefore, TooLateToFinish
from emeth_tui.notices.reasons.market import ClaimedElsewhere
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.job_ids import parse_job_id, short

SEARCH_EVERY_S = 86_400.0
RETRY_S = 60.0
HISTORY_SEARCHED = 200  # newest entries of the contract's list of our claims
_UNDER_WAY = frozenset({JobStatus.PROCESSING, JobStatus.SUBMITTED})
_DELIVERED = frozenset({JobStatus.SUBMITTED, JobStatus.VERIFIED, JobStatus.FAILED})

logger = logging.getLogger(__name__)


class Orphans:
    """Searches for orphans at the start and once a day, and takes up those that it is to expect.

    `on_adopted` is called for each that goes on. What fails is tried again, and costs no other.
    """

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        on_adopted: Callable[[JobId], None],
        pause_claims: Callable[[Reason], None],
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._on_adopted = on_adopted
        self._pause_claims = pause_claims
        self._searched_unix_s: float | None = None
        # Whether each was claimed just now, and so by another program.
        self._expected: dict[JobId, bool] = {}
        self._failed: dict[JobId, bool] = {}

    def expect(self, ids: Iterable[JobId], *, claimed_now: bool) -> None:
        """Have the next look take up those of these jobs that are ours on the chain and not under way here.

        Before the first search a claim may be of our own last run, whose state is lost.
        """
        claimed_now = claimed_now and self._searched_unix_s is not None
        self._expected |= {job_id: claimed_now for job_id in ids if job_id not in self._failed}

    async def look(self) -> bool:
        """Search, where it is due, and take up what is found or expected; return whether anything was.

        Raise NetworkError.
        """
        now = self._context.clock.now_unix_s()
        interval_s = RETRY_S if self._failed else SEARCH_EVERY_S
        last = self._searched_unix_s
        is_due = last is None or not 0 <= now - last < interval_s  # the clock may have been set back
        found = dict(self._expected)
        if is_due:
            found = dict.fromkeys(await self._candidates(), False) | self._failed | found
        adopted = await self._take_up(found)
        if is_due:
            self._searched_unix_s = now
            if not self._failed:
                self._report_leftovers()
        return bool(adopted)

    async def _take_up(self, found: Mapping[JobId, bool]) -> list[JobId]:
        """Adopt those of these jobs that are ours on the chain and not under way here; return them.

        One with files in the cache goes on. One without is held until the operator decides: it may be
        another node's with the same account, and surely is if it was claimed just now.
        """
        unknown = sorted(job_id for job_id in found if job_id not in self._context.book)
        records = await self._context.chain.jobs(unknown) if unknown else {}
        adopted = []
        for job_id in sorted(found):
            record = records.get(job_id)
            if record is None or not self._is_orphan(record):
                self._failed.pop(job_id, None)
            elif await self._try_to_adopt(record, claimed_now=found[job_id]):
                adopted.append(job_id)
            self._expected.pop(job_id, None)
        return adopted

    async def _try_to_adopt(self, record: ChainJob, *, claimed_now: bool) -> bool:
        job_id = record.job_id
        is_new = job_id not in self._failed
        try:
            adopted = await self._adopt(record, claimed_now=claimed_now)
        except NetworkError as error:
            logger.warning("job %s is ours on the chain, and is taken up soon: %s", job_id, error)
            self._failed[job_id] = claimed_now
            adopted = False
        else:
            self._failed.pop(job_id, None)
        if claimed_now and is_new and (adopted or job_id in self._failed):
            self._pause_claims(ClaimedElsewhere(short(job_id)))
        return adopted

    def _is_orphan(self, record: ChainJob) -> bool:
        """Whether a job of ours goes on without us, or has ended otherwise than by our books.

        One that ended unseen has files here, and no row.
        """
        if not self._context.is_ours(record) or record.job_id in self._context.book:
            return False
        if record.status not in ENDS:
            return record.status in _UNDER_WAY
        known = self._context.book.known(record.job_id)
        if known is None:
            return self._has_directory(record.job_id)
        return known.state in ENDS.values() and known.state is not ENDS[record.status]

    def _has_directory(self, job_id: JobId) -> bool:
        return self._context.disk.files.directory(job_id).is_dir()

    # ---- where to look

    async def _candidates(self) -> set[JobId]:
        context = self._context
        found = {JobId(name) for name in self._directories()}
        found |= set(context.store.movements.claims_without_end())
        try:
            found |= set(await context.info.assigned_jobs(context.address))
        except InfoServerError as error:
            logger.info("the info server does not say which jobs are ours: %s", error)
        count = await context.chain.assigned_count(context.address)
        if count:
            newest = range(max(0, count - HISTORY_SEARCHED), count)
            found |= set(await context.chain.assigned_jobs(context.address, newest))
        return found

    def _report_leftovers(self) -> None:
        """Report what lies in the cache and is no job's; only the owner deletes it."""
        by_job = self._context.disk.files.usage().by_job
        leftovers = [size for name, size in by_job.items() if self._context.book.known(name) is None]
        if leftovers:
            root = self._context.disk.files.root
            self._context.events.publish(Leftovers(len(leftovers), sum(leftovers), root))

    def _directories(self) -> list[JobId]:
        """Return the jobs that have files in the cache."""
        ids = []
        for job_id in self._context.disk.files.usage().by_job:
            try:
                ids.append(parse_job_id(job_id))
            except JobError:
                continue
        return ids

    # ---- taking up

    async def _adopt(self, record: ChainJob, *, claimed_now: bool) -> bool:
        known = self._context.book.known(record.job_id)
        if known is not None:
            return self._reopen(known, record)
        try:
            ended = record.status in ENDS
            size_bytes = 0 if ended else await self._context.storage.size_of(record.dataset)
            job = new_job(self._context, record, size_bytes)
        except (JobError, StorageRejected) as error:
            logger.warning("job %s is ours on the chain and cannot be taken up: %s", record.job_id, error)
            self._publish_costs(events.OrphanLeft, record)
            return False
        job = self._as_on_chain(job, record)
        if job.state is JobState.CLAIMED and not ended:
            job = self._held(job, claimed_now=claimed_now)
        await self._ledger.book_job(job.job_id, record.started_at_unix_s, self._ledger.block or 0)
        self._context.book.add(job)  # from here on nothing fails: what is in the book has a task
        if job.paused:
            self._publish_costs(events.OrphanHeld, record)
        else:
            self._context.events.publish(events.OrphanAdopted(job.state), job_id=job.job_id)
        self._on_adopted(job.job_id)
        return True

    def _held(self, job: Job, *, claimed_now: bool) -> Job:
        """Return a claimed job held until the operator decides, where it should not simply go on."""
        if (refusal := claim_refusal(self._context, replace(job, by_hand=True))) is not None:
            return replace(job, paused=True, error=TooLateToFinish(refusal))
        if claimed_now or not self._has_directory(job.job_id):
            return replace(job, paused=True, error=ClaimedBefore())
        return job

    def _reopen(self, known: Job, record: ChainJob) -> bool:
        """Take up a job that we took for ended, and which the chain says goes on, or ended otherwise."""
        reserved_bytes = known.reserved_bytes
        if record.status in _DELIVERED:
            state = JobState.SUBMITTED
        elif known.result_name:
            state = JobState.SUBMITTING
        else:
            state, reserved_bytes = JobState.CLAIMED, bytes_to_reserve(self._context, known)
        self._context.book.reopen(
            known.job_id, state, seen_end=ENDS.get(record.status), reserved_bytes=reserved_bytes
        )
        self._context.events.publish(events.FinalEndUndone(known.state), job_id=known.job_id)
        self._on_adopted(known.job_id)
        return True

    def _as_on_chain(self, job: Job, record: ChainJob) -> Job:
        """Return a job as the chain shows it; how it ended, if it has, is the watcher's to book."""
        job = replace(
            job, state=JobState.CLAIMED, deposit_wei=record.deposit_wei, seen_end=ENDS.get(record.status)
        )
        if not record.submitted_at_unix_s:
            return job
        return replace(
            job,
            state=JobState.SUBMITTED,
            result_name=record.result,
            submitted_at_unix_s=float(record.submitted_at_unix_s),
            reserved_bytes=0,
        )

    def _publish_costs(self, kind: type[events.OrphanHeld | events.OrphanLeft], record: ChainJob) -> None:
        body = kind(record.deposit_wei, *self._context.rates.giving_up_costs_wei(record.deposit_wei))
        self._context.events.publish(body, job_id=record.job_id)
