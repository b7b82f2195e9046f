"""A job's own task: what ends it, and what is tried again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.engine.steps.pipeline import JobPipeline
from emeth_tui.errors import Reverted
from emeth_tui.foreign_text import ForeignText
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events.job import JobStuck, Submitted
from emeth_tui.notices.reasons.network.transactions import ContractRefuses
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store.database import Store
from tests.engine.money.scripted import EMT, Books, ScriptedChain, record, submitted
from tests.factories import JOB_ID

REFUSED = ContractRefuses("submit", ForeignText("not processing"))


class Submissions:
    """Submits a job's result; `before` and `sends` are called with the number of each try and submission."""

    def __init__(
        self,
        books: Books,
        *,
        before: Callable[[int], object] = lambda _tries: None,
        sends: Callable[[int], object] = lambda _sent: None,
    ) -> None:
        self._books = books
        self._before, self._sends = before, sends
        self._tries = 0
        self.sent = 0
        books.chain.records[JOB_ID] = record(JobStatus.PROCESSING)

    async def settle_pending(self, _job_id: JobId, *, wanted: object) -> None:
        self._tries += 1
        self._before(self._tries)

    async def submit(self, job_id: JobId, result: str) -> None:
        self.sent += 1
        self._sends(self.sent)
        self._books.chain.records[job_id] = record(JobStatus.SUBMITTED, result=result)

    async def run(self) -> None:
        """Take the job as far as it goes."""
        forecasts = SimpleNamespace(forget=lambda _job_id: None)
        parts: dict[str, Any] = {"transactions": self, "forecasts": forecasts}
        leases: Any = SimpleNamespace(release=lambda _job_id: None)
        context = replace(self._books.context, **parts)
        await JobPipeline(context, leases, JOB_ID, Backoff(0.0, 0.0)).run()


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with Store(tmp_path / "state") as store:
        yield Books(store, tmp_path / "jobs", ScriptedChain(), submitted(state=JobState.SUBMITTING))


async def test_a_submission_that_an_endpoint_says_is_refused_is_tried_again(books: Books) -> None:
    """One that is behind the claim says so: the result is there, and the deposit with it."""

    def refuse(sent: int) -> None:
        if sent <= 3:
            raise Reverted(REFUSED)

    submissions = Submissions(books, sends=refuse)

    await submissions.run()

    assert books.book.get(JOB_ID).state is JobState.SUBMITTED
    assert books.book.get(JOB_ID).error is None
    assert books.said() == [JobStuck(JobState.SUBMITTING, REFUSED, 5 * EMT, 5 * EMT), Submitted()]
    assert submissions.sent == 4


async def test_a_database_that_another_program_holds_stops_no_job(books: Books) -> None:
    books.store.jobs._connection.execute("PRAGMA busy_timeout = 0")
    with contextlib.closing(sqlite3.connect(books.store.path, isolation_level=None)) as other:
        holds = {1: "BEGIN IMMEDIATE", 2: "COMMIT"}
        submissions = Submissions(books, before=lambda tries: other.execute(holds[tries]))

        await submissions.run()

    assert submissions.sent == 1
    assert books.book.get(JOB_ID).state is JobState.SUBMITTED
    assert books.store.jobs.get(JOB_ID) == books.book.get(JOB_ID)
