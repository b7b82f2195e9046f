"""Settling record by record: what is seen, asked again, final, booked; and what each look leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from emeth_tui.engine.money.evidence import FIRST_LOOKS, LOOK_EVERY_S, WITHOUT_EVIDENCE_S
from emeth_tui.engine.money.settle import MAX_GAS
from emeth_tui.job import Job
from emeth_tui.model import JobState
from emeth_tui.notices.events import job as events
from emeth_tui.notices.events.market import Canceled, ClaimLost
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.job import AnotherNodeFaster, DatasetUnusable
from emeth_tui.notices.reasons.network.chain import EndpointsDisagree
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.store.database import Store
from tests.engine.money.scripted import (
    CONFIRMATIONS,
    EMT,
    OTHER,
    US,
    Books,
    ScriptedChain,
    record,
    submitted,
)
from tests.factories import JOB_ID, make_job

Make = Callable[[Job], Books]
TRAINING = replace(make_job(), state=JobState.TRAINING, epochs_done=4)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with Store(tmp_path / "state") as store:
        yield lambda job: Books(store, tmp_path / "jobs", ScriptedChain(), job)


async def ready(make: Make, job: Job, status: JobStatus, **changes: object) -> Books:
    """Books on a chain that shows a status everywhere, and the claim of a job that is claimed."""
    books = make(job)
    await books.ledger.book_until(5)
    show(books, status, **changes)
    if job.state is not JobState.CLAIMING:
        books.chain.claim_and()
    return books


def show(books: Books, status: JobStatus, *, final: JobStatus | None = None, **changes: object) -> None:
    books.chain.records = {JOB_ID: record(status, **changes)}
    books.chain.final_records = {JOB_ID: record(final or status, **changes)}


def end(books: Books, status: JobStatus, back_wei: int, **changes: object) -> None:
    """Have the chain show an end, log and all."""
    show(books, status, **changes)
    books.chain.logs.clear()
    books.chain.moved.clear()
    books.chain.claim_and(status, back_wei, block=books.chain.height - CONFIRMATIONS)


def kept(books: Books) -> Job:
    job = books.store.jobs.get(JOB_ID)
    assert job is not None
    return job


# ---- ends


@pytest.mark.parametrize(
    ("status", "back_emt", "body", "state", "earned_emt", "lost_emt"),
    [
        (JobStatus.VERIFIED, 30, events.Verified(10 * EMT, 7, 30), JobState.VERIFIED, 10, 0),
        (JobStatus.VERIFIED, 40, events.Verified(20 * EMT, 7, 30), JobState.VERIFIED, 20, 0),
        (JobStatus.VERIFIED, 20, events.Verified(0, 7, 30), JobState.VERIFIED, 0, 0),
        (JobStatus.FAILED, 15, events.Failed(5 * EMT), JobState.FAILED, 0, 5),
        (JobStatus.TIMEOUT, 14, events.Timeout(6 * EMT), JobState.TIMEOUT, 0, 6),
        (JobStatus.DECLINED, 16, events.Declined(4 * EMT), JobState.DECLINED, 0, 4),
        (JobStatus.DECLINED, 21, events.Declined(-1 * EMT), JobState.DECLINED, 1, 0),
    ],
)
async def test_an_end_is_booked_by_what_moved_at_the_second_look_or_unlike_the_rules_at_the_third(
    make: Make,
    status: JobStatus,
    back_emt: int,
    body: object,
    state: JobState,
    earned_emt: int,
    lost_emt: int,
) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    await books.look()
    end(books, status, back_emt * EMT, gas=7)

    assert await books.look() == []
    assert books.settler.waits
    seen = await books.look()
    assert seen[:1] == [events.EndSeen(state, CONFIRMATIONS)]
    by_rules = (status, back_emt) == (JobStatus.VERIFIED, 30)
    assert books.settler.waits is not by_rules
    assert [*seen[1:], *await books.look()] == [body]
    job = kept(books)
    assert (job.state, job.earned_wei, job.lost_wei) == (state, earned_emt * EMT, lost_emt * EMT)
    assert job.gas == (7 if state is JobState.VERIFIED else 0)
    assert books.names() == ["stopped", "ended"]
    assert not books.settler.waits
    assert await books.look() == []


async def test_an_end_that_is_not_final_is_seen_and_not_booked(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 30 * EMT)
    show(books, JobStatus.VERIFIED, final=JobStatus.SUBMITTED)
    await books.look()
    assert await books.look() == [events.EndSeen(JobState.VERIFIED, CONFIRMATIONS)]
    assert await books.look() == []
    assert books.settler.waits
    assert kept(books).seen_end is JobState.VERIFIED
    assert books.chain.read_at[-1] == books.chain.height - CONFIRMATIONS + 1
    show(books, JobStatus.VERIFIED)
    (body,) = await books.look()
    assert isinstance(body, events.Verified)


async def test_without_the_final_blocks_state_an_end_waits_for_as_many_blocks(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 30 * EMT)
    books.chain.final_records = None
    caplog.set_level("INFO")
    await books.look()
    assert caplog.messages[0] == "no records at block 98: here refused eth_call: missing trie node"
    assert await books.look() == [events.EndSeen(JobState.VERIFIED, CONFIRMATIONS)]
    books.chain.height += CONFIRMATIONS - 1
    assert await books.look() == []
    books.chain.height += 1
    (body,) = await books.look()
    assert isinstance(body, events.Verified)


@pytest.mark.parametrize("confirmations", [1, 2])
async def test_where_one_block_is_final_an_end_is_booked_without_more_ado(
    make: Make, confirmations: int
) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    books.context.network.confirmations = confirmations  # type: ignore[misc]
    end(books, JobStatus.VERIFIED, 30 * EMT)
    await books.look()
    bodies = await books.look()
    seen = [events.EndSeen(JobState.VERIFIED, 2)] if confirmations == 2 else []
    assert bodies == [*seen, events.Verified(10 * EMT, 0, 30)]
    assert set(books.chain.read_at) == ({books.chain.height - 1} if confirmations == 2 else set())


async def test_an_end_that_passes_is_waited_for_anew(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 30 * EMT)
    books.chain.final_records = None
    await books.look()
    await books.look()
    show(books, JobStatus.SUBMITTED)
    books.chain.final_records = None
    await books.look()
    assert await books.look() == [events.EndUndone(JobState.VERIFIED)]
    assert kept(books).seen_end is None
    books.chain.height += CONFIRMATIONS
    show(books, JobStatus.VERIFIED)
    books.chain.final_records = None
    await books.look()
    assert await books.look() == [events.EndSeen(JobState.VERIFIED, CONFIRMATIONS)]
    assert books.names() == ["stopped", "stopped"]


async def test_a_deposit_that_does_not_come_back_is_told_and_counted_with(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 20 * EMT - 1, gas=7)
    await books.look()
    await books.look()
    assert await books.look() == [events.DepositKept(20 * EMT, 20 * EMT - 1), events.VerifiedAtLoss(1, 7)]
    assert books.names() == ["stopped", "deposits_kept", "ended"]
    assert books.context.rates.returns_deposit is False
    assert (kept(books).earned_wei, kept(books).lost_wei) == (0, 1)


async def test_a_transfer_that_an_endpoint_left_out_is_read_after_all(make: Make) -> None:
    """It may have had the contract's log of a block, and not the token's yet."""
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 30 * EMT, gas=7)
    came = books.chain.moved.pop()
    assert await books.look() == []
    assert await books.look() == [events.EndSeen(JobState.VERIFIED, CONFIRMATIONS)]
    books.chain.moved.append(came)
    assert await books.look() == [events.Verified(10 * EMT, 7, 30)]
    assert books.names() == ["stopped", "ended"]
    assert books.context.rates.returns_deposit is True


async def test_a_deposit_that_comes_back_is_nothing_to_tell(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 20 * EMT)
    for _look in range(3):
        await books.look()
    assert books.names() == ["stopped", "ended"]
    assert books.context.rates.returns_deposit is True


async def test_more_gas_than_the_store_holds_is_kept_as_its_most(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 30 * EMT, gas=2**200)
    await books.look()
    await books.look()
    assert kept(books).gas == MAX_GAS


async def test_an_end_of_a_job_in_training_stops_it_and_counts_it_as_submitted(make: Make) -> None:
    books = await ready(make, TRAINING, JobStatus.PROCESSING)
    await books.look()
    show(books, JobStatus.FAILED, final=JobStatus.PROCESSING)
    await books.look()
    await books.look()
    job = kept(books)
    assert (job.state, job.submitted_at_unix_s, job.seen_end) == (JobState.SUBMITTED, 150.0, JobState.FAILED)
    assert books.names() == ["stopped"]


@pytest.mark.parametrize("status", [JobStatus.TIMEOUT, JobStatus.DECLINED])
async def test_a_job_that_was_never_submitted_is_not_counted_so(make: Make, status: JobStatus) -> None:
    books = await ready(make, TRAINING, JobStatus.PROCESSING)
    show(books, status, final=JobStatus.PROCESSING)
    await books.look()
    await books.look()
    assert (kept(books).state, books.names()) == (JobState.TRAINING, ["stopped"])


# ---- what is taken back


async def test_an_undone_timeout_goes_on_with_the_training(make: Make) -> None:
    books = await ready(make, replace(TRAINING, seen_end=JobState.TIMEOUT), JobStatus.PROCESSING)
    await books.look()
    assert await books.look() == [events.EndUndone(JobState.TIMEOUT)]
    assert (kept(books).state, kept(books).seen_end) == (JobState.TRAINING, None)
    assert books.names() == ["restarted"]


async def test_an_undone_verification_asks_at_once_whether_it_was_ever_submitted(make: Make) -> None:
    books = await ready(make, submitted(seen_end=JobState.VERIFIED), JobStatus.PROCESSING)
    await books.look()
    assert await books.look() == [events.EndUndone(JobState.VERIFIED)]
    assert books.settler.waits
    assert await books.look() == [events.SubmissionUndone()]
    assert kept(books).state is JobState.SUBMITTING
    assert books.names() == ["restarted"]
    assert not books.settler.waits


async def test_a_job_taken_for_submitted_that_has_no_result_is_not_called_undone(make: Make) -> None:
    books = await ready(make, submitted(result_name=""), JobStatus.PROCESSING)
    await books.look()
    assert await books.look() == []
    assert kept(books).state is JobState.SUBMITTING
    assert books.names() == ["restarted"]


@pytest.mark.parametrize("error", [DatasetUnusable(Foreign("no text")), Foreign("a passing trouble")])
async def test_of_a_claim_that_is_gone_it_stays_known_that_the_job_cannot_be_done(
    make: Make, error: Reason
) -> None:
    books = await ready(make, replace(TRAINING, error=error), JobStatus.REQUESTED, node=OTHER)
    await books.look()
    await books.look()
    assert kept(books).error == (error if isinstance(error, DatasetUnusable) else None)


@pytest.mark.parametrize("seen_end", [None, JobState.TIMEOUT])
async def test_a_claim_that_is_gone_is_made_again(make: Make, seen_end: JobState | None) -> None:
    books = await ready(make, replace(TRAINING, seen_end=seen_end), JobStatus.REQUESTED, node=OTHER)
    await books.look()
    undone = [events.EndUndone(seen_end)] if seen_end else []
    assert await books.look() == [*undone, events.ClaimUndone()]
    assert (kept(books).state, kept(books).error) == (JobState.CLAIMING, None)
    assert books.names() == ["restarted"]


async def test_a_job_that_the_chain_does_not_know_any_more_is_claimed_again(make: Make) -> None:
    books = await ready(make, TRAINING, JobStatus.PROCESSING)
    books.chain.records, books.chain.final_records = {}, {}
    await books.look()
    assert await books.look() == [events.ClaimUndone()]


async def test_a_claim_under_way_is_left_to_its_task(make: Make) -> None:
    books = await ready(make, make_job(), JobStatus.REQUESTED, node=OTHER)
    assert await books.look() == []
    assert await books.look() == []
    assert (books.names(), books.settler.waits) == ([], False)


# ---- claims that came to nothing


async def test_a_claim_that_another_node_won_is_over_when_that_is_final(make: Make) -> None:
    books = await ready(make, make_job(), JobStatus.PROCESSING, node=OTHER)
    books.chain.final_records = {JOB_ID: record(JobStatus.REQUESTED, node=OTHER)}
    books.may_claim = True
    await books.look()
    assert await books.look() == [ClaimLost(AnotherNodeFaster())]
    assert (kept(books).state, kept(books).seen_end) == (JobState.CLAIMING, JobState.LOST)
    assert await books.look() == []
    books.chain.final_records = books.chain.records
    assert await books.look() == []
    assert kept(books).state is JobState.LOST
    assert books.names() == ["stopped", "ended"]


async def test_a_job_that_was_cancelled_while_we_claimed_it_is_over(make: Make) -> None:
    books = await ready(make, make_job(), JobStatus.CANCELED, node=OTHER)
    await books.look()
    assert await books.look() == [Canceled()]
    assert kept(books).state is JobState.CANCELED


@pytest.mark.parametrize("status", [JobStatus.REQUESTED, JobStatus.CANCELED, None])
async def test_a_claim_given_up_is_over_when_it_can_no_longer_be_mined(
    make: Make, status: JobStatus | None
) -> None:
    seen_end = JobState.CANCELED if status is JobStatus.CANCELED else JobState.LOST
    books = await ready(make, make_job(seen_end=seen_end), JobStatus.REQUESTED, node=OTHER)
    book = {} if status is None else {JOB_ID: record(status, node=OTHER)}
    books.chain.records = books.chain.final_records = book
    books.book.update(JOB_ID, seen_end=seen_end)
    books.may_claim = True
    await books.look()
    await books.look()
    assert kept(books).state is JobState.CLAIMING
    books.may_claim = False
    await books.look()
    assert kept(books).state is seen_end


async def test_a_job_that_another_node_has_now_is_lost_with_an_event(make: Make) -> None:
    books = await ready(make, TRAINING, JobStatus.PROCESSING, node=OTHER)
    books.chain.logs.clear()
    books.chain.moved.clear()
    await books.look()
    assert await books.look() == [events.EndSeen(JobState.LOST, CONFIRMATIONS), events.Lost()]
    assert kept(books).state is JobState.LOST


# ---- submissions


async def test_a_submission_that_was_mined_unseen_ends_its_task(make: Make) -> None:
    books = await ready(make, TRAINING, JobStatus.SUBMITTED)
    await books.look()
    assert await books.look() == []
    assert (kept(books).state, kept(books).submitted_at_unix_s) == (JobState.SUBMITTED, 150.0)
    assert books.names() == ["stopped"]


async def test_a_submission_under_way_is_left_to_its_task(make: Make) -> None:
    books = await ready(make, replace(TRAINING, state=JobState.SUBMITTING), JobStatus.SUBMITTED)
    await books.look()
    assert await books.look() == []
    assert (kept(books).state, books.names()) == (JobState.SUBMITTING, [])


async def test_a_final_submission_leaves_the_result_alone(make: Make) -> None:
    books = await ready(make, submitted(reserved_bytes=9), JobStatus.SUBMITTED)
    show(books, JobStatus.SUBMITTED, final=JobStatus.PROCESSING)
    directory = books.context.disk.files.directory(JOB_ID)
    directory.mkdir()
    for name in (RESULT_NAME, "state", "dataset.txt"):
        (directory / name).write_text("x")
    await books.look()
    assert books.settler.waits
    assert len(list(directory.iterdir())) == 3
    show(books, JobStatus.SUBMITTED)
    await books.look()
    assert [path.name for path in directory.iterdir()] == [RESULT_NAME]
    assert kept(books).reserved_bytes == 0
    await books.look()
    assert not books.settler.waits


async def test_a_submission_without_a_result_here_deletes_nothing(make: Make) -> None:
    books = await ready(make, submitted(reserved_bytes=9), JobStatus.SUBMITTED)
    directory = books.context.disk.files.directory(JOB_ID)
    directory.mkdir()
    (directory / "state").write_text("x")
    await books.look()
    assert [path.name for path in directory.iterdir()] == ["state"]
    assert kept(books).reserved_bytes == 9


# ---- looks


async def test_a_job_that_the_chain_contradicts_keeps_no_other_from_settling(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    books = await ready(make, replace(TRAINING, state=JobState.CLAIMED), JobStatus.PROCESSING)
    other = submitted(job_id="0x" + "00" * 16)
    books.book.add(other)
    books.book._jobs = {JOB_ID: replace(TRAINING, state=JobState.VERIFIED), other.job_id: other}
    for records in (books.chain.records, books.chain.final_records):
        assert records is not None
        records[JOB_ID] = record(JobStatus.REQUESTED, node=OTHER)
        records[other.job_id] = record(JobStatus.TIMEOUT, job_id=other.job_id)
    await books.look()
    await books.look()
    assert books.book.get(other.job_id).seen_end is JobState.TIMEOUT
    assert any(text.startswith(f"job {JOB_ID}: the chain contradicts us: ") for text in caplog.messages)
    assert not any(text.endswith("None") for text in caplog.messages)


async def test_what_agrees_is_not_asked_again(make: Make) -> None:
    books = await ready(make, TRAINING, JobStatus.PROCESSING)
    assert await books.look() == []
    assert not books.settler.waits
    books.book.advance(JOB_ID, JobState.SUBMITTED)
    show(books, JobStatus.SUBMITTED)
    await books.look()
    assert not books.settler.waits


# ---- another endpoint


def second(books: Books, status: JobStatus, **changes: object) -> ScriptedChain:
    """Give the node another endpoint, at the same head, that says something of the job."""
    witness = ScriptedChain(fork="other", records={JOB_ID: record(status, **changes)})
    books.chain.witnesses = [witness]
    return witness


async def test_what_another_endpoint_says_as_well_is_acted_upon_at_once(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 30 * EMT)
    witness = second(books, JobStatus.VERIFIED)
    assert len(await books.look()) == 2
    assert witness.asked == [JOB_ID]


async def test_what_another_endpoint_contradicts_is_not_acted_upon(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 30 * EMT)
    witness = second(books, JobStatus.SUBMITTED)
    witnesses = books.settler._witnesses
    for _look in range(3):
        assert await books.look() == []
        assert books.settler.waits
    assert witnesses.disagreement == EndpointsDisagree(JOB_ID, "a", "verified", "other", "submitted")
    books.chain.records = witness.records
    await books.look()
    assert witnesses.disagreement is None


async def test_one_that_has_not_come_as_far_says_nothing(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 30 * EMT)
    witness = second(books, JobStatus.SUBMITTED)
    witness.height = books.chain.height - 1
    await books.look()
    assert len(await books.look()) == 2
    assert witness.asked == []


@pytest.mark.parametrize("job", [make_job(), TRAINING, submitted()])
@pytest.mark.parametrize("seen_end", [None, JobState.LOST])
async def test_what_is_known_already_is_asked_of_no_other(
    make: Make, job: Job, seen_end: JobState | None
) -> None:
    status = {JobState.SUBMITTED: JobStatus.SUBMITTED, JobState.TRAINING: JobStatus.PROCESSING}
    node = US if seen_end is None and job.state is not JobState.CLAIMING else OTHER
    shown = JobStatus.REQUESTED if job.state is JobState.CLAIMING else status[job.state]
    books = await ready(make, replace(job, seen_end=seen_end), shown, node=node)
    books.book.update(JOB_ID, seen_end=seen_end)
    books.may_claim = True
    books.chain.final_records = {}
    witness = second(books, shown, node=node)
    await books.look()
    assert witness.asked == []


# ---- evidence


async def doubted(make: Make) -> Books:
    """Books of a job that is called verified, and of which no log says so."""
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    show(books, JobStatus.VERIFIED)
    await books.look()
    assert await books.look() == [events.EndSeen(JobState.VERIFIED, CONFIRMATIONS)]
    for _look in range(FIRST_LOOKS - 2):
        assert await books.look() == []
    assert await books.look() == [events.EndUnexplained(JobState.VERIFIED, round(WITHOUT_EVIDENCE_S))]
    return books


async def test_an_end_without_a_log_waits_for_its_time(make: Make) -> None:
    books = await doubted(make)
    for passed_s in range(30, int(WITHOUT_EVIDENCE_S), 30):
        books.monotonic_s = float(passed_s)
        assert await books.look() == []
        assert books.settler.waits
    books.monotonic_s = WITHOUT_EVIDENCE_S
    assert await books.look() == [events.SettledByRules(10 * EMT), events.Verified(10 * EMT, 0, 30)]
    assert kept(books).earned_wei == 10 * EMT


async def test_logs_are_read_again_now_and_then_and_not_at_each_look(make: Make) -> None:
    books = await doubted(make)
    reads = len(books.chain.reads)
    books.monotonic_s = LOOK_EVERY_S - 1
    await books.look()
    assert len(books.chain.reads) == reads
    books.monotonic_s = LOOK_EVERY_S
    await books.look()
    await books.look()
    assert len(books.chain.reads) == reads + 1


async def test_a_log_that_comes_late_is_what_counts(make: Make) -> None:
    books = await doubted(make)
    end(books, JobStatus.VERIFIED, 35 * EMT)
    books.monotonic_s = LOOK_EVERY_S
    assert await books.look() == []
    books.monotonic_s += LOOK_EVERY_S
    assert await books.look() == [events.Verified(15 * EMT, 0, 30)]


async def test_an_end_by_the_rules_costs_what_they_say(make: Make) -> None:
    books = await ready(make, TRAINING, JobStatus.PROCESSING)
    show(books, JobStatus.TIMEOUT)
    for _look in range(1 + FIRST_LOOKS):
        await books.look()
    books.monotonic_s = WITHOUT_EVIDENCE_S
    bodies = await books.look()
    cost_wei = books.context.rates.timeout_penalty_wei(20 * EMT)
    assert bodies == [events.SettledByRules(-cost_wei), events.Timeout(cost_wei)]
    assert (kept(books).lost_wei, kept(books).earned_wei) == (cost_wei, 0)


async def test_another_end_than_the_logs_show_is_not_believed(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.TIMEOUT, 14 * EMT)
    show(books, JobStatus.VERIFIED)
    await books.look()
    await books.look()
    assert JOB_ID in books.book


async def test_the_time_begins_anew_with_another_end(make: Make) -> None:
    books = await doubted(make)
    books.monotonic_s = WITHOUT_EVIDENCE_S
    show(books, JobStatus.FAILED)
    for _look in range(1 + FIRST_LOOKS):
        await books.look()
    assert JOB_ID in books.book
    books.monotonic_s += WITHOUT_EVIDENCE_S
    assert isinstance((await books.look())[-1], events.Failed)


async def test_the_time_begins_anew_when_the_end_was_taken_back(make: Make) -> None:
    books = await doubted(make)
    show(books, JobStatus.SUBMITTED)
    await books.look()
    await books.look()
    books.monotonic_s = WITHOUT_EVIDENCE_S
    show(books, JobStatus.VERIFIED)
    for _look in range(FIRST_LOOKS):
        await books.look()
    assert JOB_ID in books.book


async def test_what_is_booked_already_counts_while_the_ledger_is_behind(make: Make) -> None:
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    end(books, JobStatus.VERIFIED, 30 * EMT)
    await books.look()
    books.chain.height += 50
    head = await books.chain.head()
    await books.settler.look(head)
    assert books.said()[-1] == events.Verified(10 * EMT, 0, 30)


async def test_nothing_is_concluded_while_the_ledger_is_behind_or_cannot_read(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    books = await ready(make, submitted(), JobStatus.SUBMITTED)
    await books.look()
    end(books, JobStatus.VERIFIED, 30 * EMT)
    books.chain.height += 50
    head = await books.chain.head()
    for _look in range(3):
        await books.settler.look(head)
    assert books.said() == [events.EndSeen(JobState.VERIFIED, CONFIRMATIONS)]
    books.store.movements.forget_after(-1)
    await books.ledger.book_until(head.number - CONFIRMATIONS + 1)
    books.store.movements.forget_after(-1)
    books.chain.logs_fail = True
    await books.settler.look(head)
    assert JOB_ID in books.book
    assert f"job {JOB_ID}: its movements cannot be read: no logs today" in caplog.messages
    books.chain.logs_fail = False
    await books.settler.look(head)
    assert books.said() == [events.Verified(10 * EMT, 0, 30)]


async def test_a_job_that_is_lost_by_its_record_and_ours_by_the_logs_waits(make: Make) -> None:
    books = await ready(make, TRAINING, JobStatus.PROCESSING)
    await books.look()
    show(books, JobStatus.PROCESSING, node=OTHER)
    for _look in range(1 + FIRST_LOOKS):
        await books.look()
    assert events.EndUnexplained(JobState.LOST, round(WITHOUT_EVIDENCE_S)) in books.bodies()
    assert JOB_ID in books.book
    books.monotonic_s = WITHOUT_EVIDENCE_S
    assert await books.look() == [events.Lost()]


async def test_a_job_given_up_that_is_ours_by_the_logs_is_lost_only_after_a_while_and_with_an_event(
    make: Make,
) -> None:
    books = await ready(make, make_job(), JobStatus.REQUESTED, node=OTHER)
    books.book.update(JOB_ID, seen_end=JobState.LOST)
    books.chain.records = books.chain.final_records = {}
    books.chain.claim_and()
    for _look in range(FIRST_LOOKS):
        await books.look()
    assert books.bodies()[-1] == events.EndUnexplained(JobState.LOST, round(WITHOUT_EVIDENCE_S))
    assert kept(books).state is JobState.CLAIMING
    books.monotonic_s = WITHOUT_EVIDENCE_S
    assert await books.look() == [events.Lost()]
    assert kept(books).state is JobState.LOST


async def test_a_loss_that_was_taken_back_begins_its_time_anew(make: Make) -> None:
    books = await ready(make, TRAINING, JobStatus.PROCESSING)
    for node in (OTHER, US, OTHER):
        show(books, JobStatus.PROCESSING, node=node)
        for _look in range(1 + FIRST_LOOKS):
            await books.look()
    books.monotonic_s = WITHOUT_EVIDENCE_S / 2
    show(books, JobStatus.PROCESSING)
    await books.look()
    await books.look()
    show(books, JobStatus.PROCESSING, node=OTHER)
    await books.look()
    await books.look()
    books.monotonic_s = WITHOUT_EVIDENCE_S
    await books.look()
    assert JOB_ID in books.book
