"""What a node does on a chain that changes its mind: nothing is final before it is final, nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from emeth_tui.errors import ChainUnreachable
from emeth_tui.model import JobState, token_to_wei
from emeth_tui.notices.events.job import EndSeen, EndUndone, FinalEndUndone
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import FeeTooLow
from emeth_tui.protocol.contracts import JobStatus
from tests.engine.harness import Harness
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow

CONFIRMATIONS = 4


async def test_a_verification_is_booked_when_it_is_final_and_not_before(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node(exit_after_jobs=1, confirmations=CONFIRMATIONS) as node:
        await node.event("submitted", job_id)
        await network.verify(job_id, gas=7)
        seen = await node.event("end_seen", job_id)
        (job,) = node.node.snapshot().jobs
        files = node.node.snapshot().disk.by_job
        await network.mine(CONFIRMATIONS - 1)
        await node.event("verified", job_id)
        summary = await node.running

    assert seen.body == EndSeen(JobState.VERIFIED, CONFIRMATIONS)
    assert (job.state, job.seen_end, job.earned_wei) == (JobState.SUBMITTED, JobState.VERIFIED, 0)
    assert [name for name, _bytes in files] == [job_id]
    assert summary.adds_up
    assert summary.earned_wei == token_to_wei(10)


async def test_a_verification_that_is_undone_is_waited_for_again(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node(confirmations=CONFIRMATIONS) as node:
        await node.event("submitted", job_id)
        await network.verify(job_id, gas=7)
        await node.event("end_seen", job_id)
        await network.reorganise(1, dropped="forget", blocks=2)

        undone = await node.event("end_undone", job_id)
        (job,) = node.node.snapshot().jobs
        files = node.node.snapshot().disk.by_job
        await network.verify(job_id, gas=9)
        await network.mine(CONFIRMATIONS)
        verified = await node.event("verified", job_id)
        summary = await node.stop()

    assert undone.body == EndUndone(JobState.VERIFIED)
    assert (job.state, job.seen_end) == (JobState.SUBMITTED, None)
    assert files
    assert verified.body.gas == 9  # type: ignore[attr-defined]
    assert summary.adds_up


async def test_a_submission_that_is_undone_is_sent_again_with_the_same_bytes(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node(confirmations=CONFIRMATIONS) as node:
        await node.event("submitted", job_id)
        await network.mine_by_itself(False)
        await network.reorganise(1, dropped="forget", blocks=2)
        await node.event("submission_undone", job_id)
        (job,) = node.node.snapshot().jobs
        await network.mine_by_itself(True)
        await network.mine(1)
        await node.event("submitted", job_id)
        sent = [tx for tx in node.store.journal.of_job(job_id) if tx.purpose == "submit"]

    assert job.state is JobState.SUBMITTING
    assert (await network.job(job_id)).status is JobStatus.SUBMITTED
    assert len(sent) == 1


async def test_a_claim_that_is_undone_goes_out_again_and_training_goes_on(network: Harness) -> None:
    script = Script(hold_before_epoch=2)
    job_id = await network.post(fee_emt=20)
    async with network.node(confirmations=CONFIRMATIONS, script=script) as node:
        await node.event("epoch_done", job_id)
        await network.mine_by_itself(False)
        await network.reorganise(2, dropped="forget", blocks=3)  # approval and claim
        await node.event("claim_undone", job_id)
        assert (await network.job(job_id)).status is JobStatus.REQUESTED
        await network.mine_by_itself(True)
        await network.mine(1)
        claimed = await node.event("claimed", job_id)
        script.go_on.set()
        await node.event("submitted", job_id)
        bytes_sent = [tx.raw for tx in node.store.journal.of_job(job_id)]
        await network.verify(job_id)
        await network.mine(CONFIRMATIONS)
        await node.event("verified", job_id)
        summary = await node.stop()

    assert claimed.body.deposit_wei == token_to_wei(20)  # type: ignore[attr-defined]
    assert len(bytes_sent) == 3  # approve, process, submit: nothing was signed twice
    assert summary.adds_up


async def test_a_claim_that_is_undone_and_taken_by_another_node_frees_the_worker(network: Harness) -> None:
    script = Script(hold_before_epoch=2)
    await network.rival_approves()
    job_id = await network.post(fee_emt=25)
    async with network.node(confirmations=CONFIRMATIONS, script=script) as node:
        await node.event("epoch_done", job_id)
        await network.mine_by_itself(False)
        await network.give_to_rival(job_id, depth=2)  # instead of approval and claim
        await node.event("end_seen", job_id)
        (job,) = node.node.snapshot().jobs
        await network.mine_by_itself(True)
        await network.mine(2 * CONFIRMATIONS)
        await node.event("lost", job_id)
        other = await network.post(fee_emt=20)
        await node.event("claimed", other)
        summary = await node.stop()

    assert (job.state, job.seen_end) == (JobState.TRAINING, JobState.LOST)
    assert (await network.job(job_id)).node == network.rival.address
    assert summary.adds_up


async def test_what_was_final_and_is_undone_all_the_same_is_taken_up_again(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    before = await network.height()
    async with network.node() as node:
        await node.event("submitted", job_id)
        await network.verify(job_id)
        await node.event("verified", job_id)
        depth = await network.height() - before
        await network.reorganise(depth, dropped="forget", blocks=depth + 20)

        await node.event("final_end_undone", job_id)
        while (await network.job(job_id)).status is not JobStatus.SUBMITTED:
            await network.mine(1)
        await network.verify(job_id)
        await node.event("verified", job_id)
        summary = await node.stop()
        purposes = [tx.purpose for tx in node.store.journal.of_job(job_id)]

    assert purposes == ["approve", "process", "submit"]
    assert summary.adds_up
    assert summary.earned_wei == token_to_wei(10)


@pytest.mark.parametrize("rejected_meanwhile", [False, True])
async def test_what_was_final_and_is_undone_is_taken_up_also_where_the_look_fails_that_saw_it(
    network: Harness, rejected_meanwhile: bool
) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node() as node:
        await node.event("submitted", job_id)
        height = await network.height()
        await network.verify(job_id)
        await node.event("verified", job_id)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(node.node._context.chain, "slot_shares", unreachable)
            depth = await network.height() - height
            await network.reorganise(depth, dropped="forget", blocks=depth + 1)
            with pytest.raises(ChainUnreachable):
                await node.node._watcher.settle_now()
            assert node.store.movements.claims_without_end() == [job_id]
            if rejected_meanwhile:
                await network.reject(job_id)
        undone = await node.event("final_end_undone", job_id)
        if not rejected_meanwhile:
            await network.reject(job_id)
        await node.event("failed", job_id)
        job = node.store.jobs.get(job_id)
        summary = await node.stop()

    assert undone.body == FinalEndUndone(JobState.VERIFIED)
    assert job is not None
    assert (job.state, job.earned_wei, job.lost_wei) == (JobState.FAILED, 0, token_to_wei(15))
    assert summary.adds_up


async def unreachable(*_: object) -> Any:
    raise ChainUnreachable(Foreign("no answer"))


async def test_a_claim_given_up_while_it_may_be_mined_is_cancelled(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    before_wei = await network.emt_wei()
    await network.mine_by_itself(False)
    async with network.node() as node:
        await node.event("claiming", job_id)
        while "process" not in [tx.purpose for tx in node.store.journal.unsettled()]:
            await network.mine_approval()

    async with network.node(claims__min_fee_emt=25) as node:
        lost = await node.event("claim_lost", job_id)
        (job,) = node.node.snapshot().jobs
        await network.mine(1)
        while node.node.snapshot().jobs:
            await network.mine(1)
        summary = await node.stop()
        claim = [tx for tx in node.store.journal.of_job(job_id) if tx.purpose in {"process", "cancel"}]

    assert lost.body.reason == FeeTooLow(token_to_wei(20), token_to_wei(25))  # type: ignore[attr-defined]
    assert (job.state, job.seen_end) == (JobState.CLAIMING, JobState.LOST)
    assert [(tx.purpose, tx.state.value) for tx in claim] == [("process", "replaced"), ("cancel", "mined")]
    assert (await network.job(job_id)).status is JobStatus.REQUESTED
    assert await network.emt_wei() == before_wei
    assert summary.adds_up


async def test_a_claim_given_up_that_is_mined_all_the_same_is_taken_after_all(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    await network.mine_by_itself(False)
    async with network.node() as node:
        await node.event("claiming", job_id)
        while "process" not in [tx.purpose for tx in node.store.journal.unsettled()]:
            await network.mine_approval()
        (claim,) = [tx for tx in node.store.journal.of_job(job_id) if tx.purpose == "process"]
    if (await network.job(job_id)).status is JobStatus.PROCESSING:  # it was mined before the node ended
        await network.reorganise(1, dropped="forget")

    async with network.node(claims__min_fee_emt=25) as node:
        await node.event("claim_lost", job_id)
        await network.devnet.chain.rpc.call("anvil_dropAllTransactions")
        await network.devnet.chain.rpc.call("eth_sendRawTransaction", "0x" + claim.raw.hex())
        await network.mine_by_itself(True)
        await network.mine(1)
        await node.event("claimed", job_id)
        await node.event("submitted", job_id)
