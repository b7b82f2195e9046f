"""Answers to what a screen asks beyond the snapshot; what only a node knows is empty or refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emeth_tui.engine.money.costs import NO_COSTS, DayCosts
from emeth_tui.engine.settings_editor import SettingsView
from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.engine.view.network import NetworkLook
from emeth_tui.engine.view.records import EVENTS_OF_JOB, JobRecord
from emeth_tui.engine.view.series import STEPS_S, Series, Span
from emeth_tui.errors import ChainUnreachable, CommandRefused
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState, JournaledTransaction
from emeth_tui.network.overview import Overview
from emeth_tui.notices.reasons.network.watching import FromChainAlone
from emeth_tui.notices.reasons.screen import ChainNotReadYet
from emeth_tui.protocol.contracts import ChainJob

if TYPE_CHECKING:
    from emeth_tui.clients.chain.client import ChainClient
    from emeth_tui.watching.account import AccountReader


class AccountRecords:
    """What the chain shows, in the form of a node's records (`engine.view.records`)."""

    def __init__(self, reader: AccountReader) -> None:
        self._reader = reader
        self._network = NetworkLook()

    async def job(self, job_id: JobId) -> JobRecord | None:
        """Return what the chain shows of a job of the account."""
        job = next((one for one in self._reader.jobs if one.job_id == job_id), None)
        if job is None:
            return None
        happened = tuple(event for event in self._reader.events if event.job_id == job_id)
        return JobRecord(job, _states(job), (), (), happened[-EVENTS_OF_JOB:])

    async def history(self) -> Sequence[Job]:
        """Return every job of the account that has been read, the newest claim first."""
        return self._reader.jobs

    async def day_costs(self) -> DayCosts:
        return NO_COSTS

    async def transactions(self, limit: int) -> Sequence[JournaledTransaction]:
        return ()

    async def series(self, span: Span, points: int) -> Series:
        return Series(span, STEPS_S[span], ())

    async def chain_record(self, job_id: JobId) -> ChainJob | None:
        """Read a job from the chain. Raise ChainUnreachable."""
        return (await self._chain.jobs([job_id])).get(job_id)

    async def network(self) -> Overview:
        """Return the network's terms, and who earned what on which day. Raise NetworkError."""
        return await self._network.read(self._chain)

    @property
    def _chain(self) -> ChainClient:
        if self._reader.chain is None:
            raise ChainUnreachable(ChainNotReadYet())
        return self._reader.chain

    async def requests(self) -> Sequence[FollowedJob]:
        return ()

    async def settings(self) -> SettingsView:
        raise CommandRefused(FromChainAlone())

    async def logs(self) -> Sequence[Path]:
        return ()

    async def log_tail(self, path: Path, max_bytes: int = 0) -> Sequence[str]:
        return ()

    async def log_search(self, path: Path, words: Sequence[str], limit: int) -> Sequence[str]:
        return ()


def _states(job: Job) -> tuple[tuple[JobState, float], ...]:
    states = [(JobState.CLAIMED, job.created_at_unix_s)]
    if job.submitted_at_unix_s is not None:
        states.append((JobState.SUBMITTED, job.submitted_at_unix_s))
    if job.ended_at_unix_s is not None:
        states.append((job.state, job.ended_at_unix_s))
    return tuple(states)
