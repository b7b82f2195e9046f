"""What belongs to no job goes after a while; what a job names stays, and so does what it may name yet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emeth_tui.network.objects.store import DATASETS, RESULTS, Kind
from emeth_tui.network.records.orphans import Orphans
from emeth_tui.network.services.storing import Storing
from emeth_tui.network.services.sweeping import LOOKS, Sweeper
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.storage_api import REQUESTER_PUT_URL_PATH
from tests.devnet.records import JOB_ID, OTHER_JOB_ID, chain_job, new_wallet
from tests.network.servers.parts import Parts
from tests.network.services.site import Site

KEPT_S = 3_600
TEXT = b"a text that nobody requested " * 50


class Days:
    """A sweeper, and the time that it is told."""

    def __init__(self, site: Site, parts: Parts, looks: int = 1) -> None:
        self.now_unix_s = 1_000_000
        self.is_known = True
        storing: Storing = site.storing
        self._sweeper = Sweeper(
            storing,
            Orphans(parts.database),
            lambda: site.jobs if self.is_known else None,
            site.find_job,
            kept_s=KEPT_S,
            looks=looks,
            now_unix_s=lambda: self.now_unix_s,
        )

    async def sweep_after(self, seconds: int) -> int:
        self.now_unix_s += seconds
        return await self._sweeper.sweep()


@pytest.fixture
def days(site: Site, parts: Parts) -> Days:
    return Days(site, parts)


async def test_an_upload_that_was_never_finished_goes_after_its_job(site: Site, days: Days) -> None:
    await site.upload(b"weights", completed=False)
    under_way = [await days.sweep_after(seconds) for seconds in (0, KEPT_S, KEPT_S)]
    site.jobs[JOB_ID] = chain_job(status=JobStatus.TIMEOUT)

    counts = [await days.sweep_after(seconds) for seconds in (0, KEPT_S - 1, 1, 1)]

    assert under_way == [0, 0, 0]
    assert counts == [0, 0, 1, 0]
    assert await site.kept() == []


async def test_a_dataset_that_was_never_requested_goes_and_its_name_is_free(site: Site, days: Days) -> None:
    name = await site.put_dataset(TEXT, OTHER_JOB_ID)
    call = site.call(new_wallet(), OTHER_JOB_ID, size=len(TEXT))

    taken = await site.post(REQUESTER_PUT_URL_PATH, call)
    for seconds in (0, KEPT_S):
        await days.sweep_after(seconds)
    free = await site.post(REQUESTER_PUT_URL_PATH, call)

    assert (taken.status_code, free.status_code) == (403, 200)
    assert await site.objects.size_bytes(DATASETS, name) is None


async def test_what_jobs_name_stays(site: Site, days: Days) -> None:
    dataset = await site.put_dataset(TEXT)
    result = await site.upload(b"weights")
    await site.dataset_url()  # settles it
    job = replace(site.jobs[JOB_ID], status=JobStatus.VERIFIED, result=result)
    site.jobs[JOB_ID] = job

    for _ in range(4):
        await days.sweep_after(KEPT_S)

    assert await site.objects.size_bytes(DATASETS, dataset) == len(TEXT)
    assert await site.objects.size_bytes(RESULTS, result) == len(b"weights")


async def test_a_result_stays_while_its_job_may_yet_name_it(site: Site, days: Days) -> None:
    result = await site.upload(b"weights")

    for _ in range(3):
        await days.sweep_after(KEPT_S)
    in_process = await site.objects.size_bytes(RESULTS, result)
    site.jobs[JOB_ID] = chain_job(status=JobStatus.TIMEOUT)
    for _ in range(2):
        await days.sweep_after(KEPT_S)

    assert in_process == len(b"weights")
    assert await site.objects.size_bytes(RESULTS, result) is None


async def test_a_job_that_comes_back_in_between_starts_the_time_anew(site: Site, days: Days) -> None:
    await site.put_dataset(TEXT, OTHER_JOB_ID)
    await days.sweep_after(0)
    site.jobs[OTHER_JOB_ID] = chain_job(job_id=OTHER_JOB_ID, dataset=f"{OTHER_JOB_ID}.txt")
    await site.objects.settle(f"{OTHER_JOB_ID}.txt")
    await days.sweep_after(KEPT_S - 1)
    del site.jobs[OTHER_JOB_ID]

    for seconds in (1, KEPT_S - 1):
        await days.sweep_after(seconds)

    assert Kind.DATASET in {stored.kind for stored in await site.kept()}


async def test_while_the_chain_is_away_nothing_goes(site: Site, days: Days) -> None:
    await site.upload(b"weights", completed=False)
    site.jobs[JOB_ID] = chain_job(status=JobStatus.TIMEOUT)
    await days.sweep_after(0)

    days.is_known = False

    assert await days.sweep_after(10 * KEPT_S) == 0
    assert [stored.kind for stored in await site.kept()] == [Kind.UPLOAD]


async def test_a_service_that_stood_still_removes_nothing_at_its_first_look(site: Site, parts: Parts) -> None:
    await site.put_dataset(TEXT, OTHER_JOB_ID)
    days = Days(site, parts, looks=LOOKS)
    await days.sweep_after(0)

    after_a_week = await days.sweep_after(7 * 24 * 3_600)
    counts = [await days.sweep_after(1) for _ in range(LOOKS - 1)]

    assert after_a_week == 0
    assert (counts[:-1], counts[-1]) == ([0] * (LOOKS - 2), 2)  # the dataset, and its name


async def test_a_dataset_that_is_stored_again_has_its_time_again(site: Site, days: Days) -> None:
    for seconds in (0, KEPT_S - 1):
        name = await site.put_dataset(TEXT, OTHER_JOB_ID)
        await days.sweep_after(seconds)

    assert await days.sweep_after(1) == 0
    assert await site.objects.size_bytes(DATASETS, name) == len(TEXT)
