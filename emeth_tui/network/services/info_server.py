"""The info server: the chain's jobs over HTTP, lagging a little behind the chain (protocol.md §4)."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emeth_tui.errors import JobError, ServiceError
from emeth_tui.model import JobId
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.services.signed_calls import HANDLERS
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.info_api import JOBS_PATH
from emeth_tui.protocol.job_ids import parse_job_id

_STATUSES = {str(status) for status in range(10)}  # protocol.md §3

DatasetSize = Callable[[str], Awaitable["int | None"]]
RejectionOf = Callable[[JobId], Awaitable["dict[str, Any] | None"]]


class InfoApp:
    """Serves what the mirror held `lag_s` seconds ago. Keep `follow` running.

    A job that repeats another's seed is left out: its node's work would not be accepted.

    `dataset_size` is asked once for each dataset, when a job that names it is seen first: so it settles the
    dataset before a node hears of the job. `rejection_of` is asked once for each rejected job, in the same
    way. No request waits for either.
    """

    def __init__(
        self,
        mirror: JobMirror,
        dataset_size: DatasetSize,
        rejection_of: RejectionOf | None = None,
        more_routes: Sequence[Route] = (),
        *,
        lag_s: float = 1.0,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mirror = mirror
        self._dataset_size = dataset_size
        self._rejection_of = rejection_of
        self._more_routes = more_routes
        self._lag_s = lag_s
        self._monotonic_s = monotonic_s
        self._history: deque[tuple[float, dict[JobId, ChainJob]]] = deque()
        self._shown: dict[JobId, ChainJob] = {}
        self._sizes: dict[str, int] = {}
        self._rejections: dict[JobId, tuple[ChainJob, dict[str, Any] | None]] = {}
        self._entries: dict[JobId, tuple[ChainJob, bytes]] = {}
        self._lists: dict[str | None, bytes] = {}  # of `_shown`, by the status asked for

    def asgi(self) -> Starlette:
        """Return the application for a server to run."""
        own = [Route(JOBS_PATH, self._list), Route(JOBS_PATH + "/{job_id}", self._one)]
        return Starlette(routes=[*own, *self._more_routes], exception_handlers=HANDLERS)

    async def follow(self) -> None:
        """Follow the mirror until cancelled."""
        version = self._mirror.version
        await self.take()
        while True:
            version = await self._mirror.wait_beyond(version)
            await self.take()

    async def take(self) -> None:
        """Record what the mirror holds now; it is served once the lag has passed.

        Raise ServiceError, or OSError, where a dataset cannot be settled; jobs that name it are left out.
        """
        jobs = {id_: job for id_, job in self._mirror.jobs.items() if id_ not in self._mirror.repeated}
        seen_s = self._monotonic_s()
        trouble: Exception | None = None
        for dataset in {job.dataset for job in jobs.values()} - self._sizes.keys():
            try:
                self._sizes[dataset] = await self._dataset_size(dataset) or 0
            except (ServiceError, OSError) as error:
                trouble = error
        await self._take_rejections(jobs.values())
        listed = {job_id: job for job_id, job in jobs.items() if job.dataset in self._sizes}
        self._history.append((seen_s, listed))
        self._catch_up()
        if trouble is not None:
            raise trouble

    async def _take_rejections(self, jobs: Iterable[ChainJob]) -> None:
        for job in jobs:
            if self._rejection_of is None or job.status is not JobStatus.FAILED:
                continue
            known = self._rejections.get(job.job_id)
            if known is None or known[0] != job:
                self._rejections[job.job_id] = (job, await self._rejection_of(job.job_id))

    def _catch_up(self) -> Mapping[JobId, ChainJob]:
        horizon_s = self._monotonic_s() - self._lag_s
        while self._history and self._history[0][0] <= horizon_s:
            _, self._shown = self._history.popleft()
            self._lists.clear()
        return self._shown

    async def _list(self, request: Request) -> Response:
        status = request.query_params.get("status")
        if status is not None and status not in _STATUSES:
            return JSONResponse({"error": "status is a number from 0 to 9"}, status_code=400)
        jobs = self._catch_up().values()
        if status not in self._lists:
            self._lists[status] = self._written(
                job for job in jobs if status is None or job.status == int(status)
            )
        return Response(self._lists[status], media_type="application/json")

    def _written(self, jobs: Iterable[ChainJob]) -> bytes:
        return b"[" + b",".join(self._encoded(job) for job in jobs) + b"]"

    def _encoded(self, job: ChainJob) -> bytes:
        known = self._entries.get(job.job_id)
        if known is None or known[0] != job:
            known = (job, json.dumps(self._entry(job), ensure_ascii=False).encode())
            self._entries[job.job_id] = known
        return known[1]

    async def _one(self, request: Request) -> Response:
        try:
            job = self._catch_up().get(parse_job_id(request.path_params["job_id"]))
        except JobError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        if job is None:
            return JSONResponse({"error": "there is no such job"}, status_code=404)
        return Response(self._encoded(job), media_type="application/json")

    def _entry(self, job: ChainJob) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "id": job.job_id,
            "owner": job.owner,
            "status": int(job.status),
            "programId": job.program_id,
            "datasetPath": job.dataset,
            "param": job.param,
            "datasetSize": self._sizes.get(job.dataset, 0),
            "fee": str(job.fee_wei),
            "deadline": job.deadline_unix_s,
            "requestedAt": job.requested_at_unix_s,
        }
        if job.started_at_unix_s:
            entry |= {"node": job.node, "deposit": str(job.deposit_wei), "startedAt": job.started_at_unix_s}
        if job.submitted_at_unix_s:
            entry["submittedAt"] = job.submitted_at_unix_s
        if job.verified_at_unix_s:
            entry["verifiedAt"] = job.verified_at_unix_s
        known = self._rejections.get(job.job_id)
        if job.status is JobStatus.FAILED and known is not None and known[1] is not None:
            entry["rejection"] = known[1]
        return entry
