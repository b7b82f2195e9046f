"""Whether the account's EMT is enough for a deposit, beside those that other claims are about to take."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.clients.chain.client import Balances
from emeth_tui.engine.market import stake
from emeth_tui.engine.market.stake import short_of_funds
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.reasons.market import ShortOfEmt
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from tests.engine.money.scripted import EMT, OTHER, US, record
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job


class Account:
    """An account with a claim of 20 EMT on its way, as `other` has it on the chain, and EMT left in hand."""

    def __init__(self, emt: int, other: ChainJob | None, state: JobState = JobState.CLAIMING) -> None:
        jobs = [make_job(), make_job(job_id=OTHER_JOB_ID, state=state)]
        self.address = US
        self.book = SimpleNamespace(open_jobs=lambda: jobs)
        self.chain = self
        self._emt, self._other = emt, other

    async def balances(self, address: str) -> Balances:
        assert address == US
        return Balances(self._emt * EMT, 0, 0)

    async def jobs(self, ids: list[JobId]) -> dict[JobId, ChainJob]:
        return {job_id: self._other for job_id in ids if self._other is not None}

    async def refusal(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        async def enough(*_: object) -> None:
            return None

        monkeypatch.setattr(stake, "_short_of_native", enough)
        context: Any = self
        job: Job = make_job(job_id=JOB_ID)
        return await short_of_funds(context, job)


@pytest.mark.parametrize("other", [record(JobStatus.REQUESTED), None])
async def test_what_a_claim_on_its_way_will_take_is_not_there_for_another(
    other: ChainJob | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await Account(39, other).refusal(monkeypatch) == ShortOfEmt(20 * EMT, 19 * EMT)
    assert await Account(40, other).refusal(monkeypatch) is None


@pytest.mark.parametrize("other", [record(), record(node=OTHER), record(JobStatus.CANCELED)])
async def test_a_claim_that_is_in_a_block_takes_nothing_a_second_time(
    other: ChainJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deposit has left the balance before its job's step has seen that; another's takes none."""
    assert await Account(20, other).refusal(monkeypatch) is None
    assert await Account(19, other).refusal(monkeypatch) == ShortOfEmt(20 * EMT, 19 * EMT)


async def test_a_claimed_job_promises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await Account(20, None, JobState.CLAIMED).refusal(monkeypatch) is None
