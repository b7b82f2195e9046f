"""Bad offers above good ones: looked into together, once, and never in the way of a good one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from emeth_tui.engine.market import findings
from emeth_tui.errors import StorageError, StorageRejected
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import DatasetUnavailable, InvalidDatasetName, UnknownLanguage
from emeth_tui.protocol.info_api import ListEntry
from tests.engine.harness import Harness, RunningNode
from tests.engine.quick_worker import Script

pytestmark = pytest.mark.slow

BAD = 100


class Questions:
    """Counts what a node asks info server, chain and storage for. The list lies about sizes."""

    def __init__(self, node: RunningNode) -> None:
        self.looks = 0
        self._looked = asyncio.Condition()
        self.records: Counter[JobId] = Counter()
        self.sizes: Counter[str] = Counter()
        context = node.node._context
        self._context = context
        self._list, self._jobs, self._size = (
            context.info.requested_jobs,
            context.chain.jobs,
            context.storage.size_of,
        )
        self.hides_parameters = False
        context.info.requested_jobs = self._requested_jobs  # type: ignore[method-assign]
        context.chain.jobs = self._read_jobs  # type: ignore[method-assign]
        context.storage.size_of = self._size_of  # type: ignore[method-assign]

    async def look(self, number: int) -> None:
        """Wait for the begin of a look."""
        async with self._looked:
            await self._looked.wait_for(lambda: self.looks >= number)

    async def _requested_jobs(self) -> AsyncIterator[list[ListEntry]]:
        async with self._looked:
            self.looks += 1
            self._looked.notify_all()
        changes: dict[str, Any] = {"dataset_bytes": 10_000}
        if self.hides_parameters:
            changes |= {"param": None, "dataset": "x.txt"}
        async for entries in self._list():
            yield [msgspec.structs.replace(entry, **changes) for entry in entries]

    async def _read_jobs(self, ids: Sequence[JobId]) -> Any:
        self.records.update(ids)
        return await self._jobs(ids)

    async def _size_of(self, dataset: str) -> int:
        self.sizes[dataset] += 1
        return await self._size(dataset)


@pytest.mark.parametrize("hidden", [False, True], ids=["as they are", "with parameters hidden"])
async def test_a_hundred_bad_offers_cost_a_good_one_no_second_look(network: Harness, hidden: bool) -> None:
    bad = await network.post_bad(BAD, fee_emt=29)
    good = await network.post(fee_emt=12)

    interval = {"claims__poll_interval_s": 3_600}
    async with network.node(devices=2, script=Script(hold_before_epoch=1), **interval) as node:
        asked = Questions(node)
        asked.hides_parameters = hidden
        await node.event("training", good)
        assert asked.looks == 1
        looked_into = bad if hidden else bad[::4]  # those whose listing shows nothing wrong
        assert {job_id: asked.records[job_id] for job_id in bad} == {
            job_id: int(job_id in looked_into) for job_id in bad
        }

        sizes = asked.sizes.copy()
        for look in range(2, 5):
            await node.node.resume_claims()
            await asked.look(look)
        await node.stop()
        assert all(asked.records[job_id] <= 1 for job_id in bad)
        assert asked.sizes == sizes

        shown = Counter(
            type(offer.refusal) for offer in node.node.snapshot().offers if offer.job.job_id != good
        )
        assert shown[DatasetUnavailable] == BAD // 4
        assert shown[InvalidDatasetName] == BAD // 4
        assert shown[UnknownLanguage] == BAD // 4


async def test_one_name_that_the_storage_stumbles_over_stops_no_other(network: Harness) -> None:
    bad = await network.post(fee_emt=29)
    good = await network.post(fee_emt=12)
    stumbling = (await network.job(bad)).dataset
    async with network.node(script=Script(hold_before_epoch=1)) as node:
        size_of = node.node._context.storage.size_of

        async def stumble(dataset: str) -> int:
            if dataset == stumbling:
                raise StorageError(Foreign("HTTP status 500"))
            return await size_of(dataset)

        node.node._context.storage.size_of = stumble  # type: ignore[method-assign]
        await node.event("claiming", good)
        assert not any(event.kind == "service_lost" for event in node.seen)


async def test_a_dataset_that_arrives_later_is_found(
    network: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await network.post()
    monkeypatch.setattr(findings, "RECHECK_S", 0.0)
    async with network.node(script=Script(hold_before_epoch=1)) as node:
        size_of, asked = node.node._context.storage.size_of, 0

        async def late(dataset: str) -> int:
            nonlocal asked
            asked += 1
            if asked < 3:
                raise StorageRejected(Foreign("there is no such dataset"))
            return await size_of(dataset)

        node.node._context.storage.size_of = late  # type: ignore[method-assign]
        await node.event("claiming", job_id)


async def test_what_was_never_looked_into_goes_first(
    network: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are on offer above it, and however often those are looked into again."""
    monkeypatch.setattr(findings, "RECHECK_S", 0.0)
    monkeypatch.setattr(findings, "LOOKED_INTO_A_LOOK", 2)
    await network.post_bad(5, fee_emt=29)
    good = await network.post(fee_emt=12)
    async with network.node(script=Script(hold_before_epoch=1)) as node:
        asked = Questions(node)
        asked.hides_parameters = True
        await node.event("claiming", good)
        assert asked.records.most_common(1)[0][1] <= 4
