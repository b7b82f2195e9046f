"""What chain and storage say about listed jobs, many at once, remembered while a listing stays as it is.

A hundred bad offers above a good one must not keep it waiting, look after look. So jobs are looked into in
batches, those never seen first; what rules one out is found again without asking anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeGuard

from emeth_tui.engine.context import Context
from emeth_tui.engine.market.prepare import unsuitable
from emeth_tui.engine.market.rules import ClaimRules
from emeth_tui.errors import JobError, StorageError, StorageRejected
from emeth_tui.model import JobId, ServiceName
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.market import DatasetUnavailable, UnknownToChain
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.info_api import ListedJob, ListEntry

LOOKED_INTO_AT_ONCE = 20
LOOKED_INTO_A_LOOK = 400  # a server that invents jobs must not make us query the chain for ever
SIZES_AT_ONCE = 8
RECHECK_S = 60.0  # what may change although the listing does not: a dataset that arrives, a claim undone


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about a listed job. `record` is None where the chain has none.

    `dataset` is the dataset's size in bytes, or why there is none; the listing's word for it where the record
    alone rules the job out.
    """

    listing: ListedJob
    record: ChainJob | None
    dataset: int | Reason
    found_at_s: float  # monotonic
    was_unsuitable: bool = False

    @property
    def may_change(self) -> bool:
        """Whether the job may be found suitable another time, listed as it is."""
        is_offered = self.record is not None and self.record.status is JobStatus.REQUESTED
        return not is_offered or isinstance(self.dataset, Reason)


class Findings:
    """What is known of the jobs that are listed now."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_job: dict[JobId, Finding] = {}

    @contextmanager
    def forgetting_unlisted(self) -> Iterator[Callable[[Iterable[ListEntry]], None]]:
        """Yield a function that takes a new list piece by piece.

        Jobs that are not in it, or listed otherwise, are forgotten when it is whole; else all stay.
        """
        known, kept = self._by_job, dict[JobId, Finding]()

        def take(entries: Iterable[ListEntry]) -> None:
            for entry in entries if known else ():
                finding = known.get(entry.job_id)
                if finding is not None and entry.lists(finding.listing):
                    kept[entry.job_id] = finding

        yield take
        self._by_job = kept

    @property
    def wanting(self) -> Collection[JobId]:
        """The jobs that were unsuitable when they were looked into."""
        return {job_id for job_id, finding in self._by_job.items() if finding.was_unsuitable}

    def forget(self, job_id: JobId) -> None:
        """Have a job looked into again."""
        self._by_job.pop(job_id, None)

    def refusal(self, job_id: JobId, rules: ClaimRules) -> Reason | None:
        """Return why a job is not suitable by what was found, None where nothing is known against it."""
        finding = self._by_job.get(job_id)
        return None if finding is None else self._judged(finding, rules)

    def knows(self, job_id: JobId) -> bool:
        """Whether a job has been looked into as it is listed."""
        return job_id in self._by_job

    def to_look_into(self, jobs: Iterable[ListedJob]) -> list[ListedJob]:
        """Return the jobs to look into now, in their order, as many as one look may.

        Those never seen go before those that may have changed by now.
        """
        jobs = list(jobs)
        new = [job for job in jobs if not self.knows(job.job_id)]
        old = [job for job in jobs if self.knows(job.job_id) and self._is_due(self._by_job[job.job_id])]
        chosen = {job.job_id for job in (new + old)[:LOOKED_INTO_A_LOOK]}
        return [job for job in jobs if job.job_id in chosen]

    async def look_into(self, jobs: Sequence[ListedJob], rules: ClaimRules) -> None:
        """Read jobs' records, and ask for the size of what they do not rule out. Raise NetworkError."""
        records = await self._context.chain.jobs([job.job_id for job in jobs])
        now_s = self._context.clock.monotonic_s()
        found = {job.job_id: Finding(job, records.get(job.job_id), job.dataset_bytes, now_s) for job in jobs}
        wanted = {
            job_id: finding.record.dataset
            for job_id, finding in found.items()
            if finding.record is not None and self._judged(finding, rules) is None
        }
        sizes = await self._sizes(wanted.values())
        for job_id, seen in found.items():
            finding = replace(seen, dataset=sizes[wanted[job_id]]) if job_id in wanted else seen
            self._by_job[job_id] = replace(finding, was_unsuitable=self._judged(finding, rules) is not None)

    def _is_due(self, finding: Finding) -> bool:
        age_s = self._context.clock.monotonic_s() - finding.found_at_s
        return finding.may_change and age_s >= RECHECK_S

    def _judged(self, finding: Finding, rules: ClaimRules) -> Reason | None:
        if finding.record is None:
            return UnknownToChain()
        if isinstance(finding.dataset, Reason):
            return DatasetUnavailable(finding.dataset)
        refusal = unsuitable(self._context, finding.record, finding.dataset, rules)
        return None if refusal is None else refusal.reason

    async def _sizes(self, datasets: Iterable[str]) -> dict[str, int | Reason]:
        """Ask the storage for datasets' sizes, a few at once.

        A storage that stumbles over one name answers for the others; raise StorageError when it does not.
        """
        turns = asyncio.Semaphore(SIZES_AT_ONCE)

        async def size(dataset: str) -> int | JobError | StorageError:
            async with turns:
                try:
                    return await self._context.storage.size_of(dataset)
                except (JobError, StorageError) as error:
                    return error

        names = list(dict.fromkeys(datasets))
        answers = await asyncio.gather(*map(size, names))
        silences = [answer for answer in answers if _is_silence(answer)]
        if silences and len(silences) == len(answers):
            raise silences[0]
        if answers:
            self._context.health.works(ServiceName.STORAGE)
        return {
            name: answer if isinstance(answer, int) else answer.reason
            for name, answer in zip(names, answers, strict=True)
        }


def _is_silence(answer: object) -> TypeGuard[StorageError]:
    return isinstance(answer, StorageError) and not isinstance(answer, StorageRejected)
