"""The info server's list of jobs: a hint about where to look, never a fact (protocol.md §4)."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from anyio import to_thread
from pydantic import ValidationError
from pydantic_core import from_json

from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, Reply, exchange
from emeth_tui.clients.http.transport import Transport
from emeth_tui.errors import InfoServerError
from emeth_tui.foreign_text import endpoint, one_line
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.exchange import UnexpectedStatus
from emeth_tui.notices.reasons.network.info_server import InfoServerDown, NotJobJson, NotJobList
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.info_api import JOBS_PATH, ListedJob
from emeth_tui.settings import Network

LIST_LIMITS = Limits(max_bytes=16_000_000, deadline_s=20.0)
PATIENCE_S = 15.0  # no further attempt after that: the next look is one
MAX_REMEMBERED = 10_000  # invalid entries that are not logged again

_logger = logging.getLogger(__name__)


class InfoServer:
    """Reads one info server."""

    def __init__(self, network: Network, transport: Transport, limits: Limits = LIST_LIMITS) -> None:
        self._url = network.info_url + JOBS_PATH
        self._where = endpoint(network.info_url)
        self._client = transport.client
        self._retry = replace(transport.retry, patience_s=PATIENCE_S)
        self._limits = limits
        self._bad_entries: set[str] = set()

    async def requested_jobs(self) -> list[ListedJob]:
        """Return the jobs listed as waiting for a node; skip invalid entries, and log each once.

        Raise InfoServerError when the server does not answer with a list.
        """
        return [job for job in await self._jobs(JobStatus.REQUESTED) if job.status == JobStatus.REQUESTED]

    async def assigned_jobs(self, address: str) -> list[JobId]:
        """Return the jobs listed as under way with a node, or submitted by it. Raise InfoServerError."""
        listed = [
            *await self._jobs(JobStatus.PROCESSING),
            *await self._jobs(JobStatus.SUBMITTED),
        ]
        return [job.job_id for job in listed if (job.node or "").lower() == address.lower()]

    async def _jobs(self, status: JobStatus) -> list[ListedJob]:
        try:
            reply = await self._retry.persist(partial(self._fetch_list, status), "info server")
        except ExchangeFailed as error:
            raise InfoServerError(InfoServerDown(error.reason)) from error
        if reply.status != 200:
            raise InfoServerError(InfoServerDown(UnexpectedStatus(self._where, reply.status)))
        jobs, bad_entries = await to_thread.run_sync(parse_list, self._where, reply.body)
        self._log_new(bad_entries)
        return jobs

    async def _fetch_list(self, status: JobStatus) -> Reply:
        params = {"status": int(status)}
        return await exchange(self._client, "GET", self._url, self._limits, params=params)

    def _log_new(self, bad_entries: dict[str, str]) -> None:
        for name, problem in bad_entries.items():
            if name not in self._bad_entries and len(self._bad_entries) < MAX_REMEMBERED:
                self._bad_entries.add(name)
                _logger.warning("info server: skipping entry %s: %s", name, problem)


def parse_list(where: str, body: bytes) -> tuple[list[ListedJob], dict[str, str]]:
    """Return a list's valid entries, each job once, and what is wrong with the invalid ones, by name."""
    try:
        entries = from_json(body)
    except ValueError as error:
        raise InfoServerError(NotJobJson(where)) from error
    if not isinstance(entries, list):
        raise InfoServerError(NotJobList(where))
    jobs: dict[JobId, ListedJob] = {}
    bad_entries: dict[str, str] = {}
    for entry in entries:
        try:
            job = ListedJob.model_validate(entry)
        except ValidationError as error:
            bad_entries[_name(entry)] = _problem(error)
        else:
            jobs.setdefault(job.job_id, job)
    return list(jobs.values()), bad_entries


def _name(entry: object) -> str:
    return one_line(entry.get("id"), 40) if isinstance(entry, dict) else one_line(type(entry).__name__)


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return one_line(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
