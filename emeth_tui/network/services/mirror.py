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
from emeth_tui.network.records.jobs import JobRecords
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.protocol.job_ids import training_seed

# With each new block: an endpoint may show a block before its logs and its state, for a few blocks, and what
# was missed once would be missed for ever.
READ_AGAIN_BLOCKS = 6

_logger = logging.getLogger(__name__)


class JobMirror:
    """All jobs on the chain in the order of their requests, and its newest block.

    With `kept` a start goes on where the last one was, and services that share them share the reading.
    """

    def __init__(
        self, chain: ChainClient, kept: JobRecords | None = None, *, interval_s: float = 0.5
    ) -> None:
        self._chain = chain
        self._kept = kept
        self._kept_version = 0
        self._is_anothers = False  # whether another service's endpoint showed the newest block
        self._interval_s = interval_s
        self._jobs: dict[JobId, ChainJob] = {}
        self._first_of_seed: dict[int, JobId] = {}
        self._repeated: dict[JobId, JobId] = {}
        self._head: Head | None = None
        self._changed = asyncio.Condition()
        self._turn = asyncio.Lock()
        self._version = 0
        self._answered_s = 0.0  # by the clock that never steps; 0 before the first answer

    @property
    def jobs(self) -> Mapping[JobId, ChainJob]:
        return MappingProxyType(self._jobs)

    @property
    def repeated(self) -> Mapping[JobId, JobId]:
        """Jobs whose seed an earlier job has, and that job: on one text, both would be the same training.

        A requester chooses its jobs' ids, and so their seeds. Empty where nobody asks whose work a result is.
        """
        return MappingProxyType(self._repeated)

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
        await self._catch_up()
        head = await self._chain.head()
        if self._head is not None and self._is_no_news(head, self._head):
            self._answered_s = time.monotonic()
            return
        is_whole = self._head is None or not await self._is_on_chain(self._head)
        first_block = self._chain.network.first_block
        if self._head is not None and not is_whole:
            first_block = max(first_block, self._head.number + 1 - READ_AGAIN_BLOCKS)
        touched = await self._touched(first_block, head.number)
        found = await self._chain.jobs(touched, head.number)  # as of one block, whoever answers each call
        known = {} if is_whole else self._jobs
        changed = {id_: found[id_] for id_ in touched if id_ in found and found[id_] != known.get(id_)}
        self._answered_s = time.monotonic()
        if self._kept is not None:
            version = await self._kept.advance(self._kept_version, head, changed, is_whole=is_whole)
            if version is None:  # another service was first
                await self._catch_up()
                return
            self._kept_version = version
            self._is_anothers = False
        await self._take(head, changed, is_whole=is_whole)

    def _is_no_news(self, head: Head, seen: Head) -> bool:
        """Whether the chain stands still, or this endpoint is behind that of another service."""
        return head == seen or (self._is_anothers and head.number < seen.number)

    async def _catch_up(self) -> None:
        """Take over what another service kept, or an earlier run."""
        kept = await self._kept.since(self._kept_version) if self._kept is not None else None
        if kept is None:
            return
        self._is_anothers = self._kept_version > 0
        self._kept_version = kept.version
        await self._take(kept.head, kept.jobs, is_whole=kept.is_whole)

    async def _take(self, head: Head, changed: Mapping[JobId, ChainJob], *, is_whole: bool) -> None:
        """Take over the jobs that changed, or all there are."""
        if is_whole:
            self._jobs, self._first_of_seed, self._repeated = {}, {}, {}
        self._jobs = {**self._jobs, **changed}
        if self._chain.network.verification != "chain":
            for job_id in changed:
                first = self._first_of_seed.setdefault(training_seed(job_id), job_id)
                if first != job_id:
                    self._repeated[job_id] = first
        self._head = head
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
