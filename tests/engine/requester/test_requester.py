"""The requester on a real chain: what it leaves unfinished, takes up, takes back, and never sends."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import secrets
from collections.abc import Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.requests import JobRequest
from emeth_tui.clients.transactions.sender import TransactionSender
from emeth_tui.clients.transactions.signed_bytes import read_signed
from emeth_tui.engine.requester.requester import Requester
from emeth_tui.engine.requester.terms import Wish
from emeth_tui.engine.requester.under_way import OneRequest, RequestsUnderWay
from emeth_tui.engine.view.following import UNFINISHED, UNSEEN, follow
from emeth_tui.engine.view.records import NodeRecords
from emeth_tui.errors import NetworkError
from emeth_tui.model import JobId, Language, TransactionState
from emeth_tui.notices.reasons.job import ChainLacksJob
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_from_bytes
from emeth_tui.protocol.parameters import JobParameters
from emeth_tui.store.database import Store
from emeth_tui.store.key_values import account_name
from emeth_tui.store.requests import StoredRequest
from emeth_tui.training.data.measuring import Measured
from tests.clients.emeth_chain import FEE_WEI, NODE, RIVAL, CutConnection, EmethChain
from tests.factories import make_transaction

BYTES = 5_000
DEADLINE_UNIX_S = 2**32
TEXT = b"A lamp is lit. " * 20
MEASURED = Measured(BYTES, hashlib.sha256(TEXT).hexdigest(), 100, 10)
WISH = Wish(BYTES, Language("en"), 30, FEE_WEI, DEADLINE_UNIX_S)
HANG_S = 60.0


class Texts:
    """A storage that notes for which jobs texts are stored, and what the chain had of them then."""

    def __init__(self, chain: ChainClient) -> None:
        self.stored: list[tuple[JobId, bool]] = []
        self._chain = chain

    async def store_dataset(self, job_id: JobId, _file: BinaryIO, **_how: Any) -> str:
        self.stored.append((job_id, job_id in await self._chain.jobs([job_id])))
        return "a.txt"


@dataclasses.dataclass
class World:
    """One account's runs on one state: `run` is what a new one begins with."""

    chain: ChainClient
    network: EmethChain
    store: Store

    def __post_init__(self) -> None:
        self.texts: Any = Texts(self.chain)

    def run(self, confirmations: int = 1) -> Requester:
        aim = OneRequest()
        return Requester(
            network=self.network.network,
            address=NODE.address,
            chain=self.chain,
            storage=self.texts,
            transactions=TransactionSender(
                self.chain,
                self.network.wallet,
                self.store.journal,
                confirmations=confirmations,
                first_poll_s=0.01,
                receipt_timeout_s=HANG_S,
                wanted=aim.wants,
            ),
            store=self.store,
            aim=aim,
        )

    def node(self) -> Requester:
        """The requester of a node that starts on this state."""
        aim = RequestsUnderWay(self.store.requests)
        transactions = TransactionSender(
            self.chain, self.network.wallet, self.store.journal, first_poll_s=0.01, wanted=aim.wants
        )
        return dataclasses.replace(self.run(), transactions=transactions, aim=aim, alone=False)

    def recorded(self, content: str = MEASURED.content) -> StoredRequest:
        """Record a request whose text is stored."""
        request = StoredRequest(
            job_id=job_id_from_bytes(secrets.token_bytes(16)),
            account=account_name(NODE.address, self.network.network.core_address),
            path=Path("novel.txt"),
            content=content,
            dataset_bytes=BYTES,
            language=Language("en"),
            epochs=30,
            fee_wei=FEE_WEI,
            deadline_unix_s=DEADLINE_UNIX_S,
            model="x",
            private=False,
            created_at_unix_s=1.0,
            dataset="a.txt",
        )
        self.store.requests.save(request)
        return request

    async def request(self, requester: Requester, request: StoredRequest) -> None:
        await requester.request(request, request.path, DEADLINE_UNIX_S, lambda _done, _all: None)

    async def broken_off(self, sending: Awaitable[Any], broadcasts: int) -> None:
        """Have a run killed whose last broadcast, a call of EmethCore, never arrived."""
        core = bytes.fromhex(self.network.network.core_address[2:])

        def lose(call: dict[str, Any]) -> None:
            if read_signed(bytes.fromhex(call["params"][0][2:])).to == core:
                raise CutConnection

        self.network.app.hooks["eth_sendRawTransaction"] = lose
        task = asyncio.ensure_future(sending)
        await self.network.app.answered("eth_sendRawTransaction", broadcasts)
        task.cancel()
        await asyncio.wait([task])
        del self.network.app.hooks["eth_sendRawTransaction"]

    async def on_chain(self, job_id: JobId) -> JobStatus | None:
        job = (await self.chain.jobs([job_id])).get(job_id)
        return None if job is None else job.status

    async def emt_wei(self) -> int:
        return (await self.chain.balances(NODE.address)).emt_wei


@pytest.fixture
def world(chain: ChainClient, network: EmethChain, store: Store) -> World:
    return World(chain, network, store)


async def within(doing: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(doing, HANG_S)


@pytest.mark.slow
async def test_a_node_shows_what_its_account_requested(world: World) -> None:
    node: Any = SimpleNamespace(chain=world.chain, store=world.store)
    unneeded: Any = None
    records = NodeRecords(node, unneeded, unneeded)
    assert await records.requests() == []
    requester, request = world.run(), world.recorded()
    await world.request(requester, request)
    await within(requester.conclude(request.job_id, lambda: None))
    unfinished = world.recorded("d" * 64)

    shown = {one.request.job_id: one.state for one in await records.requests()}

    assert shown == {request.job_id: "requested", unfinished.job_id: UNFINISHED}


# ---- the same words again


async def test_a_request_is_unfinished_until_it_is_final(world: World) -> None:
    requester, request = world.run(), world.recorded()
    await world.request(requester, request)

    known = requester.unfinished(MEASURED, WISH, private=False)  # what a run after a kill here finds
    assert known is not None
    assert await world.run().find_requested(known)
    assert requester.unfinished(MEASURED, WISH, private=False) is not None

    followed = await within(requester.conclude(request.job_id, lambda: None))
    assert followed.state == "requested"
    assert requester.unfinished(MEASURED, WISH, private=False) is None


async def test_a_final_request_that_cannot_be_looked_up_is_done_all_the_same(world: World) -> None:
    requester, request = world.run(), world.recorded()
    await world.request(requester, request)
    world.network.app.hooks["eth_call"] = cut

    followed = await within(requester.conclude(request.job_id, lambda: None))

    assert followed.state == UNSEEN
    assert requester.unfinished(MEASURED, WISH, private=False) is None


async def test_a_request_waits_for_no_other_jobs_transactions(world: World) -> None:
    requester, request = world.run(confirmations=2), world.recorded()
    await world.request(requester, request)
    other = job_id_from_bytes(secrets.token_bytes(16))
    stuck = dataclasses.replace(world.store.journal.of_job(request.job_id)[-1], nonce=50, job_id=other)
    stuck = dataclasses.replace(stuck, tx_hash="0x" + "5" * 64, state=TransactionState.SIGNED)
    world.store.journal.add(stuck)

    followed = await within(requester.conclude(request.job_id, lambda: world.network.ask("evm_mine")))

    assert followed.state == "requested"
    assert world.store.journal.unsettled()


async def test_an_id_that_another_account_used_is_given_up(world: World) -> None:
    request = world.recorded()
    front_run(world, request)

    (followed,) = await follow(world.chain, [request])
    assert followed.state == UNFINISHED
    assert not await world.run().find_requested(request)
    assert world.store.requests.get(request.job_id) is None


# ---- taking back


async def test_a_paid_job_that_an_endpoint_does_not_show_is_not_forgotten(world: World) -> None:
    requester, request = world.run(), world.recorded()
    before = int(world.network.ask("eth_blockNumber"), 16)
    await world.request(requester, request)
    behind(world, before)

    with pytest.raises(NetworkError) as refused:
        await within(world.run().cancel(request.job_id))

    assert refused.value.reason == ChainLacksJob()
    assert world.store.requests.get(request.job_id) is not None
    with pytest.raises(NetworkError):  # nor is it requested a second time
        await within(world.run().find_requested(request))


async def test_a_concluded_job_that_an_endpoint_does_not_show_is_not_forgotten(world: World) -> None:
    request = dataclasses.replace(world.recorded(), requested_at_unix_s=1.0)  # its journal is gone
    world.store.requests.save(request)

    with pytest.raises(NetworkError):
        await within(world.run().cancel(request.job_id))
    assert world.store.requests.get(request.job_id) is not None


async def test_a_request_that_never_arrived_is_not_sent_to_be_cancelled(world: World) -> None:
    before_wei, request = await world.emt_wei(), world.recorded()
    await world.broken_off(world.request(world.run(), request), 2)

    await within(world.run().cancel(request.job_id))

    assert await world.on_chain(request.job_id) is None
    assert world.store.requests.get(request.job_id) is None
    assert await world.emt_wei() == before_wei


async def test_a_cancelled_job_is_not_taken_for_an_unfinished_one(world: World) -> None:
    requester, request = world.run(), world.recorded()
    await world.request(requester, request)

    await within(world.run().cancel(request.job_id))

    assert await world.on_chain(request.job_id) is JobStatus.CANCELED
    assert requester.unfinished(MEASURED, WISH, private=False) is None


async def test_anothers_job_under_our_id_is_left_alone(world: World) -> None:
    request = world.recorded()
    front_run(world, request)

    await within(world.run().cancel(request.job_id))

    assert await world.on_chain(request.job_id) is JobStatus.REQUESTED
    assert world.store.requests.get(request.job_id) is None


# ---- what others left in the journal


@pytest.mark.slow
async def test_a_request_that_was_abandoned_is_not_sent_with_the_next(world: World) -> None:
    abandoned = world.recorded("d" * 64)
    await world.broken_off(world.request(world.run(), abandoned), 2)
    before_wei, request = await world.emt_wei(), world.recorded()

    await within(world.request(world.run(), request))

    assert await world.on_chain(request.job_id) is JobStatus.REQUESTED
    assert await world.on_chain(abandoned.job_id) is None
    assert before_wei - await world.emt_wei() == FEE_WEI
    assert await world.run().find_requested(abandoned) is False  # and it can still be gone on with
    await within(world.request(world.run(), abandoned))
    assert await world.on_chain(abandoned.job_id) is JobStatus.REQUESTED


@pytest.mark.parametrize("command", ["request", "cancel"])
async def test_a_claim_that_a_node_left_is_never_sent(world: World, command: str) -> None:
    claimed = world.network.request_job()
    node = TransactionSender(world.chain, world.network.wallet, world.store.journal, first_poll_s=0.01)
    await world.broken_off(node.process(claimed, FEE_WEI), 2)
    assert [tx.purpose for tx in world.store.journal.unsettled()] == ["process"]
    request = world.recorded()

    if command == "request":
        await within(world.request(world.run(), request))
    else:
        await within(world.run().cancel(request.job_id))

    assert await world.on_chain(claimed) is JobStatus.REQUESTED


async def test_what_commits_no_money_is_sent_again(world: World) -> None:
    job_id = world.network.request_job()
    world.network.take(NODE, job_id)
    node = TransactionSender(world.chain, world.network.wallet, world.store.journal, first_poll_s=0.01)
    await world.broken_off(node.submit(job_id, "r.pt"), 1)

    await within(world.request(world.run(), world.recorded()))

    assert await world.on_chain(job_id) is JobStatus.SUBMITTED


# ---- a node on the same state


@pytest.mark.slow
async def test_a_node_never_sends_a_request_that_was_signed_and_not_sent(world: World) -> None:
    before_wei, request = await world.emt_wei(), world.recorded()
    await world.broken_off(world.request(world.run(), request), 2)
    node = world.node()

    await within(node.transactions.settle_pending(wanted=node.aim.wants))
    other = world.recorded("d" * 64)
    await within(world.request(node, other))  # nor on the way to what it sends itself

    assert await world.on_chain(request.job_id) is None
    assert before_wei - await world.emt_wei() == FEE_WEI
    await within(world.request(node, request))
    assert await world.on_chain(request.job_id) is JobStatus.REQUESTED
    assert before_wei - await world.emt_wei() == 2 * FEE_WEI


async def test_what_was_signed_is_sent_by_the_same_words_once(world: World) -> None:
    before_wei, request = await world.emt_wei(), world.recorded()
    await world.broken_off(world.request(world.run(), request), 2)
    (signed,) = [tx for tx in world.store.journal.unsettled() if tx.purpose == "request"]
    node = world.node()

    await within(world.request(node, request))
    await within(world.request(node, request))

    settled = {tx.tx_hash: tx.state for tx in world.store.journal.of_job(request.job_id)}
    assert settled[signed.tx_hash] is TransactionState.MINED
    assert before_wei - await world.emt_wei() == FEE_WEI


async def test_a_failed_order_is_not_under_way(world: World) -> None:
    node, request = world.node(), world.recorded()
    world.network.app.hooks["eth_call"] = cut

    with pytest.raises(NetworkError):
        await within(world.request(node, request))

    assert not node.aim.has(request.job_id)


def test_a_node_sends_a_final_request_again_and_approvals_of_its_claims() -> None:
    claim, requested, begun = (job_id_from_bytes(bytes([n] * 16)) for n in range(3))
    known = {
        requested: SimpleNamespace(requested_at_unix_s=1.0),
        begun: SimpleNamespace(requested_at_unix_s=None),
    }
    table: Any = SimpleNamespace(get=known.get)
    aim = RequestsUnderWay(table)

    def wanted(purpose: str) -> list[bool]:
        txs = [make_transaction(purpose=purpose, job_id=job_id) for job_id in (claim, requested, begun)]
        return [aim.wants(tx) for tx in txs]

    assert wanted("request") == [False, True, False]
    assert wanted("approve") == [True, True, False]
    assert wanted("cancel request") == wanted("submit") == [True, True, True]
    aim.begin(begun)
    assert wanted("request") == [False, True, True]


def cut(_call: dict[str, Any]) -> None:
    raise CutConnection


def behind(world: World, block: int) -> None:
    """Have the chain's records read as they were: an endpoint that has not come so far."""
    world.network.app.hooks["eth_call"] = lambda call: {
        "result": world.network.ask("eth_call", call["params"][0], hex(block))
    }


def front_run(world: World, request: StoredRequest) -> None:
    """Have another account request a job under this id."""
    world.network.succeed(RIVAL, world.network.token("approve", world.network.network.core_address, FEE_WEI))
    parameters = JobParameters(request.language, request.epochs)
    call = JobRequest(request.job_id, "a.txt", parameters, FEE_WEI, DEADLINE_UNIX_S).call(world.chain)
    world.network.succeed(RIVAL, call)
