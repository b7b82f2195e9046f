"""The node on a real chain, storage and info server: every way that a job can go, and what it costs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone

import pytest

from emeth_tui.clients.appeals import AppealClient
from emeth_tui.clients.transactions.sender import Receipt
from emeth_tui.engine import rejections
from emeth_tui.errors import (
    DiskFull,
    InfoServerError,
    InsufficientFunds,
    JobError,
    StorageError,
    TrainingError,
)
from emeth_tui.model import (
    SECONDS_PER_DAY,
    JobId,
    JobState,
    JournaledTransaction,
    TransactionState,
    token_to_wei,
)
from emeth_tui.network.verification.appeals import Rule
from emeth_tui.notices.events.job import (
    AppealFailed,
    Declined,
    Failed,
    JobStuck,
    JobTrouble,
    RejectionExplained,
    RejectionHeld,
    Timeout,
)
from emeth_tui.notices.events.market import ClaimLost, Idle
from emeth_tui.notices.reasons.disk import CacheFull, DatabaseFull
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.job import AnotherNodeFaster
from emeth_tui.notices.reasons.market import (
    ClaimingPaused,
    DevicesHeld,
    MissesMargin,
    ResultsRejected,
    WorkersBusy,
)
from emeth_tui.notices.reasons.network.info_server import AppealRefused
from emeth_tui.notices.reasons.network.verification import LearnedNothing
from emeth_tui.notices.reasons.pauses.hours import ClaimingHoursOver
from emeth_tui.notices.reasons.pauses.rules import MemoryLow
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.hash_chain import links
from emeth_tui.store.database import Store
from tests.engine.harness import TEXT, WAIT_S, Harness, RunningNode
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow


def held_before(epoch: int) -> Script:
    return Script(hold_before_epoch=epoch)


async def test_a_job_is_earned_and_the_account_adds_up(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    before_wei = await network.emt_wei()

    async with network.node(exit_after_jobs=1) as node:
        await node.event("submitted", job_id)
        record = await network.job(job_id)
        assert (record.status, record.deposit_wei) == (JobStatus.SUBMITTED, token_to_wei(20))
        assert await network.emt_wei() == before_wei - token_to_wei(20)
        await network.verify(job_id, gas=7)
        await node.event("verified", job_id)
        summary = await asyncio.wait_for(node.running, WAIT_S)

        job = node.store.jobs.get(job_id)
        assert job is not None
        assert (job.state, job.gas, job.earned_wei) == (JobState.VERIFIED, 7, token_to_wei(10))
        assert len(node.store.jobs.epochs(job_id)) == 30
        assert node.node.snapshot().disk.by_job == ()

    key = network.devnet.info.verification_key
    assert node.script.hashes == [links(TEXT, key, 30)[-1]]
    assert summary.adds_up
    assert summary.emt_after_wei - summary.emt_before_wei == token_to_wei(10)
    assert await network.emt_wei() == before_wei + token_to_wei(10)


async def test_the_best_paid_suitable_jobs_are_taken_one_a_worker(network: Harness) -> None:
    poor = await network.post(fee_emt=12)
    await network.post(fee_emt=29, lifetime_s=90)  # ends within the safety margin
    await network.post(fee_emt=28, text="too small")
    rich = await network.post(fee_emt=25)
    middle = await network.post(fee_emt=15)

    async with network.node(devices=2, script=held_before(1)) as node:
        await node.events(("training", rich), ("training", middle))
        snapshot = node.node.snapshot()

    assert [job.job_id for job in snapshot.jobs] == [rich, middle]
    assert (await network.job(poor)).status is JobStatus.REQUESTED
    assert snapshot.standstill is not None
    assert snapshot.standstill.reason == WorkersBusy()
    assert snapshot.deposits is not None
    assert snapshot.deposits.locked_wei == token_to_wei(40)
    assert snapshot.deposits.at_risk_wei == token_to_wei(12)


async def test_a_job_that_a_rival_has_is_passed_over(network: Harness) -> None:
    rivals = await network.post(fee_emt=25)
    ours = await network.post(fee_emt=15)
    await network.rival_claims(rivals)

    async with network.node(devices=2, script=held_before(1)) as node:
        await node.event("training", ours)
        assert [job.job_id for job in node.node.snapshot().jobs] == [ours]


async def test_a_claim_that_a_rival_wins_costs_nothing(network: Harness) -> None:
    before_wei = await network.emt_wei()
    async with network.node() as node:
        before_claiming(node, network.rival_claims)

        job_id = await network.post()
        lost = await node.event("claim_lost", job_id)
        summary = await node.stop()

    assert lost.body == ClaimLost(AnotherNodeFaster())
    assert summary.adds_up
    assert await network.emt_wei() == before_wei


async def test_a_job_canceled_before_our_claim_is_left(network: Harness) -> None:
    before_wei = await network.emt_wei()
    async with network.node() as node:
        before_claiming(node, network.cancel)

        await node.event("canceled", await network.post())

    assert await network.emt_wei() == before_wei


async def test_a_rejected_result_costs_a_quarter_and_the_verifiers_fee(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    before_wei = await network.emt_wei()

    async with network.node() as node:
        await node.event("submitted", job_id)
        await network.reject(job_id)
        failed = await node.event("failed", job_id)
        summary = await node.stop()

    assert failed.body == Failed(token_to_wei(15))
    assert await network.emt_wei() == before_wei - token_to_wei(15)
    assert summary.adds_up
    assert (summary.earned_wei, summary.lost_wei) == (0, token_to_wei(15))


async def test_a_rejection_is_explained_in_the_verifiers_own_reason(network: Harness) -> None:
    job_id, reason = await network.post(), LearnedNothing(5.25, 5.0)

    async with network.node() as node:
        await node.event("submitted", job_id)
        await network.reject(job_id, reason)
        explained = await node.event("rejection_explained", job_id)

    assert explained.body == RejectionExplained(reason)


async def test_a_held_rejection_is_reported_and_appealed_where_the_settings_say_so(
    network: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejections, "LOOK_EVERY_S", 0.1)
    held, job_id, reason = network.devnet.appeals, await network.post(), LearnedNothing(5.25, 5.0)
    held.rule = Rule(window_s=3_600)

    async with network.node(appeal_s=3_600) as node:
        await node.node.change_setting("claims.appeal", "false")
        await node.event("submitted", job_id)
        await held.hold(job_id, (await network.job(job_id)).result, reason)
        reported = await node.event("rejection_held", job_id)
        assert await held.open_ones() == []
        with monkeypatch.context() as patched:
            patched.setattr(AppealClient, "appeal", refuse)
            await node.node.change_setting("claims.appeal", "true")
            failed = await node.event("appeal_failed", job_id)
        await node.event("appealed", job_id)

    assert isinstance(reported.body, RejectionHeld)
    assert reported.body.reason == reason
    assert failed.body == AppealFailed(AppealRefused(job_id, 403))
    assert [one.job_id for one in await held.open_ones()] == [job_id]


async def refuse(_client: AppealClient, job_id: JobId) -> None:
    raise InfoServerError(AppealRefused(job_id, 403))


async def test_a_rejection_of_a_small_fee_costs_the_deposit_and_no_more(network: Harness) -> None:
    job_id = await network.post(fee_emt=11)
    before_wei = await network.emt_wei()

    async with network.node() as node:
        await node.event("submitted", job_id)
        deposits = node.node.snapshot().deposits
        await network.reject(job_id)
        failed = await node.event("failed", job_id)

    assert deposits is not None
    assert deposits.at_risk_wei == token_to_wei(11)
    assert failed.body == Failed(token_to_wei(11))
    assert await network.emt_wei() == before_wei - token_to_wei(11)


async def test_two_rejected_results_in_a_row_pause_claiming_across_restarts(network: Harness) -> None:
    async with network.node() as node:
        for _ in range(2):
            job_id = await network.post()
            await node.event("submitted", job_id)
            await network.reject(job_id)
            await node.event("failed", job_id)
        await node.event("claims_paused")

    untouched = await network.post()
    async with network.node() as node:
        assert (await node.event("idle")).body == Idle(ClaimingPaused(ResultsRejected(2)))
        await node.node.resume_claims()
        await node.event("claimed", untouched)


async def test_a_job_that_times_out_while_training_ends_with_what_it_cost(network: Harness) -> None:
    job_id = await network.post(fee_emt=20, lifetime_s=7_200)
    before_wei = await network.emt_wei()
    async with network.node(script=held_before(5)) as node:
        await node.event("training", job_id)
        await network.pass_time(7_300)
        await network.time_out(job_id)

        timed_out = await node.event("timeout", job_id)
        summary = await node.stop()

    assert timed_out.body == Timeout(token_to_wei(6))
    assert node.script.stopped_at == [4]
    assert await network.emt_wei() == before_wei - token_to_wei(6)
    assert summary.adds_up


async def test_files_of_a_job_that_has_ended_stay_until_its_worker_has_saved(network: Harness) -> None:
    script = Script(hold_before_epoch=5, saved=asyncio.Event())
    job_id = await network.post(fee_emt=20, lifetime_s=7_200)
    async with network.node(script=script) as node:
        await node.event("training", job_id)
        await network.pass_time(7_300)
        await network.time_out(job_id)
        await node.event("timeout", job_id)
        files = node.node._context.disk.files.directory(job_id)
        assert (files / "quick-checkpoint").exists()
        script.saved.set()
        await node.stop()

    assert not files.exists()


async def test_declining_costs_exactly_the_decline_penalty(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    before_wei = await network.emt_wei()
    async with network.node(script=held_before(5), claims__max_fee_emt=20) as node:
        await node.event("training", job_id)
        await node.node.pause_claims()

        await node.node.decline_job(job_id)

        assert (await node.event("declined", job_id)).body == Declined(token_to_wei(4))
        assert node.node.snapshot().jobs == ()
        summary = await node.stop()
    assert (await network.job(job_id)).status is JobStatus.DECLINED
    assert await network.emt_wei() == before_wei - token_to_wei(4)
    assert summary.adds_up


async def test_a_submitted_or_unknown_job_cannot_be_declined(network: Harness) -> None:
    job_id = await network.post()
    async with network.node() as node:
        await node.event("submitted", job_id)

        with pytest.raises(JobError, match="only a claimed, unsubmitted job"):
            await node.node.decline_job(job_id)
        with pytest.raises(JobError, match="not under way"):
            await node.node.decline_job(JobId("0x" + "ff" * 16))
        with pytest.raises(JobError, match="not under way"):
            await node.node.pause_job(JobId("0x" + "ff" * 16))


async def test_a_job_that_cannot_be_trained_stands_still_and_stakes_no_further_deposit(
    network: Harness,
) -> None:
    failure = TrainingError(Foreign("the loss is NaN"))
    job_id = await network.post()
    await network.post()

    async with network.node(script=Script(failure=failure)) as node:
        stuck = await node.event("job_stuck", job_id)
        await node.stop()
        assert node.store.jobs.get(job_id).error == failure.reason  # type: ignore[union-attr]
        assert len(node.seen) < 20

    assert stuck.body == JobStuck(JobState.TRAINING, failure.reason, token_to_wei(4), token_to_wei(6))


async def test_a_stopped_node_goes_on_where_it_was(network: Harness) -> None:
    job_id = await network.post()
    async with network.node(script=held_before(8)) as node:
        await node.event("training", job_id)
        await wait_for_epoch(node, job_id, 7)
        summary = await node.stop()
    assert summary.adds_up
    assert node.script.stopped_at == [7]

    async with network.node(exit_after_jobs=1) as node:
        assert (await node.event("training", job_id)).body.resumed_epoch == 7
        await node.event("submitted", job_id)
        await network.verify(job_id)
        summary = await asyncio.wait_for(node.running, WAIT_S)

    assert summary.adds_up
    assert [tx.purpose for tx in journal_of(node, job_id)] == ["approve", "process", "submit"]


async def test_what_ends_while_no_node_runs_is_settled_at_the_next_start(network: Harness) -> None:
    job_id = await network.post()
    async with network.node() as node:
        await node.event("submitted", job_id)
        await node.stop()
    await network.verify(job_id)

    async with network.node(claims__enabled=False) as node:
        await node.event("verified", job_id)
        summary = await node.stop()

    assert summary.adds_up
    assert summary.verified == 1


async def test_a_result_that_is_gone_is_made_again(network: Harness) -> None:
    job_id = await network.post()
    async with network.node(script=held_before(3)) as node:
        await node.event("training", job_id)
        await wait_for_epoch(node, job_id, 2)
        await node.stop()
        directory = node.node._context.disk.files.directory(job_id)
    (directory / "dataset.txt").unlink()
    (directory / "quick-checkpoint").unlink()

    async with network.node() as node:
        await node.event("downloaded", job_id)
        await node.event("submitted", job_id)


async def test_a_paused_job_stays_paused_across_a_restart(network: Harness) -> None:
    job_id = await network.post()
    async with network.node(script=held_before(3)) as node:
        await node.event("training", job_id)
        await node.node.pause_job(job_id)
        assert node.script.paused
        await node.stop()

    async with network.node() as node:
        await node.event("resumed", job_id)
        assert node.node.snapshot().jobs[0].paused
        await node.node.resume_job(job_id)
        await node.event("submitted", job_id)


async def test_a_pause_for_a_time_ends_by_itself_after_a_restart(network: Harness) -> None:
    job_id = await network.post(lifetime_s=SECONDS_PER_DAY)
    async with network.node(script=held_before(3)) as node:
        await node.event("training", job_id)
        assert await node.node.pause_job(job_id, for_s=7_200)
        assert await node.node.pause_claims(for_s=7_200)
        await node.stop()

    async with network.node() as node:
        await node.event("resumed", job_id)
        assert node.node.snapshot().jobs[0].paused
        assert node.node.snapshot().claims_paused
        await network.pass_time(7_300)
        await node.event("claims_resumed")
        await node.event("submitted", job_id)


async def test_no_job_is_taken_for_a_device_that_a_rule_holds(network: Harness) -> None:
    never_enough = "free-memory below 999999998 for 0s until 999999999"
    async with network.node() as node:
        await node.node.change_setting("rules.hold", never_enough)
        held = await node.event("device_held")
        job_id = await network.post()
        while (await node.event("idle")).body.reason != DevicesHeld():
            pass

        await node.node.change_setting("rules.hold", "")
        await node.event("device_let_go")
        await node.event("submitted", job_id)

    assert isinstance(held.body.reason, MemoryLow)


async def test_a_device_rests_outside_its_hours_and_no_job_is_taken(network: Harness) -> None:
    now = datetime.now(timezone.utc)
    # Not yet by the network's clock either, which may be ahead by LONGEST_RUN_S.
    later = f"{(now + timedelta(hours=6)):%H:%M}-{(now + timedelta(hours=7)):%H:%M}"
    job_id = await network.post(lifetime_s=SECONDS_PER_DAY)
    async with network.node(script=held_before(3), schedule__time_zone="UTC") as node:
        await node.event("training", job_id)
        await node.node.change_setting("schedule.training", later)
        await node.event("device_held")
        await node.node.change_setting("schedule.claims", later)
        waits = await node.event("idle")
        snapshot, held_too = node.node.snapshot(), node.script.paused

        await node.node.change_setting("schedule.training", "")
        await node.event("device_let_go")
        node.script.go_on.set()
        await node.event("submitted", job_id)

    assert isinstance(waits.body.reason, ClaimingHoursOver)
    assert held_too
    assert [held.worker for held in snapshot.held] == [0]
    assert len(snapshot.coming) == 2


async def test_a_submitted_job_cannot_be_paused_and_one_that_is_not_held_is_not_resumed(
    network: Harness,
) -> None:
    job_id = await network.post()
    async with network.node() as node:
        await node.event("submitted", job_id)
        with pytest.raises(JobError, match="nothing left to pause"):
            await node.node.pause_job(job_id)
        await node.node.resume_job(job_id)
        kinds = {event.kind for event in node.node.snapshot().events}

    assert "submitted" in kinds
    assert not {"job_paused", "job_resumed"} & kinds


async def test_closed_days_are_withdrawn_by_themselves(network: Harness) -> None:
    job_id = await network.post(fee_emt=20, lifetime_s=4 * SECONDS_PER_DAY)
    async with network.node() as node:
        await node.event("submitted", job_id)
        await network.verify(job_id, gas=7)
        await node.event("verified", job_id)
        before_wei = await network.emt_wei()

        await network.pass_time(SECONDS_PER_DAY)
        withdrawn = await node.event("withdrawn")
        summary = await node.stop()

    # All of the day's gas is ours, so all of its reward is (protocol.md §2: 288,000 EMT on the first day).
    assert withdrawn.body.amount_wei == token_to_wei(288_000)
    assert await network.emt_wei() == before_wei + token_to_wei(288_000)
    assert summary.adds_up
    assert summary.withdrawn_wei == token_to_wei(288_000)


async def test_a_withdrawal_that_waits_for_its_block_holds_up_no_end_of_a_job(network: Harness) -> None:
    jobs = [await network.post(lifetime_s=4 * SECONDS_PER_DAY) for _ in range(2)]
    asked, mined = asyncio.Event(), asyncio.Event()
    async with network.node() as node:
        transactions = node.node._context.transactions
        honest = transactions.withdraw

        async def slow(slot: int) -> object:
            asked.set()
            await mined.wait()
            return await honest(slot)

        transactions.withdraw = slow  # type: ignore[method-assign, assignment]
        for job_id in jobs:
            await node.event("submitted", job_id)
        await network.verify(jobs[0], gas=7)
        await node.event("verified", jobs[0])
        await network.pass_time(SECONDS_PER_DAY)
        await asked.wait()

        await network.verify(jobs[1], gas=7)
        await node.event("verified", jobs[1])
        mined.set()
        await node.event("withdrawn")


async def test_by_command_when_asked_for(network: Harness) -> None:
    job_id = await network.post(lifetime_s=4 * SECONDS_PER_DAY)
    async with network.node(rewards__auto_withdraw=False) as node:
        await node.event("submitted", job_id)
        await network.verify(job_id, gas=7)
        await node.event("verified", job_id)
        assert await node.node.withdraw() == 0
        await network.pass_time(SECONDS_PER_DAY)

        assert await node.node.withdraw() == token_to_wei(288_000)
        assert await node.node.withdraw() == 0


async def test_the_running_day_waits_until_it_has_ended(network: Harness) -> None:
    job_id = await network.post(lifetime_s=4 * SECONDS_PER_DAY)
    async with network.node() as node:
        await node.event("submitted", job_id)
        await network.verify(job_id)
        await node.event("verified", job_id)
        await node.stop()

    async with network.node(claims__enabled=False, rewards__auto_withdraw=False) as node:
        assert await node.node.withdraw() == 0
        day = node.node.snapshot().today
        assert day is not None
        head = await network.devnet.chain.head()
        assert day.share.own_balance > 0
        assert (day.waiting, day.days) == ((), ())
        assert 0 < day.ends_at_unix_s - head.timestamp_unix_s <= SECONDS_PER_DAY
        assert day.ends_at_unix_s % SECONDS_PER_DAY == 0


async def test_an_unfunded_account_is_refused_with_what_it_needs(network: Harness) -> None:
    with pytest.raises(InsufficientFunds, match="smallest deposit is"):
        async with network.node(claims__min_fee_emt=1_000_000, claims__max_fee_emt=2_000_000):
            pass


async def test_a_lost_storage_is_waited_for(network: Harness) -> None:
    job_id = await network.post()
    async with network.node() as node:
        download = node.node._context.storage.download
        failures = iter(range(3))
        away = Foreign("the storage does not answer")

        async def broken(*arguments: object, **options: object) -> int:
            if next(failures, None) is not None:
                raise StorageError(away)
            return await download(*arguments, **options)  # type: ignore[arg-type]

        node.node._context.storage.download = broken  # type: ignore[method-assign, assignment]
        trouble = await node.event("job_trouble", job_id)
        await node.event("submitted", job_id)

    assert trouble.body == JobTrouble(away)
    assert sum(event.kind == "job_trouble" for event in node.seen) == 1


async def test_no_room_in_the_cache_is_told_and_nothing_is_claimed(network: Harness) -> None:
    await network.post()
    async with network.node(cache__limit_gb=0.000001) as node:
        idle = (await node.event("idle")).body
        assert isinstance(idle.reason.reason, CacheFull)
        assert node.node.snapshot().jobs == ()


def before_claiming(node: RunningNode, act: Callable[[JobId], Awaitable[None]]) -> None:
    """Let something happen between the node's last look at a job and its claim."""
    transactions = node.node._context.transactions
    process = transactions.process

    async def act_then_process(job_id: JobId, deposit_wei: int) -> Receipt:
        await act(job_id)
        return await process(job_id, deposit_wei)

    transactions.process = act_then_process  # type: ignore[method-assign]


async def wait_for_epoch(node: RunningNode, job_id: JobId, epoch: int) -> None:
    while (await node.event("epoch_done", job_id)).body.epoch != epoch:
        pass


def journal_of(node: RunningNode, job_id: JobId) -> list[JournaledTransaction]:
    with Store(node.store.path.parent) as store:
        transactions = store.journal.of_job(job_id)
    assert all(tx.state is TransactionState.MINED for tx in transactions)
    return transactions


async def test_a_fault_of_ours_is_told_once_and_ends_nothing(network: Harness) -> None:
    async with network.node() as node:
        look = node.node._market._context.info.requested_jobs
        faults = iter(range(3))

        def faulty() -> object:
            if next(faults, None) is not None:
                raise ZeroDivisionError("a fault of ours")
            return look()

        node.node._context.info.requested_jobs = faulty  # type: ignore[method-assign, assignment]
        await node.event("internal_error")
        await node.event("submitted", await network.post())

    assert sum(event.kind == "internal_error" for event in node.seen) == 1


async def test_a_full_disk_is_told_once_and_the_look_is_tried_again(
    network: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    async with network.node() as node:
        await node.event("idle")
        tick = node.node._watcher.tick
        faults = iter(range(3))

        async def full() -> object:
            if next(faults, None) is not None:
                raise DiskFull(DatabaseFull("database or disk is full"))
            return await tick()

        node.node._watcher.tick = full  # type: ignore[method-assign, assignment]
        await node.event("not_written")
        await node.event("submitted", await network.post())

    assert sum(event.kind == "not_written" for event in node.seen) == 1
    assert "Traceback" not in caplog.text


async def test_a_poisoned_job_keeps_nobody_from_the_next(network: Harness) -> None:
    good = await network.post(fee_emt=15)
    await network.post_on_chain(dataset="../../etc/passwd", fee_emt=30)
    await network.post_on_chain(dataset="x.txt", fee_emt=29, deadline_unix_s=2**256 - 1)

    async with network.node(devices=3) as node:
        await node.event("submitted", good)
        snapshot = node.node.snapshot()

    assert [job.job_id for job in snapshot.jobs] == [good]


async def test_a_claim_left_behind_too_long_is_not_staked(network: Harness) -> None:
    job_id = await network.post(lifetime_s=4_000)
    before_wei = await network.emt_wei()
    async with network.node() as node:
        hold = asyncio.Event()
        before_claiming(node, lambda _job_id: hold.wait())
        await node.event("claiming", job_id)
        await node.stop()
    await network.pass_time(3_950)

    async with network.node() as node:
        lost = await node.event("claim_lost", job_id)

    assert isinstance(lost.body.reason, MissesMargin)
    assert await network.emt_wei() == before_wei
    assert (await network.job(job_id)).status is JobStatus.REQUESTED


async def test_a_job_that_stands_still_is_tried_again_on_command(network: Harness) -> None:
    job_id = await network.post()
    script = Script(failure=TrainingError(Foreign("the loss is NaN")))
    async with network.node(script=script) as node:
        await node.event("job_stuck", job_id)
        script.failure = None

        await node.node.resume_job(job_id)

        await node.event("submitted", job_id)


async def test_another_nodes_work_in_the_same_cache_is_left_alone(network: Harness) -> None:
    async with network.node() as node:
        await node.event("submitted", await network.post())
        await node.stop()
        directory = node.node._context.disk.files.directory(JobId("0x" + "55" * 16))
    directory.mkdir()

    async with network.node() as node:
        await node.stop()

    assert directory.is_dir()


async def test_a_job_that_is_adopted_at_the_start_is_started_once(network: Harness) -> None:
    script = Script(hold_before_epoch=2)
    job_id = await network.post()
    async with network.node(script=script) as node:
        await node.event("epoch_done", job_id)
        state_dir = node.store.path.parent
    shutil.rmtree(state_dir)
    script.go_on.set()
    async with network.node(script=script) as node:
        await node.event("orphan_adopted", job_id)
        await node.event("submitted", job_id)

    assert [event.kind for event in node.seen if event.kind in {"training", "job_stuck"}] == ["training"]
