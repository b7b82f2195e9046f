"""Jobs of ours that the store has lost: found again, taken up or held, and never forgotten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emeth_tui.clients.transactions.sender import Receipt
from emeth_tui.engine.market.orphans import RETRY_S
from emeth_tui.errors import ChainUnreachable, StorageError
from emeth_tui.model import JobId, JobState, token_to_wei
from emeth_tui.notices.events.job import OrphanAdopted, OrphanHeld
from emeth_tui.notices.events.market import ClaimsPaused
from emeth_tui.notices.events.node import Leftovers
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.job import ClaimedBefore, TooLateToFinish
from emeth_tui.notices.reasons.market import ClaimedElsewhere, KeyUsedElsewhere
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes
from tests.engine.harness import Harness
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow  # a whole node for each


async def test_a_job_whose_state_is_lost_goes_on_from_its_checkpoint(
    network: Harness, tmp_path: Path
) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node(script=Script(hold_before_epoch=5)) as node:
        await node.event("epoch_done", job_id)
        while node.script.stopped_at == [] and node.node.snapshot().jobs[0].epochs_done < 4:
            await node.event("epoch_done", job_id)
        await node.stop()
    shutil.rmtree(tmp_path / "state")

    async with network.node() as node:
        adopted = await node.event("orphan_adopted", job_id)
        training = await node.event("training", job_id)
        await node.event("submitted", job_id)
        await network.verify(job_id)
        await node.event("verified", job_id)
        summary = await node.stop()

    assert adopted.body == OrphanAdopted(JobState.CLAIMED)
    assert training.body.resumed_epoch == 4  # type: ignore[attr-defined]
    assert summary.adds_up
    assert summary.earned_wei == token_to_wei(10)


async def test_a_submitted_job_whose_state_is_lost_is_watched_again(network: Harness, tmp_path: Path) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node() as node:
        await node.event("submitted", job_id)
        await node.stop()
    shutil.rmtree(tmp_path / "state")
    shutil.rmtree(tmp_path / "cache")

    async with network.node() as node:
        await node.event("orphan_adopted", job_id)
        await network.verify(job_id)
        await node.event("verified", job_id)
        summary = await node.stop()

    assert summary.adds_up


async def test_a_job_of_which_nothing_is_here_is_held_and_its_costs_are_named(
    network: Harness, tmp_path: Path
) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node(script=Script(hold_before_epoch=2)) as node:
        await node.event("epoch_done", job_id)
        await node.stop()
    shutil.rmtree(tmp_path / "state")
    shutil.rmtree(tmp_path / "cache")

    async with network.node() as node:
        held = await node.event("orphan_held", job_id)
        (job,) = node.node.snapshot().jobs
        locked_wei = node.node.snapshot().deposits
        await node.node.decline_job(job_id)
        await node.event("declined", job_id)
        summary = await node.stop()

    assert held.body == OrphanHeld(token_to_wei(20), token_to_wei(4), token_to_wei(6))
    assert (job.state, job.paused, job.error) == (JobState.CLAIMED, True, ClaimedBefore())
    assert locked_wei is not None
    assert locked_wei.locked_wei == token_to_wei(20)
    assert (summary.adds_up, summary.lost_wei) == (True, token_to_wei(4))


async def test_a_job_that_is_left_alone_holds_no_worker_and_is_no_job_that_was_asked_for(
    network: Harness, tmp_path: Path
) -> None:
    theirs = await network.post(fee_emt=20)
    async with network.node(script=Script(hold_before_epoch=2)) as node:
        await node.event("epoch_done", theirs)
        await node.stop()
    shutil.rmtree(tmp_path / "state")
    shutil.rmtree(tmp_path / "cache")

    ours = await network.post(fee_emt=20)
    async with network.node(exit_after_jobs=1) as node:
        await node.event("orphan_held", theirs)
        await node.event("submitted", ours)
        await network.verify(ours)
        await node.event("verified", ours)
        await node.running

    assert not [event for event in node.seen if event.kind == "resumed"]
    assert (await network.job(theirs)).status is JobStatus.PROCESSING


async def test_the_operator_may_have_a_held_job_trained(network: Harness, tmp_path: Path) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node(script=Script(hold_before_epoch=2)) as node:
        await node.event("epoch_done", job_id)
        await node.stop()
    shutil.rmtree(tmp_path / "state")
    shutil.rmtree(tmp_path / "cache")

    async with network.node() as node:
        await node.event("orphan_held", job_id)
        await node.node.resume_job(job_id)
        await node.event("submitted", job_id)


async def test_a_job_that_can_no_longer_be_finished_is_held(network: Harness, tmp_path: Path) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node(script=Script(hold_before_epoch=2)) as node:
        await node.event("epoch_done", job_id)
        await node.stop()
    shutil.rmtree(tmp_path / "state")
    await network.pass_time(7_300)

    async with network.node() as node:
        await node.event("orphan_held", job_id)
        (job,) = node.node.snapshot().jobs

    assert isinstance(job.error, TooLateToFinish)


async def test_another_nodes_claim_with_our_account_is_left_alone_and_stops_claiming(
    network: Harness,
) -> None:
    theirs = await network.post(fee_emt=20)
    async with network.node(claims__enabled=False) as node:
        await node.event("idle")
        twin = network.operator_elsewhere()
        await twin.allow_core(token_to_wei(20), "twin")
        await twin.send(network.devnet.chain.core("process", job_id_bytes(theirs)), "twin")
        reasons: list[Reason] = []
        while not reasons or isinstance(reasons[-1], KeyUsedElsewhere):  # its nonces may be seen first
            reasons.append((await node.event("claims_paused")).body.reason)  # type: ignore[attr-defined]
        (job,) = node.node.snapshot().jobs
        requests = node.script.requests

    assert reasons[-1] == ClaimedElsewhere("0000…01")
    assert (job.paused, job.error) == (True, ClaimedBefore())  # so that no worker gets it
    assert requests == []
    assert (await network.job(theirs)).status is JobStatus.PROCESSING


async def test_another_nodes_claim_stops_claiming_while_the_storage_is_down_and_is_held_after_that(
    network: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = await network.post(fee_emt=20)
    async with network.node(claims__enabled=False) as node:
        await node.event("idle")
        with monkeypatch.context() as patch:
            patch.setattr(node.node._context.storage, "size_of", storage_down)
            twin = network.operator_elsewhere()
            await twin.allow_core(token_to_wei(20), "twin")
            await twin.send(network.devnet.chain.core("process", job_id_bytes(theirs)), "twin")
            while (await node.event("claims_paused")).body.reason != ClaimedElsewhere("0000…01"):
                pass
        await network.pass_time(round(RETRY_S))
        await node.event("orphan_held", theirs)
        (job,) = node.node.snapshot().jobs

    assert (job.paused, job.error) == (True, ClaimedBefore())


async def storage_down(_dataset: str) -> int:
    raise StorageError(Foreign("down"))


@pytest.mark.parametrize("part", ["events", "slot_shares"])
async def test_another_program_stops_claiming_whatever_fails_in_the_look_that_saw_it(
    network: Harness, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    async with network.node(claims__enabled=False) as node:
        await node.event("idle")
        monkeypatch.setattr(node.node._context.chain, part, chain_down)
        twin = network.operator_elsewhere()
        await twin.send(network.devnet.chain.token("approve", network.rival.address, 1), "twin")
        node.node._watcher._is_touched = True
        with pytest.raises(ChainUnreachable):
            await node.node._watcher.tick()
        assert node.node._market.paused == KeyUsedElsewhere(network.operator_address, 1)


async def chain_down(*_: object) -> None:
    raise ChainUnreachable(Foreign("no logs today"))


async def test_what_another_program_did_while_no_node_ran_stops_claiming_from_the_start(
    network: Harness,
) -> None:
    async with network.node(claims__enabled=False) as node:
        await node.event("idle")
        await node.stop()
    twin = network.operator_elsewhere()
    await twin.send(network.devnet.chain.token("approve", network.rival.address, 1), "twin")

    async with network.node() as node:
        paused = await node.event("claims_paused")

    assert paused.body == ClaimsPaused(KeyUsedElsewhere(network.operator_address, 1))


async def test_what_belongs_to_no_job_is_reported_with_its_size_and_stays(
    network: Harness, tmp_path: Path
) -> None:
    stray = tmp_path / "cache" / "devnet" / "jobs" / ("0x" + "ab" * 16)
    stray.mkdir(parents=True)
    (stray / "train.txt").write_bytes(b"x" * 5_000)

    async with network.node() as node:
        leftovers = await node.event("leftovers")
        await node.stop()

    assert leftovers.body == Leftovers(1, 5_000, stray.parent)
    assert (stray / "train.txt").exists()


async def test_a_job_that_ended_while_its_state_was_lost_is_booked_and_its_files_go(
    network: Harness, tmp_path: Path
) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node() as node:
        await node.event("submitted", job_id)
        await node.stop()
    await network.verify(job_id)
    shutil.rmtree(tmp_path / "state")

    async with network.node() as node:
        await node.event("orphan_adopted", job_id)
        verified = await node.event("verified", job_id)
        await node.stop()

    assert verified.body.earned_wei == token_to_wei(10)  # type: ignore[attr-defined]
    assert not (tmp_path / "cache" / "devnet" / "jobs" / job_id).exists()


async def test_a_claim_that_a_twin_made_at_the_same_moment_is_left_to_it(network: Harness) -> None:
    twin = network.operator_elsewhere()
    async with network.node() as node:
        chain, jobs = node.node._context.chain, []
        transactions = node.node._context.transactions
        send = transactions.process

        async def after_the_twin(job_id: JobId, deposit_wei: int) -> Receipt:
            await twin.allow_core(deposit_wei, "twin")
            await twin.send(chain.core("process", job_id_bytes(job_id)), "twin")
            jobs.append(job_id)
            return await send(job_id, deposit_wei)

        transactions.process = after_the_twin  # type: ignore[method-assign]
        job_id = await network.post(fee_emt=20)
        await node.event("orphan_held", job_id)
        (job,) = node.node.snapshot().jobs

    assert jobs == [job_id]
    assert (job.state, job.paused, job.error) == (JobState.CLAIMED, True, ClaimedBefore())
    assert node.script.requests == []
