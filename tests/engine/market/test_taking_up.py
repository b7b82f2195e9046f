"""Which jobs of ours are taken up that the store does not know, where they are looked for, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.engine.context import Context
from emeth_tui.engine.disk import job_needs_bytes
from emeth_tui.engine.market import orphans as module
from emeth_tui.engine.market.orphans import HISTORY_SEARCHED, RETRY_S, SEARCH_EVERY_S, Orphans
from emeth_tui.errors import ChainUnreachable, InfoServerError, JobError, StorageError, StorageRejected
from emeth_tui.job import Job
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events import job as events
from emeth_tui.notices.events.node import Leftovers
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.job import ClaimedBefore, TooLateToFinish
from emeth_tui.notices.reasons.market import ClaimedElsewhere
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.job_ids import short
from emeth_tui.store.database import Store
from emeth_tui.store.movements import Movement, MovementKind
from tests.engine.money.scripted import EMT, OTHER, US, Books, ScriptedChain, record, submitted
from tests.factories import JOB_ID, OTHER_JOB_ID, make_job

PENALTY_WEI, TIMEOUT_WEI = 5 * EMT, 5 * EMT  # 25 % of a deposit of 20


@dataclass
class Services:
    """Info server and storage, as a test wants them."""

    listed: list[JobId] = field(default_factory=list)
    info_down: bool = False
    size_error: Exception | None = None
    sizes_asked: list[str] = field(default_factory=list)

    async def assigned_jobs(self, address: str) -> list[JobId]:
        assert address == US
        if self.info_down:
            raise InfoServerError(Foreign("down"))
        return self.listed

    async def size_of(self, dataset: str) -> int:
        self.sizes_asked.append(dataset)
        if self.size_error is not None:
            raise self.size_error
        return 77


@dataclass
class Search:
    """Orphans of a node, and what became of its jobs."""

    books: Books
    services: Services
    orphans: Orphans
    started: list[JobId]
    refusal: list[Reason | None]
    now_unix_s: list[float]
    pauses: list[Reason]

    def job(self, job_id: JobId = JOB_ID) -> Job:
        return self.books.book.get(job_id)

    def with_files(self, name: str = JOB_ID, size: int = 3) -> None:
        directory = self.books.context.disk.files.root / name
        directory.mkdir()
        (directory / "state").write_bytes(b"x" * size)

    def on_chain(self, status: JobStatus, **changes: Any) -> None:
        self.books.chain.records[changes.get("job_id", JOB_ID)] = record(status, **changes)

    async def take_up(self, *ids: JobId, claimed_now: bool = False) -> list[JobId]:
        """Have it look at these jobs and no others; return those that are in the book now."""
        self.orphans._searched_unix_s = self.now_unix_s[0]
        self.orphans.expect(ids or [JOB_ID], claimed_now=claimed_now)
        before = set(self.books.book.open_jobs())
        took = await self.orphans.look()
        taken = set(self.books.book.open_jobs()) - before
        assert took is bool(taken)
        return sorted(job.job_id for job in taken)


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Search]:
    refusal: list[Reason | None] = [None]
    now_unix_s = [5_000.0]

    def new_job(_context: Context, found: ChainJob, dataset_bytes: int) -> Job:
        if not found.param:
            raise JobError(Foreign("no parameters"))
        return make_job(job_id=found.job_id, dataset_bytes=dataset_bytes, deposit_wei=1)

    def claim_refusal(_context: Context, job: Job) -> Reason | None:
        assert job.by_hand
        return refusal[0]

    monkeypatch.setattr(module, "new_job", new_job)
    monkeypatch.setattr(module, "claim_refusal", claim_refusal)
    with Store(tmp_path / "state") as store:
        books = Books(store, tmp_path / "jobs", ScriptedChain())
        books.context.clock._wall = lambda: now_unix_s[0]
        services, started = Services(), list[JobId]()
        context = replace(books.context, info=services, storage=services)  # type: ignore[arg-type]
        pauses: list[Reason] = []
        orphans = Orphans(context, books.ledger, started.append, pauses.append)
        yield Search(books, services, orphans, started, refusal, now_unix_s, pauses)


# ---- what is taken up


async def test_a_job_with_files_here_goes_on(search: Search) -> None:
    search.on_chain(JobStatus.PROCESSING)
    search.with_files()
    search.books.chain.claim_and()
    await search.books.ledger.book_until(60)

    assert await search.take_up() == [JOB_ID]
    job = search.job()
    assert (job.state, job.paused, job.error) == (JobState.CLAIMED, False, None)
    assert (job.deposit_wei, job.dataset_bytes, job.seen_end) == (20 * EMT, 77, None)
    assert search.books.said() == [events.OrphanAdopted(JobState.CLAIMED)]
    assert search.started == [JOB_ID]
    assert search.books.chain.reads == [(9, 60)]
    assert [row.amount_wei for row in search.books.store.movements.of_job(JOB_ID)] == [0, -20 * EMT]
    assert search.services.sizes_asked == ["text.txt"]


async def test_before_the_ledger_has_begun_nothing_is_booked(search: Search) -> None:
    search.on_chain(JobStatus.PROCESSING)
    search.books.chain.claim_and()
    assert await search.take_up() == [JOB_ID]
    assert search.books.store.movements.after(-1) == []


@pytest.mark.parametrize(("has_files", "claimed_now"), [(False, False), (True, True), (False, True)])
async def test_what_may_be_another_nodes_is_held(search: Search, has_files: bool, claimed_now: bool) -> None:
    search.on_chain(JobStatus.PROCESSING)
    if has_files:
        search.with_files()
    assert await search.take_up(claimed_now=claimed_now) == [JOB_ID]
    assert (search.job().paused, search.job().error) == (True, ClaimedBefore())
    assert search.books.said() == [events.OrphanHeld(20 * EMT, PENALTY_WEI, TIMEOUT_WEI)]
    assert search.started == [JOB_ID]
    assert search.pauses == ([ClaimedElsewhere(short(JOB_ID))] if claimed_now else [])


async def test_what_cannot_be_done_in_time_is_held(search: Search) -> None:
    search.on_chain(JobStatus.PROCESSING)
    search.with_files()
    search.refusal[0] = Foreign("late")
    await search.take_up()
    assert (search.job().paused, search.job().error) == (True, TooLateToFinish(Foreign("late")))


async def test_a_submitted_job_is_watched_again_and_never_held(search: Search) -> None:
    search.on_chain(JobStatus.SUBMITTED, result="r.pt")
    search.refusal[0] = Foreign("late")
    assert await search.take_up() == [JOB_ID]
    job = search.job()
    assert (job.state, job.result_name, job.submitted_at_unix_s) == (JobState.SUBMITTED, "r.pt", 150.0)
    assert (job.reserved_bytes, job.paused) == (0, False)
    assert search.books.said() == [events.OrphanAdopted(JobState.SUBMITTED)]


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (JobStatus.VERIFIED, JobState.VERIFIED),
        (JobStatus.FAILED, JobState.FAILED),
        (JobStatus.TIMEOUT, JobState.TIMEOUT),
        (JobStatus.DECLINED, JobState.DECLINED),
    ],
)
async def test_a_job_that_ended_unseen_is_booked_where_its_files_are(
    search: Search, status: JobStatus, end: JobState
) -> None:
    search.on_chain(status, submitted_at_unix_s=0)
    assert await search.take_up() == []
    search.with_files()
    assert await search.take_up() == [JOB_ID]
    assert (search.job().seen_end, search.job().paused) == (end, False)
    assert search.job().state is JobState.CLAIMED
    assert search.services.sizes_asked == []
    assert search.job().dataset_bytes == 0


@pytest.mark.parametrize(
    ("status", "node"),
    [
        (JobStatus.PROCESSING, OTHER),
        (JobStatus.SUBMITTED, OTHER),
        (JobStatus.REQUESTED, US),
        (JobStatus.CANCELED, US),
    ],
)
async def test_what_is_not_ours_or_not_under_way_is_left(
    search: Search, status: JobStatus, node: str
) -> None:
    search.on_chain(status, node=node)
    search.with_files()
    assert await search.take_up() == []
    assert (search.started, search.books.said()) == ([], [])


async def test_what_is_under_way_here_is_not_asked_for(search: Search) -> None:
    search.books.book.add(make_job())
    search.on_chain(JobStatus.PROCESSING)
    assert await search.take_up(JOB_ID, JOB_ID) == []


async def test_one_that_cannot_be_taken_up_keeps_no_other_from_it(search: Search) -> None:
    search.on_chain(JobStatus.PROCESSING, param="")
    search.on_chain(JobStatus.PROCESSING, job_id=OTHER_JOB_ID)
    assert await search.take_up(JOB_ID, OTHER_JOB_ID) == [OTHER_JOB_ID]
    left, _held = search.books.said()
    assert left == events.OrphanLeft(20 * EMT, PENALTY_WEI, TIMEOUT_WEI)
    assert search.started == [OTHER_JOB_ID]


async def test_a_job_whose_dataset_is_gone_is_left(search: Search, caplog: pytest.LogCaptureFixture) -> None:
    search.on_chain(JobStatus.PROCESSING)
    search.services.size_error = StorageRejected(Foreign("no such dataset"))
    assert await search.take_up() == []
    said = f"job {JOB_ID} is ours on the chain and cannot be taken up: no such dataset"
    assert said in caplog.messages
    assert search.books.said() == [events.OrphanLeft(20 * EMT, PENALTY_WEI, TIMEOUT_WEI)]


# ---- what ended and goes on after all


def ended(search: Search, result_name: str) -> None:
    search.books.book.add(submitted(result_name=result_name))
    search.books.book.advance(JOB_ID, JobState.VERIFIED, earned_wei=10 * EMT)


@pytest.mark.parametrize(
    ("status", "result_name", "state"),
    [
        (JobStatus.SUBMITTED, "r.pt", JobState.SUBMITTED),
        (JobStatus.PROCESSING, "r.pt", JobState.SUBMITTING),
        (JobStatus.PROCESSING, "", JobState.CLAIMED),
    ],
)
async def test_an_end_that_the_chain_took_back_is_taken_up(
    search: Search, status: JobStatus, result_name: str, state: JobState
) -> None:
    ended(search, result_name)
    search.on_chain(status)
    assert await search.take_up() == [JOB_ID]
    begins_anew = state is JobState.CLAIMED  # its room was given up
    assert search.job().reserved_bytes == (job_needs_bytes(8_192, "devnet-small") if begins_anew else 0)
    assert (search.job().state, search.job().earned_wei) == (state, 0)
    assert search.books.said() == [events.FinalEndUndone(JobState.VERIFIED)]
    assert search.started == [JOB_ID]


async def test_an_end_that_is_booked_is_not_booked_again(search: Search) -> None:
    ended(search, "r.pt")
    search.with_files()
    search.on_chain(JobStatus.VERIFIED)
    assert await search.take_up() == []


@pytest.mark.parametrize(
    ("status", "result_name", "end", "state"),
    [
        (JobStatus.FAILED, "r.pt", JobState.FAILED, JobState.SUBMITTED),
        (JobStatus.TIMEOUT, "", JobState.TIMEOUT, JobState.CLAIMED),
    ],
)
async def test_an_end_that_the_chain_replaced_by_another_is_booked_anew(
    search: Search, status: JobStatus, result_name: str, end: JobState, state: JobState
) -> None:
    ended(search, result_name)
    search.on_chain(status)
    assert await search.take_up() == [JOB_ID]
    assert (search.job().state, search.job().seen_end, search.job().earned_wei) == (state, end, 0)


async def test_what_was_given_up_and_has_ended_is_left(search: Search) -> None:
    search.books.book.add(make_job())
    search.books.book.advance(JOB_ID, JobState.LOST)
    search.on_chain(JobStatus.VERIFIED)
    assert await search.take_up() == []


# ---- what fails


async def test_one_that_fails_costs_no_other_stops_claiming_once_and_is_tried_again(
    search: Search, caplog: pytest.LogCaptureFixture
) -> None:
    ended(search, "r.pt")
    search.on_chain(JobStatus.SUBMITTED)
    search.on_chain(JobStatus.PROCESSING, job_id=OTHER_JOB_ID)
    search.services.size_error = StorageError(Foreign("down"))

    assert await search.take_up(OTHER_JOB_ID, claimed_now=True) == []
    assert await search.take_up(OTHER_JOB_ID, claimed_now=True) == []  # its block is not final yet
    assert await search.take_up(JOB_ID) == [JOB_ID]
    assert (search.pauses, search.started) == ([ClaimedElsewhere(short(OTHER_JOB_ID))], [JOB_ID])
    search.services.size_error = None
    search.now_unix_s[0] += RETRY_S
    assert await search.orphans.look() is True
    assert search.job(OTHER_JOB_ID).error == ClaimedBefore()
    assert (len(search.pauses), search.started) == (1, [JOB_ID, OTHER_JOB_ID])
    failures = [message for message in caplog.messages if message.endswith("is taken up soon: down")]
    assert len(failures) == 1


async def test_a_job_whose_movements_cannot_be_read_is_not_taken_up_by_halves(search: Search) -> None:
    await search.books.ledger.book_until(60)
    search.on_chain(JobStatus.PROCESSING)
    search.books.chain.logs_fail = True
    assert await search.take_up() == []
    assert (JOB_ID in search.books.book, search.started, search.books.said()) == (False, [], [])
    search.books.chain.logs_fail = False
    search.now_unix_s[0] += RETRY_S
    assert await search.orphans.look() is True
    assert search.started == [JOB_ID]


async def test_what_is_expected_is_kept_while_the_chain_does_not_answer(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    await search.orphans.look()
    search.on_chain(JobStatus.PROCESSING)
    search.orphans.expect([JOB_ID], claimed_now=True)
    with monkeypatch.context() as patched:
        patched.setattr(search.books.chain, "jobs", unreachable)
        with pytest.raises(ChainUnreachable):
            await search.orphans.look()
    assert await search.orphans.look() is True
    assert await search.orphans.look() is False
    assert search.job().error == ClaimedBefore()


async def unreachable(*_: object) -> dict[JobId, ChainJob]:
    raise ChainUnreachable(Foreign("no answer"))


async def test_a_claim_that_is_seen_before_the_first_search_may_be_of_our_own_last_run(
    search: Search,
) -> None:
    search.on_chain(JobStatus.PROCESSING)
    search.with_files()
    search.orphans.expect([JOB_ID], claimed_now=True)
    assert await search.orphans.look() is True
    assert (search.job().paused, search.pauses) == (False, [])


# ---- where and when


def asked(search: Search) -> list[JobId]:
    """Make jobs of all that may be looked at, and return which are taken up."""
    return sorted(job.job_id for job in search.books.book.open_jobs())


def job_id(number: int) -> JobId:
    return JobId(f"0x{number:032x}")


async def test_jobs_are_looked_for_in_every_place(search: Search) -> None:
    for number in range(1, 6):
        search.on_chain(JobStatus.PROCESSING, job_id=job_id(number))
    search.with_files(job_id(1))
    claim = Movement("0xclaim", 1, 10, 0.0, MovementKind.CLAIM, job_id(2), 0)
    search.books.store.movements.add([claim])
    search.services.listed = [job_id(3)]
    search.books.chain.assigned = [job_id(4)]
    assert await search.orphans.look() is True
    assert asked(search) == [job_id(number) for number in range(1, 5)]
    assert [search.job(job_id(number)).paused for number in range(1, 5)] == [False, True, True, True]


async def test_of_a_long_history_the_newest_are_looked_at(search: Search) -> None:
    history = [job_id(number) for number in range(1, HISTORY_SEARCHED + 3)]
    for one in history:
        search.on_chain(JobStatus.PROCESSING, job_id=one)
    search.books.chain.assigned = history
    await search.orphans.look()
    assert asked(search) == history[2:]


async def test_a_short_history_is_looked_at_whole(search: Search) -> None:
    search.on_chain(JobStatus.PROCESSING, job_id=job_id(1))
    search.on_chain(JobStatus.PROCESSING, job_id=job_id(2))
    search.books.chain.assigned = [job_id(1), job_id(2)]
    await search.orphans.look()
    assert asked(search) == [job_id(1), job_id(2)]


async def test_an_info_server_that_is_down_keeps_nothing_from_being_found(
    search: Search, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    search.services.info_down = True
    search.on_chain(JobStatus.PROCESSING)
    search.with_files()
    assert await search.orphans.look() is True
    assert "the info server does not say which jobs are ours: down" in caplog.messages


async def test_it_is_done_at_the_start_and_once_a_day(search: Search) -> None:
    assert await search.orphans.look() is False
    search.on_chain(JobStatus.PROCESSING)
    search.services.listed = [JOB_ID]
    search.now_unix_s[0] += SEARCH_EVERY_S - 1
    assert await search.orphans.look() is False
    search.now_unix_s[0] += 1
    assert await search.orphans.look() is True


async def test_it_is_done_again_when_the_clock_was_set_back(search: Search) -> None:
    search.now_unix_s[0] += 10 * SEARCH_EVERY_S
    assert await search.orphans.look() is False
    search.on_chain(JobStatus.PROCESSING)
    search.services.listed = [JOB_ID]
    search.now_unix_s[0] -= 9 * SEARCH_EVERY_S
    assert await search.orphans.look() is True


async def test_it_is_done_again_soon_where_the_storage_does_not_answer(
    search: Search, caplog: pytest.LogCaptureFixture
) -> None:
    search.on_chain(JobStatus.PROCESSING)
    search.services.listed = [JOB_ID]
    search.services.size_error = StorageError(Foreign("down"))
    search.with_files("0x" + "00" * 16, size=9)
    assert await search.orphans.look() is False
    assert search.books.said() == []
    assert caplog.messages == [f"job {JOB_ID} is ours on the chain, and is taken up soon: down"]
    search.services.size_error = None
    search.now_unix_s[0] += RETRY_S - 1
    assert await search.orphans.look() is False
    search.now_unix_s[0] += 1
    assert await search.orphans.look() is True


async def test_what_lies_in_the_cache_and_is_nobodys_is_told(search: Search) -> None:
    search.with_files("0x" + "00" * 16, size=9)
    search.with_files("not a job", size=5)
    search.with_files(size=3)
    search.on_chain(JobStatus.PROCESSING)
    await search.orphans.look()
    assert search.books.said()[-1] == Leftovers(2, 14, search.books.context.disk.files.root)


async def test_where_nothing_is_left_over_nothing_is_told(search: Search) -> None:
    await search.orphans.look()
    assert search.books.said() == []
