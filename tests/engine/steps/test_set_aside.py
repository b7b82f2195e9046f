"""Datasets that no retry can mend: the worker goes on to the next job, the owner decides on the deposit."""

from __future__ import annotations

import gzip
import random

import pytest

from emeth_tui.errors import DatasetError, StorageError
from emeth_tui.model import SECONDS_PER_DAY, JobState, token_to_wei
from emeth_tui.notices.events.job import Declined, GivingBack, SetAside
from emeth_tui.notices.events.market import ClaimLost, ClaimsPaused
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.job import DatasetTooLate, DatasetUnusable
from emeth_tui.notices.reasons.market import UnusableDatasets
from emeth_tui.notices.reasons.training.data import DatasetChanged, DatasetNotText
from emeth_tui.protocol.contracts import JobStatus
from tests.engine.harness import Harness
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow  # a whole node for each

PACKED = gzip.compress(random.Random(1).randbytes(6_000))
GZIP = DatasetNotText("gzip")
WEEK_S = 7 * SECONDS_PER_DAY
# What a deposit of 20 EMT costs by the harness's rates.
PENALTY_WEI, TIMEOUT_WEI = token_to_wei(4), token_to_wei(6)


async def test_its_worker_goes_on_to_the_next_job_and_its_deposit_waits(network: Harness) -> None:
    bad = await network.post(fee_emt=20, dataset=PACKED)
    good = await network.post(fee_emt=15)

    async with network.node() as node:
        told = await node.event("set_aside", bad)
        await node.event("submitted", good)
        job = node.node._context.book.get(bad)
        assert node.node.snapshot().disk.by_job == () or bad not in dict(node.node.snapshot().disk.by_job)
        await node.stop()

    assert told.body == SetAside(GZIP, PENALTY_WEI, TIMEOUT_WEI)
    assert (job.error, job.reserved_bytes) == (DatasetUnusable(GZIP), 0)
    assert (await network.job(bad)).status is JobStatus.PROCESSING


async def test_it_is_told_again_each_day_and_at_each_start(network: Harness) -> None:
    bad = await network.post(fee_emt=20, lifetime_s=WEEK_S, dataset=PACKED)
    async with network.node() as node:
        await node.event("set_aside", bad)
        node.node._look_after_set_aside()  # from then on a day is counted
        clock = node.node._context.clock
        steady = clock._monotonic
        clock._monotonic = lambda: steady() + SECONDS_PER_DAY
        await node.event("set_aside", bad)
        await node.stop()
        assert len(node.script.requests) == 1

    async with network.node() as node:
        again = await node.event("set_aside", bad)
        assert again.body == SetAside(GZIP, PENALTY_WEI, TIMEOUT_WEI)
        assert not any(event.kind == "resumed" for event in node.seen)
        await node.stop()
        assert node.script.requests == []


async def test_it_is_declined_where_the_owner_says_so(network: Harness) -> None:
    bad = await network.post(fee_emt=20, dataset=PACKED)
    good = await network.post(fee_emt=15)
    before_wei = await network.emt_wei()

    async with network.node(claims__unusable_dataset="decline", claims__max_fee_emt=20) as node:
        told = await node.event("giving_back", bad)
        declined, _submitted = await node.events(("declined", bad), ("submitted", good))
        summary = await node.stop()

    assert told.body == GivingBack(GZIP, PENALTY_WEI, TIMEOUT_WEI)
    assert declined.body == Declined(PENALTY_WEI)
    assert await network.emt_wei() == before_wei - PENALTY_WEI - token_to_wei(15)
    assert summary.adds_up


async def test_its_claim_is_not_made_again_when_the_chain_takes_it_back(network: Harness) -> None:
    bad = await network.post(fee_emt=20, dataset=PACKED)
    before_wei = await network.emt_wei()
    async with network.node(confirmations=4) as node:
        await node.event("set_aside", bad)
        await network.reorganise(2, dropped="forget")  # approval and claim
        await node.event("claim_undone", bad)
        lost = await node.event("claim_lost", bad)
        while bad in node.node._context.book:
            await network.mine(1)
        summary = await node.stop()
        sent = [tx.purpose for tx in node.store.journal.of_job(bad)]

    assert lost.body == ClaimLost(DatasetUnusable(GZIP))
    assert (await network.job(bad)).status is JobStatus.REQUESTED
    assert await network.emt_wei() == before_wei
    assert sent.count("process") == 1
    assert summary.adds_up


async def test_the_owner_may_decide_later(network: Harness) -> None:
    bad = await network.post(fee_emt=20, dataset=PACKED)
    async with network.node() as node:
        await node.event("set_aside", bad)
        await node.node.change_setting("claims.unusable_dataset", "decline")
        await node.event("declined", bad)
        purposes = [tx.purpose for tx in node.store.journal.of_job(bad)]
    assert purposes.count("decline") == 1


async def test_the_owner_may_have_it_tried_again(network: Harness) -> None:
    job_id = await network.post()
    script = Script(failure=DatasetError(Foreign("a worker's mistake")))
    async with network.node(script=script) as node:
        await node.event("set_aside", job_id)
        script.failure = None
        await node.node.resume_job(job_id)
        assert node.node._context.book.get(job_id).reserved_bytes > 0
        await node.event("submitted", job_id)


async def test_the_owner_may_have_it_tried_again_after_a_restart(network: Harness) -> None:
    job_id = await network.post()
    async with network.node(script=Script(failure=DatasetError(Foreign("a worker's mistake")))) as node:
        await node.event("set_aside", job_id)
        await node.stop()

    async with network.node() as node:
        await node.event("set_aside", job_id)
        await node.node.resume_job(job_id)
        await node.event("submitted", job_id)


@pytest.mark.parametrize("setting", ["hold", "decline"])
async def test_two_in_a_row_stop_claiming(network: Harness, setting: str) -> None:
    await network.post(fee_emt=20, dataset=PACKED)
    await network.post(fee_emt=19, dataset=PACKED)
    untouched = await network.post(fee_emt=15)

    async with network.node(claims__unusable_dataset=setting) as node:
        paused = await node.event("claims_paused")
        await node.stop()
        assert paused.body == ClaimsPaused(UnusableDatasets(2))
        assert (await network.job(untouched)).status is JobStatus.REQUESTED

    async with network.node(claims__unusable_dataset=setting) as node:
        await node.node.resume_claims()
        await node.event("submitted", untouched)


async def test_a_file_that_changed_on_this_disk_is_downloaded_again(network: Harness) -> None:
    job_id = await network.post()
    script = Script()
    async with network.node(script=script) as node:
        path = node.node._context.disk.files.directory(job_id) / "dataset.txt"
        script.failure = DatasetError(DatasetChanged(path))
        await node.event("job_trouble", job_id)
        script.failure = None
        await node.event("downloaded", job_id)
        await node.event("submitted", job_id)
        assert not any(event.kind == "set_aside" for event in node.seen)


async def test_a_dataset_that_does_not_come_is_tried_for_until_the_deadline(network: Harness) -> None:
    """A storage's fault: its worker is free, but claiming goes on."""
    late = [await network.post(fee_emt=fee_emt, lifetime_s=7_200) for fee_emt in (20, 19)]
    gone = Foreign("it sent a page")
    async with network.node(devices=2) as node:

        async def broken(*_arguments: object, **_options: object) -> int:
            raise StorageError(gone)

        node.node._context.storage.download = broken  # type: ignore[method-assign]
        await node.events(*(("job_trouble", job_id) for job_id in late))
        assert not any(event.kind == "set_aside" for event in node.seen)
        await network.pass_time(7_300)
        told = [await node.event("set_aside") for _ in late]
        assert {event.job_id for event in told} == set(late)
        assert {event.body.reason for event in told} == {DatasetTooLate(gone)}
        assert node.node._context.book.get(late[0]).state is JobState.DOWNLOADING
        await node.stop()
        assert not any(event.kind == "claims_paused" for event in node.seen)
