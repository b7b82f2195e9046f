"""Before a deposit is staked: the owner's limits, fees and balances, workers that answer, a right clock."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.clients.http import dates
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import kept_keys
from emeth_tui.errors import JobError
from emeth_tui.model import (
    SECONDS_PER_DAY,
    WEI_PER_TOKEN,
    JobId,
    JobState,
    Language,
    ServiceName,
    token_to_wei,
)
from emeth_tui.notices.events.job import SubmissionHeld
from emeth_tui.notices.events.market import ClaimsPaused, Idle
from emeth_tui.notices.events.node import WorkerSilent
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import market as why
from emeth_tui.notices.reasons.network.transactions import GasTooDear
from emeth_tui.notices.reasons.worker import ProcessSilent
from emeth_tui.protocol.contracts import JobStatus
from tests.engine.harness import Harness, RunningNode
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow

DAYS_S = 4 * SECONDS_PER_DAY


async def idle_because(node: RunningNode) -> Reason:
    """Wait until the node takes no job, and return why."""
    body = (await node.event("idle")).body
    assert isinstance(body, Idle)
    return body.reason.reason if isinstance(body.reason, why.NoneTaken) else body.reason


async def refused_by_hand(node: RunningNode, job_id: JobId) -> Reason:
    with pytest.raises(JobError) as refused:
        await node.node.claim_job(job_id)
    assert isinstance(refused.value.reason, why.NotClaimed)
    return refused.value.reason.reason


async def leave_native(network: Harness, left_wei: int) -> None:
    """Send the operator's native token away, but for about `left_wei`."""
    rpc, gas = network.devnet.chain.rpc, 21_000
    keys = kept_keys(network.devnet.info.state_dir / "accounts.json", funding.ACCOUNTS)
    operator = keys[funding.OPERATOR]
    price_wei = 2 * int(await rpc.call("eth_gasPrice"), 16)
    balance_wei = int(await rpc.call("eth_getBalance", operator.address, "latest"), 16)
    raw, _ = operator.wallet.sign_transaction(
        {
            "chainId": network.devnet.chain.network.chain_id,
            "nonce": int(await rpc.call("eth_getTransactionCount", operator.address, "latest"), 16),
            "to": bytes.fromhex(keys[funding.VERIFIER].address[2:]),
            "value": balance_wei - left_wei - gas * price_wei,
            "gas": gas,
            "gasPrice": price_wei,
            "data": b"",
        }
    )
    await rpc.call("eth_sendRawTransaction", "0x" + raw.hex())


# ---- the fee


async def test_a_fee_that_is_the_verifiers_is_taken_by_hand_alone(network: Harness) -> None:
    job_id = await network.post(fee_emt=10)
    async with network.node(claims__min_fee_emt=0) as node:
        assert await idle_because(node) == why.FeeNotAboveVerifiers(token_to_wei(10), token_to_wei(10))

        await node.node.claim_job(job_id)

        await node.event("submitted", job_id)


async def test_other_languages_are_left_and_taken_by_hand(network: Harness) -> None:
    job_id = await network.post()
    async with network.node(claims__languages=["ja"]) as node:
        assert await idle_because(node) == why.LanguageNotTaken(Language.EN)
        await node.node.claim_job(job_id)
        await node.event("submitted", job_id)


# ---- the owner's limits


async def test_no_more_is_staked_at_once_than_the_owner_allows(network: Harness) -> None:
    first, second = await network.post(fee_emt=25), await network.post(fee_emt=20)
    small = await network.post(fee_emt=15)

    async with network.node(devices=3, script=Script(hold_before_epoch=1), claims__enabled=False) as node:
        await node.node.change_setting("limits.max_staked_emt", "40")
        await node.node.claim_job(first)
        await node.node.claim_job(small)
        await node.events(("claimed", first), ("claimed", small))
        over = why.OverStakeLimit(token_to_wei(20), token_to_wei(40), token_to_wei(40))
        assert await refused_by_hand(node, second) == over
        assert node.node.snapshot().deposits.locked_wei == token_to_wei(40)  # type: ignore[union-attr]

        await node.node.change_setting("limits.max_staked_emt", "60")
        await node.node.claim_job(second)
        await node.event("claimed", second)


async def test_a_job_that_fits_under_the_limit_is_taken_before_a_better_paid_one(network: Harness) -> None:
    rich, poor = await network.post(fee_emt=25), await network.post(fee_emt=15)
    async with network.node(devices=2, limits__max_staked_emt=20) as node:
        await node.event("submitted", poor)
        offers = {offer.job.job_id: offer.refusal for offer in node.node.snapshot().offers}

    assert isinstance(offers[rich], why.OverStakeLimit)


async def test_a_day_that_cost_too_much_stops_claiming_until_the_next(network: Harness) -> None:
    async with network.node(limits__max_lost_emt=15) as node:
        costly = await network.post(fee_emt=20, lifetime_s=DAYS_S)
        await node.event("submitted", costly)
        await network.reject(costly)
        paused = await node.event("claims_paused")
        untouched = await network.post(fee_emt=20, lifetime_s=DAYS_S)
        await node.stop()
    assert paused.body == ClaimsPaused(why.LossLimitReached(token_to_wei(15), token_to_wei(15)))
    assert (await network.job(untouched)).status is JobStatus.REQUESTED

    async with network.node(limits__max_lost_emt=15) as node:
        assert isinstance(await idle_because(node), why.ClaimingPaused)
        await network.pass_time(SECONDS_PER_DAY)
        await node.event("claims_resumed")
        await node.event("claimed", untouched)


async def test_a_loss_that_is_not_final_yet_counts(network: Harness) -> None:
    async with network.node(limits__max_lost_emt=15, confirmations=4) as node:
        job_id = await network.post(fee_emt=20, lifetime_s=DAYS_S)
        await node.event("submitted", job_id)
        await network.reject(job_id)
        paused = await node.event("claims_paused")
        (job,) = node.node.snapshot().jobs
        assert job.seen_end is JobState.FAILED
        await network.mine(4)
        await node.event("failed", job_id)
        assert node.node.snapshot().claims_paused == paused.body.reason  # type: ignore[attr-defined]

    assert paused.body == ClaimsPaused(why.LossLimitReached(token_to_wei(15), token_to_wei(15)))


async def test_the_operator_goes_on_the_same_day_and_the_limit_counts_anew(network: Harness) -> None:
    async with network.node(limits__max_lost_emt=15) as node:
        for _ in range(2):
            job_id = await network.post(fee_emt=20)
            await node.event("submitted", job_id)
            await network.reject(job_id)
            # The limit counts what is seen; the job is booked then, or later.
            _failed, lost = await node.events(("failed", job_id), ("claims_paused", None))
            await node.node.resume_claims()
        await node.event("submitted", await network.post(fee_emt=20))

    assert lost.body.reason == why.LossLimitReached(token_to_wei(30), token_to_wei(15))


async def test_a_limit_that_is_raised_lets_claiming_go_on(network: Harness) -> None:
    async with network.node() as node:
        await node.node.change_setting("limits.max_lost_emt", "15")
        job_id = await network.post(fee_emt=20)
        await node.event("submitted", job_id)
        await network.reject(job_id)
        await node.event("claims_paused")

        await node.node.change_setting("limits.max_lost_emt", "16")

        await node.event("claims_resumed")
        await node.event("submitted", await network.post(fee_emt=20))


@pytest.mark.parametrize(
    ("limit", "kind"),
    [
        ("max_gas_price_gwei = 0.5", GasTooDear),
        ("max_job_fee_native = 0.0001", why.JobOverFeeLimit),
        ("min_native_balance = 1001", why.UnderNativeLimit),
    ],
)
async def test_transactions_that_cost_too_much_keep_a_job_from_being_taken(
    network: Harness, limit: str, kind: type[Reason]
) -> None:
    key, _, value = limit.partition(" = ")
    async with network.node() as node:
        await node.node.change_setting(f"limits.{key}", value)
        await node.event("idle")
        job_id = await network.post()
        assert isinstance(await idle_because(node), kind)
        assert isinstance(await refused_by_hand(node, job_id), kind)
        await node.node.change_setting(f"limits.{key}", "")
        await node.event("claimed", job_id)


async def test_the_balance_pays_for_every_job_under_way_and_the_new_one(network: Harness) -> None:
    await leave_native(
        network, 4_600 * 10**12
    )  # three times the price asks 4,100 for two jobs and 5,500 for three
    first, second = await network.post(fee_emt=25), await network.post(fee_emt=20)
    third = await network.post(fee_emt=15)
    async with network.node(devices=3, script=Script(hold_before_epoch=1)) as node:
        await node.events(("training", first), ("training", second))
        short = await refused_by_hand(node, third)

    assert isinstance(short, why.ShortOfNative)
    assert (short.jobs, short.factor) == (3, 3)
    assert short.balance_native_wei < short.needed_native_wei < WEI_PER_TOKEN


async def test_a_submission_over_the_limit_is_held_and_told_with_its_deadline(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    script = Script(hold_before_epoch=30)
    async with network.node(script=script) as node:
        await node.event("training", job_id)
        await node.node.change_setting("limits.max_gas_price_gwei", "0.5")
        script.go_on.set()
        held = (await node.event("submission_held", job_id)).body
        assert (await network.job(job_id)).status is JobStatus.PROCESSING

        await node.node.change_setting("limits.max_gas_price_gwei", "100")
        await node.event("submitted", job_id)

    assert isinstance(held, SubmissionHeld)
    assert isinstance(held.reason, GasTooDear)
    assert 7_000 < held.deadline_s <= 7_200
    assert held.cost_wei == token_to_wei(6)
    assert sum(event.kind == "submission_held" for event in node.seen) == 1


# ---- the workers


async def test_nothing_is_staked_on_a_worker_that_does_not_answer(network: Harness) -> None:
    job_id = await network.post()
    script = Script(silent={0})
    async with network.node(script=script) as node:
        silent = await node.event("worker_silent")
        assert await idle_because(node) == why.NoWorkerAnswers()
        assert (await network.job(job_id)).status is JobStatus.REQUESTED

        script.silent.clear()
        pool: Any = node.node._pool
        pool.device_started(pool.workers[0])

        await node.event("device_works")
        await node.event("submitted", job_id)
    assert silent.body == WorkerSilent(0, "cpu", ProcessSilent(5.0))


async def test_a_job_goes_to_the_worker_that_answers(network: Harness) -> None:
    script = Script(silent={0})
    async with network.node(devices=2, script=script) as node:
        await node.event("submitted", await network.post())

    assert script.trained_on == [1]


# ---- the clock


@pytest.mark.parametrize(("offset_s", "kind"), [(90.0, why.ClockAhead), (-3_600.0, why.ClockBehind)])
async def test_nothing_is_staked_while_the_clock_is_wrong(
    network: Harness, monkeypatch: pytest.MonkeyPatch, offset_s: float, kind: type[Reason]
) -> None:
    job_id = await network.post()
    wrong: Any = SimpleNamespace(time=lambda: time.time() + offset_s)
    monkeypatch.setattr(dates, "time", wrong)
    async with network.node() as node:
        reason: Any = await idle_because(node)
        by_hand: Any = await refused_by_hand(node, job_id)
        monkeypatch.setattr(dates, "time", time)
        await node.event("claimed", job_id)

    assert isinstance(reason, kind)
    assert isinstance(by_hand, kind)
    assert reason.service is ServiceName.STORAGE
    assert 0 <= abs(offset_s) - reason.difference_s <= 30  # an answer takes its time
