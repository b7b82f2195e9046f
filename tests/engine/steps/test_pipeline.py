"""A job's own task: what ends it, and what is tried again."""

from __future__ import annotations

from collections.abc import Iterator
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
    """Sends submissions, of which an endpoint says for a while that the contract refuses them."""

    def __init__(self, chain: ScriptedChain, refused: int) -> None:
        self._chain = chain
        self._refused = refused
        self.sent = 0

    async def settle_pending(self, _job_id: JobId, *, wanted: object) -> None:
        """Have nothing to send again."""

    async def submit(self, job_id: JobId, result: str) -> None:
        self.sent += 1
        if self.sent <= self._refused:
            raise Reverted(REFUSED)
        self._chain.records[job_id] = record(JobStatus.SUBMITTED, result=result)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with Store(tmp_path / "state") as store:
        yield Books(store, tmp_path / "jobs", ScriptedChain(), submitted(state=JobState.SUBMITTING))


async def test_a_submission_that_an_endpoint_says_is_refused_is_tried_again(books: Books) -> None:
    """One that is behind the claim says so: the result is there, and the deposit with it."""
    books.chain.records[JOB_ID] = record(JobStatus.PROCESSING)
    submissions = Submissions(books.chain, refused=3)
    forecasts = SimpleNamespace(forget=lambda _job_id: None)
    parts: dict[str, Any] = {"transactions": submissions, "forecasts": forecasts}
    leases: Any = SimpleNamespace(release=lambda _job_id: None)

    await JobPipeline(replace(books.context, **parts), leases, JOB_ID, Backoff(0.0, 0.0)).run()

    assert books.book.get(JOB_ID).state is JobState.SUBMITTED
    assert books.book.get(JOB_ID).error is None
    assert books.said() == [JobStuck(JobState.SUBMITTING, REFUSED, 5 * EMT, 5 * EMT), Submitted()]
    assert submissions.sent == 4
