"""The info server's list of jobs: a hint about where to look, never a fact (protocol.md §4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, Reply, exchange
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.info_list import parse_list
from emeth_tui.errors import InfoServerError
from emeth_tui.foreign_text import endpoint
from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.exchange import UnexpectedStatus
from emeth_tui.notices.reasons.network.info_server import InfoServerDown, NotJobJson
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.info_api import JOBS_PATH, ListEntry, read_rejection
from emeth_tui.settings import Network

LIST_LIMITS = Limits(max_bytes=64_000_000, deadline_s=30.0)  # a hundred thousand jobs take 34 MB
JOB_LIMITS = Limits(max_bytes=262_144, deadline_s=30.0)
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

    async def requested_jobs(self) -> AsyncIterator[list[ListEntry]]:
        """Yield the jobs listed as waiting for a node, some at a time; skip invalid entries, log each once.

        A job may come twice. Raise InfoServerError when the server does not answer with a list.
        """
        async for entries in self._entries(JobStatus.REQUESTED):
            yield [entry for entry in entries if entry.status == JobStatus.REQUESTED]

    async def assigned_jobs(self, address: str) -> list[JobId]:
        """Return the jobs listed as under way with a node, or submitted by it. Raise InfoServerError."""
        found: dict[JobId, None] = {}
        for status in (JobStatus.PROCESSING, JobStatus.SUBMITTED):
            async for entries in self._entries(status):
                theirs = (entry for entry in entries if (entry.node or "").lower() == address.lower())
                found |= {entry.job_id: None for entry in theirs}
        return list(found)

    async def rejection(self, job_id: JobId) -> Reason | None:
        """Return why a job's result was rejected, None where the server does not say. Raise InfoServerError.

        Servers of the original kind have no entry of a single job.
        """
        url = f"{self._url}/{job_id}"
        try:
            reply = await exchange(self._client, "GET", url, JOB_LIMITS)
        except ExchangeFailed as error:
            raise InfoServerError(InfoServerDown(error.reason)) from error
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise InfoServerError(InfoServerDown(UnexpectedStatus(self._where, reply.status)))
        try:
            return read_rejection(reply.body)
        except (ValueError, RecursionError) as error:
            raise InfoServerError(NotJobJson(self._where)) from error

    async def _entries(self, status: JobStatus) -> AsyncIterator[list[ListEntry]]:
        try:
            reply = await self._retry.persist(partial(self._fetch_list, status), "info server")
        except ExchangeFailed as error:
            raise InfoServerError(InfoServerDown(error.reason)) from error
        if reply.status != 200:
            raise InfoServerError(InfoServerDown(UnexpectedStatus(self._where, reply.status)))
        for entries, bad_entries in parse_list(self._where, reply.body):
            self._log_new(bad_entries)
            yield entries
            await asyncio.sleep(0)  # nobody waits for a whole list

    async def _fetch_list(self, status: JobStatus) -> Reply:
        params = {"status": int(status)}
        return await exchange(self._client, "GET", self._url, self._limits, params=params)

    def _log_new(self, bad_entries: dict[str, str]) -> None:
        for name, problem in bad_entries.items():
            if name not in self._bad_entries and len(self._bad_entries) < MAX_REMEMBERED:
                self._bad_entries.add(name)
                _logger.warning("info server: skipping entry %s: %s", name, problem)
