"""The info server over HTTP: the chain's jobs as nodes read them, and a little late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from emeth_tui.devnet.bots.plan import JobPlan, Planner
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.errors import ServiceError
from emeth_tui.foreign_text import one_line
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.services.info_server import InfoApp
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.info_api import JOBS_PATH, ListedJob
from emeth_tui.protocol.parameters import write_parameters
from tests.devnet.parties import Parties, wait_for_open
from tests.loopback import local_client

pytestmark = [pytest.mark.process, pytest.mark.slow]

LAG_S = 5.0


@dataclass
class Site:
    """An info server whose clock the test holds, on a devnet without bots."""

    devnet: Devnet
    parties: Parties
    planner: Planner
    app: InfoApp
    http: httpx.AsyncClient
    now_s: float = 0.0
    unreadable: set[str] = field(default_factory=set)  # datasets

    async def see_all(self) -> None:
        """Let the server see the chain as it is, and the lag pass."""
        await self.devnet.mirror.refresh()
        await self.app.take()
        self.now_s += LAG_S

    async def listed(self, **query: object) -> list[dict[str, object]]:
        answer = (await self.http.get(JOBS_PATH, params=query)).raise_for_status()  # type: ignore[arg-type]
        entries: list[dict[str, object]] = answer.json()
        return entries


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    options = DevnetOptions(
        with_requester=False, with_verifier=False, with_rival=False, poll_interval_s=3_600, block_interval_s=0
    )
    devnet = Devnet(options)
    await devnet.start()
    planner = Planner(load_corpus(None), "info")
    parties = Parties(devnet, planner)
    sizes = {f"{plan.job_id}.txt": len(plan.dataset) for plan in (planner.job(0), planner.job(1))}

    async def size_of(name: str) -> int | None:
        if name in made.unreadable:
            raise ServiceError(Foreign(one_line(f"{name}: cannot be copied")))
        return sizes.get(name)

    app = InfoApp(devnet.mirror, size_of, lag_s=LAG_S, monotonic_s=lambda: made.now_s)
    service = HttpService("info", app.asgi())
    await service.start()
    async with local_client(service.url) as http:
        made = Site(devnet, parties, planner, app, http)
        yield made
    await service.stop()
    await parties.http.aclose()
    await devnet.stop()


async def test_jobs_are_listed_as_nodes_read_them(site: Site) -> None:
    plan = site.planner.job(1)
    await site.parties.requester.post(plan)
    await site.see_all()

    (entry,) = await site.listed(status=0)
    job = ListedJob.model_validate(entry)

    record = site.devnet.mirror.jobs[plan.job_id]
    assert (job.job_id, job.fee_wei, job.dataset_bytes) == (plan.job_id, plan.fee_wei, len(plan.dataset))
    assert (job.dataset, job.param) == (f"{plan.job_id}.txt", write_parameters(plan.parameters))
    assert job.deadline_unix_s == record.deadline_unix_s
    assert entry["fee"] == str(plan.fee_wei)  # too large for JSON numbers
    assert entry["owner"] == record.owner
    assert not entry.keys() & {"node", "deposit", "startedAt", "submittedAt", "verifiedAt"}


async def test_a_job_shows_how_far_it_is(site: Site) -> None:
    plan = site.planner.job(0)
    await site.parties.claim(plan)
    await site.see_all()
    (claimed,) = await site.listed(status=2)
    await site.parties.send("submit", plan.job_id, "result.pt")
    await site.see_all()

    one = (await site.http.get(f"{JOBS_PATH}/{plan.job_id}")).json()

    assert claimed["node"] == one["node"] == site.parties.node.address
    assert claimed["deposit"] == str(plan.fee_wei)
    assert "submittedAt" not in claimed
    assert one["startedAt"] <= one["submittedAt"]
    assert (await site.listed(), await site.listed(status=0), await site.listed(status=2)) == ([one], [], [])


async def test_what_it_shows_is_a_little_late(site: Site) -> None:
    first, second = site.planner.job(0), site.planner.job(1)
    await site.parties.requester.post(first)
    await site.see_all()
    await site.parties.requester.post(second)
    await site.devnet.mirror.refresh()
    await site.app.take()

    site.now_s += LAG_S - 0.1
    early = await site.listed()
    site.now_s += 0.1
    late = await site.listed()

    assert [entry["id"] for entry in early] == [first.job_id]
    assert [entry["id"] for entry in late] == [first.job_id, second.job_id]


async def test_a_dataset_that_is_not_in_storage_has_no_bytes(site: Site) -> None:
    plan: JobPlan = site.planner.job(7)
    await site.parties.requester.post(plan)
    await site.see_all()

    assert (await site.listed())[0]["datasetSize"] == 0


async def test_a_dataset_that_cannot_be_settled_holds_no_other_job_up(site: Site) -> None:
    first, second = site.planner.job(0), site.planner.job(1)
    site.unreadable.add(f"{first.job_id}.txt")
    for plan in (first, second):
        await site.parties.requester.post(plan)

    with pytest.raises(ServiceError, match="cannot be copied"):  # whereupon it is tried again
        await site.see_all()
    site.now_s += LAG_S
    listed = [entry["id"] for entry in await site.listed(status=0)]
    site.unreadable.clear()
    await site.see_all()

    assert listed == [second.job_id]
    assert [entry["id"] for entry in await site.listed(status=0)] == [first.job_id, second.job_id]


async def test_what_makes_no_sense_is_refused(site: Site) -> None:
    refused = {
        JOBS_PATH + "?status=10": 400,
        JOBS_PATH + "?status=x": 400,
        JOBS_PATH + "?status=": 400,
        JOBS_PATH + "/nonsense": 400,
        JOBS_PATH + "/0x" + "00" * 16: 404,
        "/": 404,
    }

    answers = {path: (await site.http.get(path)).status_code for path in refused}

    assert answers == refused


async def test_the_devnets_own_info_server_follows_the_chain() -> None:
    options = DevnetOptions(
        with_verifier=False, with_rival=False, poll_interval_s=0.05, block_interval_s=0, info_lag_s=0.0
    )
    devnet = Devnet(options)
    info = await devnet.start()

    await wait_for_open(devnet, 4)
    async with local_client(info.info_url) as http:
        entries: list[dict[str, object]] = []
        while len(entries) < 4:
            entries = (await http.get(JOBS_PATH, params={"status": int(JobStatus.REQUESTED)})).json()
    await devnet.stop()

    assert all(ListedJob.model_validate(entry).dataset_bytes >= 4_096 for entry in entries)
