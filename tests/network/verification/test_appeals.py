"""A rejection that is held: the node's appeal, a second verifier's opinion, the operator's decision."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.clients.appeals import AppealClient
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.wallet import Wallet
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import kept_keys
from emeth_tui.devnet.bots.plan import JobPlan, Planner
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.errors import InfoServerError, StorageError
from emeth_tui.model import JobId
from emeth_tui.network.account import Account
from emeth_tui.network.records.sqlite import SqliteDatabase
from emeth_tui.network.verification.appeals import Appeals, Rule, Ruling
from emeth_tui.network.verification.examiner import Submission
from emeth_tui.network.verification.judging import Examination
from emeth_tui.network.verification.result_check import ResultCheck
from emeth_tui.network.verification.second import SecondVerifier
from emeth_tui.network.verification.verifier import Verifier
from emeth_tui.notices.reasons.network import verification as why
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.hash_chain import links
from tests.devnet.parties import Parties
from tests.local_http import local_client

pytestmark = pytest.mark.process
WINDOW_S, ANSWER_S = 3_600, 7_200
JOB = JobId("0x" + "07" * 16)
Losses = tuple[float, float]
HONEST, CHEATED = (1.0, 2.0), (2.0, 2.0)  # of the result, and of the start


@dataclass
class Court:
    """A devnet with one submitted job, whose two verifiers measure what the test says."""

    directory: Path
    stack: AsyncExitStack
    options: DevnetOptions
    planner: Planner
    plan: JobPlan
    first: Losses = CHEATED
    second: Losses = HONEST
    examined: list[str] = field(default_factory=list)
    now_s: float = field(default_factory=lambda: float(int(time.time())))
    devnet: Devnet = field(init=False)
    parties: Parties = field(init=False)
    verifier: Verifier = field(init=False)

    async def open(self) -> None:
        """Start the network and its verifier, which knows what stands in the database alone."""
        self.devnet = await self.stack.enter_async_context(running(self.options))
        self.parties = Parties(self.devnet, self.planner)
        self.stack.push_async_callback(self.parties.http.aclose)
        self.devnet.appeals.now_unix_s = lambda: self.now_s
        key = json.loads((self.directory / "accounts.json").read_text())["verifier"]
        wallet = Wallet(bytes.fromhex(key))
        check = await self._check("first", wallet, lambda: self.first)
        self.verifier = Verifier(
            Account(self.devnet.chain, wallet),
            self.devnet.mirror,
            check,
            self.devnet.rejections,
            self.devnet.appeals,
            monotonic_s=lambda: self.now_s,
        )

    async def _check(self, name: str, wallet: Wallet, losses: Callable[[], Losses]) -> ResultCheck:
        key = self.devnet.info.verification_key

        async def examine(submission: Submission) -> Examination:
            self.examined.append(name)
            text = submission.dataset.read_text("utf-8")
            return Examination(30, links(text, key, 30)[-1], *losses())

        storage = await self.stack.enter_async_context(local_client(self.devnet.info.storage_url))
        return ResultCheck(
            wallet, storage, examine, verification_key=key, work_dir=self.directory / f"{name}-work"
        )

    async def second_verifier(self, account: str = "test1") -> SecondVerifier:
        wallet = self.devnet.info.test_accounts[account].wallet
        services = await self.stack.enter_async_context(local_client(self.devnet.info.info_url))
        check = await self._check("second", wallet, lambda: self.second)
        return SecondVerifier(self.devnet.chain, wallet, services, check)

    async def client(self, account: str = "test2") -> AppealClient:
        """The services as a node sees them; test2 is the job's own."""
        http = await self.stack.enter_async_context(local_client(self.devnet.info.info_url))
        network = self.devnet.chain.network.model_copy(update={"info_url": self.devnet.info.info_url})
        return AppealClient(network, self.devnet.info.test_accounts[account].wallet, Transport(http))

    async def restart(self) -> None:
        """Stop the services where they are, and start them again."""
        await self.stack.aclose()
        await self.open()

    async def appeal(self, account: str = "test2") -> None:
        await (await self.client(account)).appeal(self.plan.job_id)

    async def status(self) -> JobStatus:
        """Return the job's status once the verifier has looked again."""
        self.now_s += 10
        await self.devnet.mirror.refresh()
        await self.verifier.settle_all()
        return (await self.devnet.chain.jobs([self.plan.job_id]))[self.plan.job_id].status

    async def reason(self) -> str:
        rejection = await self.devnet.rejections.of(self.plan.job_id)
        assert rejection is not None
        return str(rejection["reason"]["kind"])


@asynccontextmanager
async def running(options: DevnetOptions) -> AsyncIterator[Devnet]:
    devnet = Devnet(options)
    await devnet.start()
    try:
        yield devnet
    finally:
        await devnet.stop()


@pytest.fixture
async def court(tmp_path: Path) -> AsyncIterator[Court]:
    second = kept_keys(tmp_path / "accounts.json", funding.ACCOUNTS)["test1"].address
    options = DevnetOptions(
        state_dir=tmp_path,
        with_requester=False,
        with_verifier=False,
        with_rival=False,
        appeals=Rule(WINDOW_S, second, ANSWER_S),
    )
    planner = Planner(load_corpus(None), "appeals")
    async with AsyncExitStack() as stack:
        made = Court(tmp_path, stack, options, planner, planner.errand(0))
        await made.open()
        await made.parties.submit(made.plan, b"a result" * 1_000)
        yield made
    assert not [*(tmp_path / "first-work").iterdir()]  # what was downloaded is gone, whatever happened


async def test_an_honest_result_that_the_first_verifier_rejects_is_verified_after_an_appeal(
    court: Court,
) -> None:
    held = await court.status()
    node = await court.client()
    seen = await node.held(court.plan.job_id)
    with pytest.raises(InfoServerError):
        await court.appeal("test3")  # not its node
    with pytest.raises(StorageError):
        await (await court.second_verifier("test3")).look()
    await court.appeal()
    await court.appeal()  # asked twice, it is one
    waiting = await court.status()
    await court.restart()
    assert await court.status() is JobStatus.SUBMITTED
    await (await court.second_verifier()).look()

    assert (held, waiting, await court.status()) == (
        JobStatus.SUBMITTED,
        JobStatus.SUBMITTED,
        JobStatus.VERIFIED,
    )
    assert seen is not None
    assert (seen.reason.kind, seen.is_open, seen.is_appealed) == (why.LearnedNothing.kind, True, False)
    assert court.examined == ["first", "second"]
    assert await court.devnet.rejections.of(court.plan.job_id) is None


async def test_a_cheaters_appeal_is_rejected_for_what_both_say(court: Court) -> None:
    court.second = CHEATED
    await court.status()
    await court.appeal()
    second = await court.second_verifier()
    await second.look()
    await second.look()  # which has nothing left to do

    assert await court.status() is JobStatus.FAILED
    assert await court.reason() == why.SecondAgrees.kind
    assert court.examined == ["first", "second"]


@pytest.mark.slow
async def test_without_an_appeal_a_result_is_rejected_when_the_time_is_over(court: Court) -> None:
    await court.status()
    court.now_s += WINDOW_S - 15
    assert await court.status() is JobStatus.SUBMITTED
    court.now_s += 10
    with pytest.raises(InfoServerError):
        await court.appeal()  # too late

    assert await court.status() is JobStatus.FAILED
    assert await court.reason() == why.LearnedNothing.kind
    assert court.examined == ["first"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unanswered", "becomes"),
    [("hold", JobStatus.SUBMITTED), ("reject", JobStatus.FAILED), ("verify", JobStatus.VERIFIED)],
)
async def test_a_second_verifier_that_says_nothing_leaves_it_to_the_rule(
    court: Court, unanswered: Any, becomes: JobStatus
) -> None:
    appeals = court.devnet.appeals
    appeals.rule = replace(appeals.rule, unanswered=unanswered)
    await court.status()
    await court.appeal()
    court.now_s += ANSWER_S - 20
    assert await court.status() is JobStatus.SUBMITTED
    court.now_s += 10

    assert await court.status() is becomes
    if becomes is JobStatus.SUBMITTED:
        assert await appeals.decide(court.plan.job_id, Ruling.VERIFY)
        assert await court.status() is JobStatus.VERIFIED


# ---- the rule, and what is kept


@pytest.fixture
def appeals(tmp_path: Path) -> Iterator[Appeals]:
    with closing(SqliteDatabase(tmp_path / "records.db")) as database:
        yield Appeals(database, Rule(WINDOW_S, "0x" + "ab" * 20, ANSWER_S), now_unix_s=lambda: 1_000.0)


async def test_without_a_second_verifier_an_appeal_waits_for_the_operator(appeals: Appeals) -> None:
    appeals.rule = Rule(WINDOW_S)
    await appeals.hold(JOB, "result", why.LearnedNothing(2.0, 1.0))
    assert await appeals.appeal(JOB)
    appeals.now_unix_s = lambda: 1e9

    (held,) = await appeals.all()

    assert appeals.ruling(held) is Ruling.ASK
    assert not appeals.may_appeal(held)
    assert await appeals.decide(JOB, Ruling.VERIFY)
    assert await ruling_of(appeals) is Ruling.VERIFY
    await appeals.settle(JOB, Ruling.VERIFY)
    assert not await appeals.decide(JOB, Ruling.REJECT)
    assert await ruling_of(appeals) is Ruling.VERIFY


async def test_without_a_window_every_rejection_gets_a_second_opinion(appeals: Appeals) -> None:
    appeals.rule = replace(appeals.rule, window_s=0)
    await appeals.hold(JOB, "result", why.LearnedNothing(2.0, 1.0))

    assert [held.job_id for held in await appeals.open_ones()] == [JOB]
    assert await ruling_of(appeals) is Ruling.WAIT


async def test_whether_work_is_ones_own_is_left_to_the_operator(appeals: Appeals) -> None:
    await appeals.hold(JOB, "result", why.NotOwnWork(0.1))
    await appeals.appeal(JOB)
    assert await appeals.note_opinion(JOB, {"accepted": True})

    assert await ruling_of(appeals) is Ruling.ASK


async def test_the_first_opinion_counts_and_only_where_one_is_asked(appeals: Appeals) -> None:
    await appeals.hold(JOB, "result", why.LearnedNothing(2.0, 1.0))
    assert not await appeals.note_opinion(JOB, {"accepted": True})
    await appeals.appeal(JOB)
    assert await appeals.note_opinion(JOB, {"accepted": True})
    assert not await appeals.note_opinion(JOB, {"accepted": False})

    assert await ruling_of(appeals) is Ruling.VERIFY


async def test_a_held_result_keeps_its_state_and_another_one_begins_anew(
    appeals: Appeals,
) -> None:
    await appeals.hold(JOB, "result", why.LearnedNothing(2.0, 1.0))
    await appeals.appeal(JOB)
    await appeals.hold(JOB, "result", why.NotLastLink(30))
    (held,) = await appeals.all()
    assert (held.asked_unix_s, held.why()) == (1_000, why.LearnedNothing(2.0, 1.0))

    await appeals.hold(JOB, "another", why.NotLastLink(30))

    (held,) = await appeals.all()
    assert (held.asked_unix_s, held.result, held.why()) == (None, "another", why.NotLastLink(30))


async def ruling_of(appeals: Appeals) -> Ruling:
    held = await appeals.of(JOB)
    assert held is not None
    return appeals.ruling(held)
