"""What belongs to no job is removed after a while: uploads that their job outlived, datasets never requested.

Nothing is removed on one look: a thing has to be an orphan for all of the time, at every look in between.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping

from emeth_tui.errors import JobError
from emeth_tui.model import JobId
from emeth_tui.network.objects.store import Kind, Stored
from emeth_tui.network.records.orphans import Orphans
from emeth_tui.network.services.storing import FindJob, Storing
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.job_ids import parse_job_id
from emeth_tui.protocol.storage_api import DATASET_EXTENSION

CLAIM = "claim"  # of a dataset's name
_UNDER_WAY = frozenset({JobStatus.PROCESSING, JobStatus.SUBMITTED})  # results and states may be asked for
LOOKS = 24  # at an orphan before it is removed

_logger = logging.getLogger(__name__)


class Sweeper:
    """Removes what no job names. `jobs` are those on the chain; None while that is not known."""

    def __init__(
        self,
        storing: Storing,
        orphans: Orphans,
        jobs: Callable[[], Mapping[JobId, ChainJob] | None],
        find_job: FindJob,
        *,
        kept_s: int,
        looks: int = LOOKS,
        now_unix_s: Callable[[], float] = time.time,
    ) -> None:
        self._objects = storing.objects
        self._datasets = storing.datasets
        self._uploads = storing.uploads
        self._orphans = orphans
        self._jobs = jobs
        self._find_job = find_job
        self._kept_s = kept_s
        self._looks = looks
        self._now_unix_s = now_unix_s

    async def run(self) -> None:
        """Look again and again until cancelled. Raise ServiceError, or NetworkError."""
        while True:
            await self.sweep()
            await asyncio.sleep(self._kept_s / self._looks)

    async def sweep(self) -> int:
        """Look once; return how many things were removed. Raise ServiceError, or NetworkError."""
        jobs = self._jobs()
        if jobs is None:
            return 0
        named = _Named(jobs.values(), await self._uploads.begun())
        stored = {(one.kind.value, one.handle): one async for one in self._objects.everything()}
        claims = {(CLAIM, name): name for name in await self._datasets.names()}
        orphans = [key for key, one in stored.items() if not named.has(one)]
        orphans += [key for key, name in claims.items() if name not in named.datasets]
        due = await self._orphans.seen(orphans, int(self._now_unix_s()), self._kept_s, self._looks)
        removed = 0
        for key in (one for one in due if one in stored):
            if await self._orphans.has(key) and not await self._is_used(stored[key]):
                await self._remove(stored.pop(key))
                removed += 1
        held = {one.name for one in stored.values()}  # a name stays its owner's while its bytes are there
        for key in (one for one in due if one in claims and claims[one] not in held):
            if await self._orphans.has(key):
                await self._datasets.forget(claims[key])
                removed += 1
        return removed

    async def _is_used(self, stored: Stored) -> bool:
        """Whether a dataset's job has just come onto the chain, and it may not be settled yet."""
        if stored.kind not in {Kind.INCOMING, Kind.DATASET}:
            return False
        try:
            job_id = parse_job_id(stored.name.removesuffix(DATASET_EXTENSION))
        except JobError:
            return False
        if await self._find_job(job_id) is None:
            return False
        dataset = await self._datasets.find(stored.name)
        return stored.kind is Kind.DATASET or (dataset is not None and dataset.object_key is None)

    async def _remove(self, stored: Stored) -> None:
        await self._objects.delete(stored)
        if stored.kind is Kind.UPLOAD:
            await self._uploads.forget(stored.handle)
        if stored.kind is Kind.RESULT:
            await self._uploads.forget_result(stored.name)
        _logger.info("removed, for no job names it: %s %s", stored.kind.value, stored.name)


class _Named:
    """What the jobs on the chain name, or may still name."""

    def __init__(self, jobs: Collection[ChainJob], begun: Mapping[str, JobId]) -> None:
        self._begun = begun  # uploads, by their handles
        self.datasets = {job.dataset for job in jobs} | {f"{job.job_id}{DATASET_EXTENSION}" for job in jobs}
        self._results = {job.result for job in jobs if job.result}
        self._under_way = {job.job_id for job in jobs if job.status in _UNDER_WAY}

    def has(self, stored: Stored) -> bool:
        if stored.kind is Kind.DATASET:
            return stored.name in self.datasets
        if stored.kind is Kind.RESULT:
            job_id = stored.name.partition("-")[0]
            return stored.name in self._results or job_id in self._under_way
        if stored.kind is Kind.UPLOAD:
            return self._begun.get(stored.handle) in self._under_way
        return False  # what is still incoming when its job was seen long ago
