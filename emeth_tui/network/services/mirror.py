"""A copy of the chain's jobs, kept current by its events: the info server serves it, the bots act on it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping
from types import MappingProxyType

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contract_events import JobCanceled, JobRequested, StatusChanged
from emeth_tui.errors import NetworkError
from emeth_tui.model import Head, JobId
from emeth_tui.protocol.contracts import ChainJob

_logger = logging.getLogger(__name__)


class JobMirror:
    """All jobs on the chain in the order of their requests, and its newest block."""

    def __init__(self, chain: ChainClient, *, interval_s: float = 0.5) -> None:
        self._chain = chain
        self._interval_s = interval_s
        self._jobs: dict[JobId, ChainJob] = {}
        self._head: Head | None = None
        self._changed = asyncio.Condition()
        self._turn = asyncio.Lock()
        self._version = 0
        self._answered_s = 0.0  # by the clock that never steps; 0 before the first answer

    @property
    def jobs(self) -> Mapping[JobId, ChainJob]:
        return MappingProxyType(self._jobs)

    @property
    def head(self) -> Head | None:
        """The newest block seen; None before the first refresh."""
        return self._head

    @property
    def version(self) -> int:
        """The number of blocks seen; if it is unchanged, nothing has happened."""
        return self._version

    @property
    def age_s(self) -> float:
        """How long ago the chain last answered; endless before it did."""
        return time.monotonic() - self._answered_s if self._answered_s else math.inf

    async def run(self) -> None:
        """Keep the copy current until cancelled. Raise NetworkError when the chain does not answer."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._interval_s)

    async def wait_beyond(self, version: int) -> int:
        """Wait until `version` has been exceeded, and return the new one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._version > version)
            return self._version

    async def refresh(self) -> None:
        """Read the changes since the last block seen, or everything again if that block is gone."""
        async with self._turn:  # of two at once, the slower would overwrite newer data
            await self._refresh()

    async def _refresh(self) -> None:
        head = await self._chain.head()
        if self._head is not None and head == self._head:
            self._answered_s = time.monotonic()
            return
        known = self._jobs
        if self._head is None or not await self._is_on_chain(self._head):
            known, first_block = {}, self._chain.network.first_block
        else:
            first_block = self._head.number + 1
        touched = await self._touched(first_block, head.number)
        current = await self._chain.jobs(touched)
        self._jobs = {**known, **{job_id: current[job_id] for job_id in touched if job_id in current}}
        self._head = head
        self._answered_s = time.monotonic()
        async with self._changed:
            self._version += 1
            self._changed.notify_all()

    async def _touched(self, first_block: int, last_block: int) -> list[JobId]:
        """Return the jobs named by these blocks' events, each once, in the chain's order."""
        events = await self._chain.events(first_block, last_block)
        job_events = (
            event for event in events if isinstance(event, (JobRequested, StatusChanged, JobCanceled))
        )
        return list(dict.fromkeys(event.job_id for event in job_events))

    async def _is_on_chain(self, seen: Head) -> bool:
        """Whether a block is still on the chain: a test may have reverted the chain to a snapshot."""
        try:
            return (await self._chain.head(seen.number)).hash == seen.hash
        except NetworkError as error:
            _logger.info("block %d is gone; reading all jobs again: %s", seen.number, error)
            return False
