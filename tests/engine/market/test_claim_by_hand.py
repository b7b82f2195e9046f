"""Claiming a job that the operator chose: which rules it may break, which not, and across restarts."""

from __future__ import annotations

import asyncio

import pytest

from emeth_tui.clients.transactions.sender import Receipt
from emeth_tui.errors import ChainUnreachable, JobError
from emeth_tui.model import OPERATOR, JobId, token_to_wei
from emeth_tui.notices.events.market import Chosen
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import JobStatus
from tests.engine.harness import Harness
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow


async def test_it_is_taken_against_the_rules_on_fee_size_and_margin_while_claiming_is_paused(
    network: Harness,
) -> None:
    dear = await network.post(fee_emt=45, lifetime_s=300)  # within the safety margin, too
    before_wei = await network.emt_wei()

    async with network.node(claims__min_dataset_bytes=1_000_000) as node:
        await node.node.pause_claims()
        await node.node.claim_job(dear)
        chosen = await node.event("chosen", dear)
        await node.event("submitted", dear)
        assert node.store.jobs.get(dear).by_hand  # type: ignore[union-attr]
        assert node.node.snapshot().claims_paused
        assert dear not in [offer.job.job_id for offer in node.node.snapshot().offers]

        await network.verify(dear)
        await node.event("verified", dear)
        assert [tx.purpose for tx in node.store.journal.of_job(dear)] == ["approve", "process", "submit"]
        summary = await node.stop()

    assert chosen.body == Chosen(OPERATOR)
    assert summary.adds_up
    assert await network.emt_wei() == before_wei + token_to_wei(35)


async def test_what_would_lose_the_deposit_is_refused_with_the_reason(network: Harness) -> None:
    async with network.node(claims__enabled=False) as node:
        refused = {
            await network.post(fee_emt=201): "its deposit is 201.00 EMT and 200.00 EMT are free",
            await network.post(lifetime_s=90): "it would miss its deadline by",
            JobId("0x" + "77" * 16): "the chain does not know it",
        }
        taken = await network.post()
        await network.rival_claims(taken)
        refused[taken] = "it is training on the chain"
        for job_id, reason in refused.items():
            with pytest.raises(JobError, match=reason):
                await node.node.claim_job(job_id)
        assert node.node.snapshot().jobs == ()
        assert node.store.journal.recent(9) == []

        await node.node.drain()
        with pytest.raises(JobError, match="the node ends when"):
            await node.node.claim_job(taken)
        await node.stop()
        with pytest.raises(JobError, match="the node is stopping"):
            await node.node.claim_job(taken)


async def test_the_disk_still_has_its_say(network: Harness) -> None:
    job_id = await network.post()
    async with network.node(cache__limit_gb=0.000001) as node:
        with pytest.raises(JobError, match=r"cache\.limit_gb"):
            await node.node.claim_job(job_id)
        assert node.node.snapshot().jobs == ()


async def test_two_at_once_share_neither_worker_nor_deposit(network: Harness) -> None:
    first, second = await network.post(fee_emt=120), await network.post(fee_emt=120)
    async with network.node(devices=2, claims__enabled=False, script=Script(hold_before_epoch=1)) as node:
        transactions, both_asked = node.node._context.transactions, asyncio.Event()
        process = transactions.process

        async def process_later(job_id: JobId, deposit_wei: int) -> Receipt:
            await both_asked.wait()  # what is free is told before the first deposit is taken
            return await process(job_id, deposit_wei)

        transactions.process = process_later  # type: ignore[method-assign]
        outcomes = await asyncio.gather(
            node.node.claim_job(first), node.node.claim_job(second), return_exceptions=True
        )
        assert [str(outcome) for outcome in outcomes if outcome] == [
            "job 0000…02 is not claimed: its deposit is 120.00 EMT and 80.00 EMT are free"
        ]
        both_asked.set()
        await node.event("training", first)

    async with network.node(claims__enabled=False, script=Script(hold_before_epoch=1)) as node:
        with pytest.raises(JobError, match="every worker has a job"):
            await node.node.claim_job(second)
        with pytest.raises(JobError, match="knows it already, as training"):
            await node.node.claim_job(first)


async def test_a_chosen_job_is_still_chosen_after_a_restart(network: Harness) -> None:
    job_id = await network.post(fee_emt=45)
    async with network.node() as node:
        transactions = node.node._context.transactions

        async def unreachable(_job_id: JobId, _deposit_wei: int) -> None:
            raise ChainUnreachable(Foreign("no answer"))

        transactions.process = unreachable  # type: ignore[method-assign, assignment]
        await node.node.claim_job(job_id)
        await node.event("job_trouble", job_id)
        await node.stop()
    assert (await network.job(job_id)).status is JobStatus.REQUESTED

    async with network.node() as node:
        await node.event("claimed", job_id)


async def test_what_was_given_up_before_a_claim_was_signed_is_taken_when_it_may_be(network: Harness) -> None:
    chosen, found = await network.post(fee_emt=45), await network.post()
    async with network.node(devices=2, claims__enabled=False) as node:
        transactions = node.node._context.transactions

        async def unreachable(_job_id: JobId, _deposit_wei: int) -> None:
            raise ChainUnreachable(Foreign("no answer"))

        transactions.process = unreachable  # type: ignore[method-assign, assignment]
        for job_id in (chosen, found):
            await node.node.claim_job(job_id)
            await node.event("job_trouble", job_id)
        await node.stop()

    async with network.node(devices=2, claims__enabled=False, limits__max_staked_emt=1) as node:
        for job_id in (chosen, found):
            await node.event("claim_lost", job_id)
        await node.stop()

    async with network.node(devices=2) as node:
        await node.event("claimed", found)
        await node.node.claim_job(chosen)
        await node.event("claimed", chosen)
        assert node.node.snapshot().ended_today == ()


async def test_nobody_answers_and_nothing_is_taken(network: Harness) -> None:
    job_id = await network.post(fee_emt=45)
    async with network.node() as node:

        async def unreachable(_job_ids: object) -> None:
            raise ChainUnreachable(Foreign("no answer"))

        node.node._context.chain.jobs = unreachable  # type: ignore[method-assign, assignment]
        with pytest.raises(ChainUnreachable):
            await node.node.claim_job(job_id)
        assert node.node.snapshot().jobs == ()
