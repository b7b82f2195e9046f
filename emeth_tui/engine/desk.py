"""Who works on what: workers are lent to jobs one at a time, in the order of asking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from emeth_tui.model import JobId
from emeth_tui.workers.supervisor import Worker


class WorkerDesk:
    """Lends workers to jobs."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.workers = tuple(workers)
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in workers:
            self._free.put_nowait(worker)
        self._lent: dict[JobId, Worker] = {}

    @asynccontextmanager
    async def lend(self, job_id: JobId) -> AsyncIterator[Worker]:
        """Wait for a free worker and have it for one job."""
        worker = await self._free.get()
        self._lent[job_id] = worker
        try:
            yield worker
        finally:
            del self._lent[job_id]
            self._free.put_nowait(worker)

    def of_job(self, job_id: JobId) -> Worker | None:
        """Tell which worker a job has at this moment."""
        return self._lent.get(job_id)
