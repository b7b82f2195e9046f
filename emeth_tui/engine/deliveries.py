"""Delivers the states of a submitted job's training that the network's verification has drawn.

Nothing is kept of it but the names of what has arrived, beside the states: after a restart the chain draws
the same, and an upload that was broken off goes on.
"""

from __future__ import annotations

import logging
from pathlib import Path

from emeth_tui.clients.chain.drawing import drawing_block, hash_bytes
from emeth_tui.engine.context import Context
from emeth_tui.errors import JobError, NetworkError
from emeth_tui.files import write_atomically
from emeth_tui.job import Job
from emeth_tui.model import Head, JobId, JobState
from emeth_tui.notices.events.job import JobTrouble, StatesDelivered, StatesDrawn, StatesLost
from emeth_tui.notices.notice import Reason, alike
from emeth_tui.protocol.replay import (
    COMMITMENT_NAME,
    Commitment,
    delivered_epochs,
    drawn_segments,
    read_commitment,
    state_extension,
    state_name,
)
from emeth_tui.training.reports import STATES_DIRECTORY

LOOK_EVERY_S = 5.0
_ARRIVED_NAME = "arrived"  # a block's hash, then a state's epoch a line

logger = logging.getLogger(__name__)


class Deliveries:
    """Uploads what is drawn, one state after the other."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._blocks: dict[JobId, Head] = {}
        self._arrived: dict[JobId, tuple[str, list[int]]] = {}  # with the block's hash
        self._reported: dict[JobId, Reason] = {}
        self._lost: set[JobId] = set()

    async def look(self) -> None:
        """Deliver what is due of every submitted job. A job in trouble holds up no other."""
        if self._context.network.verification != "replay":
            return
        for job in self._context.book.open_jobs():
            if job.state is not JobState.SUBMITTED or job.seen_end is not None:
                continue
            try:
                await self._deliver(job)
                self._reported.pop(job.job_id, None)
            except NetworkError as error:
                logger.warning("job %s: its states: %s", job.job_id, error)
                self._report(job.job_id, error.reason)

    async def _deliver(self, job: Job) -> None:
        directory = self._context.disk.files.directory(job.job_id) / STATES_DIRECTORY
        commitment = _commitment_in(directory, job.epochs)
        if commitment is None:
            self._report_lost(job.job_id)
            return
        block = await self._drawing_block(job)
        if block is None:
            return
        segments = drawn_segments(hash_bytes(block), commitment.root, commitment.epochs)
        epochs = delivered_epochs(segments, commitment)
        by_block, arrived = self._arrived.get(job.job_id, ("", None))
        if by_block != block.hash:
            arrived = _arrived(directory, block)
        if arrived is None:
            arrived = []
            _note_arrived(directory, block, arrived)
            self._publish(job.job_id, epochs)
        self._arrived[job.job_id] = block.hash, arrived
        for epoch in epochs:
            if epoch not in arrived and await self._upload(job, directory / state_name(epoch), epoch):
                arrived.append(epoch)
                _note_arrived(directory, block, arrived)

    async def _drawing_block(self, job: Job) -> Head | None:
        """Return the block that draws, looked for again where the chain has another in its place."""
        known = self._blocks.get(job.job_id)
        if known is not None and (await self._context.chain.head(known.number)).hash == known.hash:
            return known
        record = await self._context.chain_job(job)
        block = await drawing_block(self._context.chain, record.submitted_at_unix_s)
        if block is not None:
            self._blocks[job.job_id] = block
        return block

    async def _upload(self, job: Job, path: Path, epoch: int) -> bool:
        """Upload a state; return whether it was there. Raise StorageError."""
        size_bytes = _size_of(path)
        if size_bytes is None:
            self._report_lost(job.job_id)
            return False
        await self._context.storage.upload(job.job_id, path, extension=state_extension(epoch))
        delivered = StatesDelivered(epoch, size_bytes)
        self._context.events.publish(delivered, job_id=job.job_id)
        return True

    def _publish(self, job_id: JobId, epochs: list[int]) -> None:
        drawn = StatesDrawn(", ".join(map(str, epochs)), self._context.network.delivery_s)
        self._context.events.publish(drawn, job_id=job_id)

    def _report(self, job_id: JobId, reason: Reason) -> None:
        if not alike(reason, self._reported.get(job_id)):
            self._reported[job_id] = reason
            self._context.events.publish(JobTrouble(reason), job_id=job_id)

    def _report_lost(self, job_id: JobId) -> None:
        if job_id not in self._lost:
            self._lost.add(job_id)
            self._context.events.publish(StatesLost(), job_id=job_id)


def _commitment_in(directory: Path, epochs: int) -> Commitment | None:
    """Return what a job's result commits to; None where its copy is gone."""
    try:
        return read_commitment((directory / COMMITMENT_NAME).read_text("utf-8"), epochs)
    except (OSError, UnicodeDecodeError, JobError):
        return None


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _arrived(directory: Path, block: Head) -> list[int] | None:
    """Return the epochs whose states have arrived since a block drew them; None before the first."""
    try:
        by_block, *epochs = (directory / _ARRIVED_NAME).read_text("ascii").split()
        return [int(epoch) for epoch in epochs] if by_block == block.hash else None
    except (OSError, ValueError):
        return None


def _note_arrived(directory: Path, block: Head, epochs: list[int]) -> None:
    """Note what has arrived; without room for that, a restart delivers it again."""
    text = "\n".join([block.hash, *map(str, epochs)])
    try:
        write_atomically(directory / _ARRIVED_NAME, text.encode())
    except OSError as error:
        logger.warning("which states have arrived is not noted: %s", error)
