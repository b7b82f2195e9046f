"""What a node does when its only endpoint tells what is not so: it loses no file, and finishes the job."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from emeth_tui.engine.money.evidence import FIRST_LOOKS, WITHOUT_EVIDENCE_S
from emeth_tui.model import SECONDS_PER_DAY, JobId, JobState, token_to_wei
from emeth_tui.notices.events.job import EndSeen, EndUnexplained, SettledByRules
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from tests.clients.emeth_chain import HANGS_S
from tests.clients.local_server import LocalServer
from tests.engine.endpoints import SecondEndpoint
from tests.engine.harness import Harness, RunningNode
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow  # a whole node for each

CONFIRMATIONS = 4
NOBODY = "0x" + "11" * 20


class Lie:
    """Has a node's endpoint tell of its jobs what `told` makes of their records, until `ends`."""

    def __init__(
        self, node: RunningNode, told: Callable[[ChainJob], ChainJob | None], *, final: bool
    ) -> None:
        chain = node.node._context.chain
        honest = chain.jobs
        self._lying = True

        async def jobs(ids: Sequence[JobId], *block: int) -> dict[JobId, ChainJob]:
            records = await honest(ids, *block)
            is_true = not self._lying or (bool(block) and not final)
            if is_true:
                return records
            return {one: lie for one, record in records.items() if (lie := told(record)) is not None}

        chain.jobs = jobs  # type: ignore[method-assign, assignment]
        node.node._watcher._settler._asks_again = True  # the next look is now, and not in a minute

    def ends(self) -> None:
        """Have it tell the truth again."""
        self._lying = False


def _unknown(_record: ChainJob) -> None:
    """What eth_call's "0x" comes to: an endpoint that has the block and not its state."""


def _as(status: JobStatus) -> Callable[[ChainJob], ChainJob]:
    return lambda record: replace(record, status=status)


@pytest.mark.parametrize("told", [JobStatus.VERIFIED, JobStatus.FAILED, JobStatus.TIMEOUT])
async def test_a_job_whose_end_was_a_lie_is_finished(network: Harness, told: JobStatus) -> None:
    script = Script(hold_before_epoch=2)
    job_id = await network.post(fee_emt=20)
    async with network.node(confirmations=CONFIRMATIONS, script=script) as node:
        await node.event("epoch_done", job_id)
        lie = Lie(node, _as(told), final=False)
        await node.event("end_seen", job_id)
        lie.ends()
        await node.event("end_undone", job_id)
        assert node.node._watcher._settler.waits or told is JobStatus.TIMEOUT
        script.go_on.set()
        await node.event("submitted", job_id)

    assert (await network.job(job_id)).result.startswith(job_id)


async def test_a_job_whose_end_was_a_lie_goes_on_only_when_its_worker_has_saved(network: Harness) -> None:
    script = Script(hold_before_epoch=2, saved=asyncio.Event())
    job_id = await network.post(fee_emt=20)
    async with network.node(confirmations=CONFIRMATIONS, script=script) as node:
        await node.event("epoch_done", job_id)
        lie = Lie(node, _as(JobStatus.TIMEOUT), final=False)
        await node.event("end_seen", job_id)
        lie.ends()
        await node.event("end_undone", job_id)
        await node.node._watcher.settle_now()
        assert len(script.requests) == 1  # a second one would be refused: the worker is busy with the first
        script.go_on.set()
        script.saved.set()
        await node.event("submitted", job_id)

    assert [request.directory for request in script.requests] == [job_id, job_id]
    assert (await network.job(job_id)).result.startswith(job_id)


@pytest.mark.parametrize(
    ("told", "end"),
    [
        (_as(JobStatus.VERIFIED), JobState.VERIFIED),
        (_as(JobStatus.DECLINED), JobState.DECLINED),
        (lambda record: replace(record, status=JobStatus.CANCELED, node=NOBODY), JobState.CANCELED),
        (lambda record: replace(record, node=NOBODY), JobState.LOST),
    ],
)
async def test_an_end_that_only_a_record_shows_deletes_nothing_and_ends_no_job(
    network: Harness, told: Callable[[ChainJob], ChainJob], end: JobState
) -> None:
    script = Script(hold_before_epoch=2)
    job_id = await network.post(fee_emt=20)
    async with network.node(confirmations=CONFIRMATIONS, script=script) as node:
        await node.event("epoch_done", job_id)
        await network.mine(CONFIRMATIONS)
        lie = Lie(node, told, final=True)
        await network.mine(2 * CONFIRMATIONS)
        doubted = await node.event("end_unexplained", job_id)
        await node.node._watcher.settle_now()
        (job,) = node.node.snapshot().jobs
        checkpoint = node.node._context.disk.files.directory(job_id) / "quick-checkpoint"
        assert checkpoint.read_text() == "1"
        lie.ends()
        await node.event("end_undone", job_id)
        script.go_on.set()
        await node.event("submitted", job_id)
        await network.verify(job_id)
        await network.mine(CONFIRMATIONS)
        await node.event("verified", job_id)
        summary = await node.stop()

    assert doubted.body == EndUnexplained(end, 600)
    assert job.seen_end is end
    assert job.ended_at_unix_s is None
    assert (await network.job(job_id)).result.startswith(job_id)
    assert summary.adds_up


async def test_a_late_job_that_an_endpoint_has_no_record_of_for_a_while_is_finished(network: Harness) -> None:
    script = Script(hold_before_epoch=2)
    job_id = await network.post(fee_emt=20)
    async with network.node(script=script) as node:
        await node.event("epoch_done", job_id)
        await network.pass_time(7_300)  # no claim would be made any more, but it may still be delivered
        await node.node._watcher.settle_now()
        context = node.node._context
        assert context.store.movements.has_claim(job_id)
        assert not context.transactions.may_claim(job_id)  # it is settled
        lie = Lie(node, _unknown, final=True)
        await node.event("claim_undone", job_id)
        seen = await node.event("end_seen", job_id)
        await node.event("end_unexplained", job_id)
        (job,) = node.node.snapshot().jobs
        checkpoint = context.disk.files.directory(job_id) / "quick-checkpoint"
        assert checkpoint.read_text() == "1"
        lie.ends()
        await node.event("end_undone", job_id)
        script.go_on.set()
        await node.event("submitted", job_id)
        await network.verify(job_id)
        await node.event("verified", job_id)
        summary = await node.stop()
        sent = [tx.purpose for tx in node.store.journal.of_job(job_id)]

    assert seen.body == EndSeen(JobState.LOST, 1)
    assert (job.state, job.seen_end, job.ended_at_unix_s) == (JobState.CLAIMING, JobState.LOST, None)
    assert sent == ["approve", "process", "submit"]
    assert summary.adds_up


async def test_a_submission_that_only_a_record_shows_keeps_the_checkpoint(network: Harness) -> None:
    script = Script(hold_before_epoch=2)
    job_id = await network.post(fee_emt=20)
    async with network.node(confirmations=CONFIRMATIONS, script=script) as node:
        await node.event("epoch_done", job_id)
        lie = Lie(node, _as(JobStatus.SUBMITTED), final=True)
        for _look in range(3):
            await node.node._watcher.settle_now()
        (job,) = node.node.snapshot().jobs
        checkpoint = node.node._context.disk.files.directory(job_id) / "quick-checkpoint"
        assert checkpoint.read_text() == "1"
        lie.ends()
        script.go_on.set()
        await node.node._watcher.settle_now()
        await node.event("submitted", job_id)

    assert job.state is JobState.SUBMITTED
    assert (await network.job(job_id)).result.startswith(job_id)


async def test_receipts_that_say_failed_lose_no_job(network: Harness, server: LocalServer) -> None:
    second = SecondEndpoint(network.devnet.info.rpc_url)

    def failed(call: dict[str, Any]) -> dict[str, Any]:
        receipt = second.ask("eth_getTransactionReceipt", *call["params"])
        return {"result": receipt and {**receipt, "status": "0x0", "logs": []}}

    second.hooks["eth_getTransactionReceipt"] = failed
    with server.mounted(second) as url:
        async with network.node(rpc_urls=[url]) as node:
            job_id = await network.post(fee_emt=20)
            await node.event("submitted", job_id)
            sent = [tx.purpose for tx in node.store.journal.of_job(job_id)]
            await network.verify(job_id)
            await node.event("verified", job_id)
            summary = await node.stop()

    assert sent == ["approve", "process", "submit"]
    assert summary.adds_up


async def test_absurd_counts_of_transactions_stop_neither_a_job_nor_claims(
    network: Harness, server: LocalServer
) -> None:
    second, script = SecondEndpoint(network.devnet.info.rpc_url), Script(hold_before_epoch=2)
    lies = {"latest": [2**64, 10**6], "pending": [10**6]}

    def lie(call: dict[str, Any]) -> dict[str, Any] | None:
        left = lies[call["params"][1]]
        return {"result": hex(left.pop())} if left else None

    job_id = await network.post(fee_emt=20)
    with server.mounted(second) as url:
        async with network.node(rpc_urls=[url], script=script) as node:
            await node.event("epoch_done", job_id)
            second.hooks["eth_getTransactionCount"] = lie
            script.go_on.set()
            await node.event("submitted", job_id)
            sent = [tx.purpose for tx in node.store.journal.all()]
            paused = node.node.snapshot().claims_paused

    assert lies == {"latest": [], "pending": []}
    assert sent == ["approve", "process", "submit"]
    assert paused is None


async def test_a_block_from_the_future_stops_no_later_claim(network: Harness, server: LocalServer) -> None:
    second, lies, over = SecondEndpoint(network.devnet.info.rpc_url), list[int](), threading.Event()

    def lie(call: dict[str, Any]) -> dict[str, Any] | None:
        if not lies or call["params"][0] != "latest":
            return None
        block = second.ask("eth_getBlockByNumber", *call["params"])
        lied = {"result": block | {"timestamp": hex(int(block["timestamp"], 16) + lies.pop())}}
        if not lies:
            over.set()
        return lied

    second.hooks["eth_getBlockByNumber"] = lie
    with server.mounted(second) as url:
        async with network.node(rpc_urls=[url]) as node:
            await node.event("idle")
            lies.extend([3_650 * SECONDS_PER_DAY] * 4)  # also when it is asked again
            assert await asyncio.to_thread(over.wait, HANGS_S)
            job_id = await network.post(fee_emt=20)
            claimed = await node.event("claimed", job_id)
            now_unix_s = (await network.devnet.chain.head()).timestamp_unix_s

    assert abs(claimed.at_unix_s - now_unix_s) < SECONDS_PER_DAY


async def test_where_no_log_ever_shows_the_rules_are_believed_after_a_while(network: Harness) -> None:
    job_id = await network.post(fee_emt=20)
    async with network.node() as node:
        await node.event("submitted", job_id)
        context, passed_s = node.node._context, 0.0
        steady = context.clock._monotonic
        context.clock._monotonic = lambda: steady() + passed_s

        async def no_logs(*_range: object) -> list[object]:
            return []

        context.chain.events = context.chain.transfers = no_logs  # type: ignore[method-assign, assignment]
        node.store.movements.forget_after(-1)  # its claim was in the logs
        await network.verify(job_id, gas=7)
        for _look in range(FIRST_LOOKS):
            await node.node._watcher.settle_now()
        await node.event("end_unexplained", job_id)
        while passed_s < WITHOUT_EVIDENCE_S:
            assert job_id in context.book
            passed_s += WITHOUT_EVIDENCE_S / 3
            await node.node._watcher.settle_now()
        by_rules = await node.event("settled_by_rules", job_id)
        await node.event("verified", job_id)

    assert by_rules.body == SettledByRules(token_to_wei(10))
