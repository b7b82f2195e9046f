"""The mirror over a real chain: it goes on where it was, and two that share a database share the reading."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from emeth_tui.clients.chain.client import Block
from emeth_tui.clients.chain.contract_events import ChainEvent
from emeth_tui.devnet.bots.plan import Planner
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.model import JobId
from emeth_tui.network.records.jobs import JobRecords
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from tests.devnet.parties import Parties
from tests.network.servers.parts import Parts

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture
async def parties() -> AsyncIterator[Parties]:
    options = DevnetOptions(
        with_requester=False, with_verifier=False, with_rival=False, poll_interval_s=3_600, block_interval_s=0
    )
    devnet = Devnet(options)
    await devnet.start()
    made = Parties(devnet, Planner(load_corpus(None), "mirror"))
    yield made
    await made.http.aclose()
    await devnet.stop()


class Counted:
    """A chain's client that counts how often events are read."""

    def __init__(self, devnet: Devnet) -> None:
        self._chain = devnet.chain
        self.readings = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._chain, name)

    async def events(self, first: int, last: int) -> object:
        self.readings += 1
        return await self._chain.events(first, last)


async def test_mirrors_share_what_one_of_them_read(parties: Parties, parts: Parts) -> None:
    devnet, planner = parties.devnet, parties.requester
    network = devnet.chain.network
    chains = [Counted(devnet) for _ in range(3)]
    one, other, later = [
        JobMirror(chain, JobRecords(parts.database, network.chain_id, network.core_address))  # type: ignore[arg-type]
        for chain in chains
    ]
    plans = [Planner(load_corpus(None), "mirror").job(number) for number in range(3)]

    await one.refresh()
    await planner.post(plans[0])
    await other.refresh()
    await one.refresh()  # finds it read already
    await planner.post(plans[1])
    await parties.claim(plans[2])
    await one.refresh()
    await other.refresh()
    await later.refresh()  # as after a restart

    assert list(one.jobs) == [plan.job_id for plan in plans]
    assert dict(one.jobs) == dict(other.jobs) == dict(later.jobs)
    assert one.head == other.head == later.head == await devnet.chain.head()
    assert [chain.readings for chain in chains] == [2, 1, 0]


class Behind:
    """A chain's client whose endpoint shows the newest block before its logs, or its state."""

    def __init__(self, devnet: Devnet) -> None:
        self._chain = devnet.chain
        self.lacks: str | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._chain, name)

    async def events(self, first: int, last: int) -> list[ChainEvent]:
        return [] if self.lacks == "logs" else await self._chain.events(first, last)

    async def jobs(self, ids: Sequence[JobId], block: Block = "latest") -> dict[JobId, ChainJob]:
        return {} if self.lacks == "state" else await self._chain.jobs(ids, block)


@pytest.mark.parametrize("lacks", ["logs", "state"])
async def test_what_an_endpoint_showed_too_late_is_read_again(parties: Parties, lacks: str) -> None:
    chain = Behind(parties.devnet)
    mirror = JobMirror(chain)  # type: ignore[arg-type]
    plan = Planner(load_corpus(None), "mirror").job(0)
    await parties.requester.post(plan)
    await mirror.refresh()
    await parties.node.allow_core(plan.fee_wei, "approve")
    await parties.send("process", plan.job_id)

    chain.lacks = lacks
    await mirror.refresh()
    before = mirror.jobs[plan.job_id].status
    chain.lacks = None
    await parties.devnet.chain.rpc.call("evm_mine")
    await mirror.refresh()

    assert (before, mirror.jobs[plan.job_id].status) == (JobStatus.REQUESTED, JobStatus.PROCESSING)


async def test_a_record_is_read_as_of_one_block(parties: Parties) -> None:
    asked: list[object] = []
    chain = Behind(parties.devnet)

    async def jobs(ids: Sequence[JobId], block: Block = "latest") -> dict[JobId, ChainJob]:
        asked.append(block)
        return await parties.devnet.chain.jobs(ids)

    chain.jobs = jobs  # type: ignore[method-assign]
    mirror = JobMirror(chain)  # type: ignore[arg-type]

    await parties.requester.post(Planner(load_corpus(None), "mirror").job(0))
    await mirror.refresh()

    assert mirror.head is not None
    assert asked == [mirror.head.number]


async def test_a_chain_that_went_back_is_read_anew(parties: Parties, parts: Parts) -> None:
    devnet = parties.devnet
    network = devnet.chain.network
    one, other = [
        JobMirror(devnet.chain, JobRecords(parts.database, network.chain_id, network.core_address))
        for _ in range(2)
    ]
    plans = [Planner(load_corpus(None), "mirror").job(number) for number in range(2)]
    await parties.requester.post(plans[0])
    snapshot = await devnet.chain.rpc.call("evm_snapshot")
    await parties.requester.post(plans[1])
    await one.refresh()
    await other.refresh()

    await devnet.chain.rpc.call("evm_revert", snapshot)
    await one.refresh()
    await other.refresh()

    assert list(one.jobs) == list(other.jobs) == [plans[0].job_id]
    assert one.head == other.head == await devnet.chain.head()
