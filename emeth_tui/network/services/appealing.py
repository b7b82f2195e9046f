"""Appeals over HTTP: a node reads that its result is to be rejected and appeals, a second verifier answers.

Whoever asks reads a held rejection, as a reason for one that is final. Only the job's own node appeals, once,
and only the second verifier that the operator named gives opinions (protocol.md §9c).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emeth_tui.model import JobId
from emeth_tui.network.services.signed_calls import SignedCall, check_signed, job_id_of, read_body
from emeth_tui.network.services.storing import FindJob
from emeth_tui.network.verification.appeals import Appeals, Held, entry_of
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.protocol.appeals import (
    APPEAL_PATH,
    OPEN_APPEALS_PATH,
    OPINION_PATH,
    appeal_text,
    opinion_text,
)
from emeth_tui.protocol.contracts import JobStatus


class OpinionCall(SignedCall):
    """What a second verifier thinks of a job's result; `reason` is why it would reject it."""

    is_accepted: bool = Field(alias="accepted")
    result: str = Field(max_length=1_024)
    reason: dict[str, object] = Field(default_factory=dict)


class AppealsApp:
    """The routes of appeals of one EmethCore's jobs; `find_job` reads a job from the chain."""

    def __init__(
        self,
        appeals: Appeals,
        find_job: FindJob,
        core_address: str,
        *,
        now_unix_s: Callable[[], float] = time.time,
        wait_of_account: Callable[[str], float] = lambda _account: 0.0,
    ) -> None:
        self._appeals = appeals
        self._find_job = find_job
        self._core_address = core_address
        self._now_unix_s = now_unix_s
        self._wait_of_account = wait_of_account

    def routes(self) -> list[Route]:
        """Return the routes, for an application that answers HTTPExceptions and what a database raises."""
        return [
            Route(APPEAL_PATH, self._read, methods=["GET"]),
            Route(APPEAL_PATH, self._appeal, methods=["POST"]),
            Route(OPEN_APPEALS_PATH, self._open, methods=["POST"]),
            Route(OPINION_PATH, self._opinion, methods=["POST"]),
        ]

    async def _read(self, request: Request) -> Response:
        held = await self._held(job_id_of(request.path_params["job_id"]))
        return JSONResponse(
            {
                "rejection": held.reason,
                "until": held.until_unix_s,
                "appealed": held.asked_unix_s is not None,
                "open": self._appeals.may_appeal(held),
            }
        )

    async def _appeal(self, request: Request) -> Response:
        """Ask for a second opinion, for the node whose result is held."""
        call = await read_body(request, SignedCall)
        job_id = job_id_of(request.path_params["job_id"])
        check_signed(call, self._now_unix_s(), appeal_text(job_id, self._core_address))
        if wait_s := self._wait_of_account(call.address.lower()):
            raise HTTPException(429, "too many calls", {"retry-after": str(max(1, math.ceil(wait_s)))})
        held = await self._held(job_id)
        job = await self._find_job(job_id)
        is_held = job is not None and job.status is JobStatus.SUBMITTED and job.result == held.result
        if job is None or not is_held or job.node.lower() != call.address.lower():
            raise HTTPException(403, f"job {job_id} is not submitted by {call.address}")
        if not await self._appeals.appeal(job_id):
            raise HTTPException(409, f"job {job_id}: the time for an appeal is over")
        return JSONResponse({"appealed": True})

    async def _open(self, request: Request) -> Response:
        """List the jobs of which an opinion is asked, for the second verifier."""
        call = await read_body(request, SignedCall)
        self._check_second(call, call.job_id)
        return JSONResponse({"jobs": [held.job_id for held in await self._appeals.open_ones()]})

    async def _opinion(self, request: Request) -> Response:
        call = await read_body(request, OpinionCall)
        job_id = job_id_of(call.job_id)
        core, is_accepted = self._core_address, call.is_accepted
        self._check_second(call, opinion_text(job_id, core, call.result, is_accepted=is_accepted))
        held = await self._held(job_id)
        if held.result != call.result:
            raise HTTPException(409, f"job {job_id} has another result now")
        opinion = {"accepted": call.is_accepted}
        if not call.is_accepted:
            opinion |= json.loads(entry_of(from_data(Reason, call.reason)))
        await self._appeals.note_opinion(job_id, call.result, opinion)
        return JSONResponse({})

    def _check_second(self, call: SignedCall, text: str) -> None:
        if call.address.lower() != self._appeals.rule.second.lower():
            raise HTTPException(403, "only the second verifier gives opinions")
        check_signed(call, self._now_unix_s(), text)

    async def _held(self, job_id: JobId) -> Held:
        held = await self._appeals.of(job_id)
        if held is None:
            raise HTTPException(404, f"job {job_id}: no rejection is held")
        return held
