"""The info server: the chain's jobs over HTTP, lagging a little behind the chain (protocol.md §4)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emeth_tui.errors import JobError
from emeth_tui.model import JobId
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.info_api import JOBS_PATH
from emeth_tui.protocol.job_ids import parse_job_id

_STATUSES = {str(status) for status in range(10)}  # protocol.md §3

DatasetSize = Callable[[str], "int | None"]
RejectionOf = Callable[[JobId], "dict[str, Any] | None"]


class InfoApp:
    """Serves what the mirror held `lag_s` seconds ago. Keep `follow` running."""

    def __init__(
        self,
        mirror: JobMirror,
        dataset_size: DatasetSize,
        rejection_of: RejectionOf = lambda _job_id: None,
        *,
        lag_s: float = 1.0,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mirror = mirror
        self._dataset_size = dataset_size
        self._rejection_of = rejection_of
        self._lag_s = lag_s
        self._monotonic_s = monotonic_s
        self._history: deque[tuple[float, dict[JobId, ChainJob]]] = deque()
        self._shown: dict[JobId, ChainJob] = {}

    def asgi(self) -> Starlette:
        """Return the application for a server to run."""
        return Starlette(routes=[Route(JOBS_PATH, self._list), Route(JOBS_PATH + "/{job_id}", self._one)])

    async def follow(self) -> None:
        """Follow the mirror until cancelled."""
        version = self._mirror.version
        self.take()
        while True:
            version = await self._mirror.wait_beyond(version)
            self.take()

    def take(self) -> None:
        """Record what the mirror holds now; it is served once the lag has passed."""
        self._history.append((self._monotonic_s(), dict(self._mirror.jobs)))
        self._catch_up()

    def _catch_up(self) -> Mapping[JobId, ChainJob]:
        horizon_s = self._monotonic_s() - self._lag_s
        while self._history and self._history[0][0] <= horizon_s:
            _, self._shown = self._history.popleft()
        return self._shown

    async def _list(self, request: Request) -> Response:
        status = request.query_params.get("status")
        if status is not None and status not in _STATUSES:
            return JSONResponse({"error": "status is a number from 0 to 9"}, status_code=400)
        return JSONResponse(
            [
                self._entry(job)
                for job in self._catch_up().values()
                if status is None or job.status == int(status)
            ]
        )

    async def _one(self, request: Request) -> Response:
        try:
            job = self._catch_up().get(parse_job_id(request.path_params["job_id"]))
        except JobError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        if job is None:
            return JSONResponse({"error": "there is no such job"}, status_code=404)
        return JSONResponse(self._entry(job))

    def _entry(self, job: ChainJob) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "id": job.job_id,
            "owner": job.owner,
            "status": int(job.status),
            "programId": job.program_id,
            "datasetPath": job.dataset,
            "param": job.param,
            "datasetSize": self._dataset_size(job.dataset) or 0,
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
        if job.status is JobStatus.FAILED and (rejection := self._rejection_of(job.job_id)):
            entry["rejection"] = rejection
        return entry
