"""A rejection that is held: the node's appeal, a second verifier's opinion, the operator's decision."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
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
from emeth_tui.network.verification.appeals import LEAST_TIME_S, Appeals, Held, Rule, Ruling
from emeth_tui.network.verification.downloads import signed_call
from emeth_tui.network.verification.examiner import Submission
from emeth_tui.network.verification.judging import Examination
from emeth_tui.network.verification.result_check import ResultCheck
from emeth_tui.network.verification.second import SLOW_AGAIN_S, SecondVerifier
from emeth_tui.network.verification.torch_process import TorchProcessSlow
from emeth_tui.network.verification.verifier import Verifier
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network import verification as why
from emeth_tui.protocol.appeals import OPINION_PATH, opinion_text
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.hash_chain import links
from tests.devnet.parties import Parties
from tests.loopback import local_client
from tests.network.servers.parts import Parts

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
    slow: set[str] = field(default_factory=set)
    now_s: float = field(default_factory=lambda: float(int(time.time())))
    devnet: Devnet = field(init=False)
    parties: Parties = field(init=False)
    check: ResultCheck = field(init=False)  # the first verifier's
    verifier: Verifier = field(init=False)

    async def open(self) -> None:
        """Start the network and its verifier, which knows what stands in the database alone."""
        self.devnet = await self.stack.enter_async_context(running(self.options))
        self.parties = Parties(self.devnet, self.planner)
        self.stack.push_async_callback(self.parties.http.aclose)
        self.devnet.appeals.now_unix_s = lambda: self.now_s
        key = json.loads((self.directory / "accounts.json").read_text())["verifier"]
        wallet = Wallet(bytes.fromhex(key))
        self.check = await self._check("first", wallet, lambda: self.first)
        self.verifier = Verifier(
            Account(self.devnet.chain, wallet),
            self.devnet.mirror,
            self.check,
            self.devnet.rejections,
            self.devnet.appeals,
            monotonic_s=lambda: self.now_s,
        )

    async def _check(self, name: str, wallet: Wallet, losses: Callable[[], Losses]) -> ResultCheck:
        key = self.devnet.info.verification_key

        async def examine(submission: Submission) -> Examination:
            self.examined.append(name)
            if name in self.slow:
                raise TorchProcessSlow(Foreign("took over 3600 s"))
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
        return SecondVerifier(self.devnet.chain, wallet, services, check, monotonic_s=lambda: self.now_s)

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


@pytest.mark.slow
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


@pytest.mark.slow
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
async def test_what_the_operator_decides_while_a_result_is_fetched_counts(court: Court) -> None:
    await court.status()
    appeals, job_id, fetch = court.devnet.appeals, court.plan.job_id, court.check.accept

    async def fetch_and_wait(job: ChainJob) -> int:
        assert await appeals.decide(job_id, Ruling.REJECT)
        return await fetch(job)

    court.check.accept = fetch_and_wait  # type: ignore[method-assign]
    await appeals.decide(job_id, Ruling.VERIFY)
    assert await court.status() is JobStatus.SUBMITTED

    assert await court.status() is JobStatus.FAILED
    assert await court.reason() == why.LearnedNothing.kind


@pytest.mark.slow
async def test_an_opinion_of_another_network_or_result_is_none(court: Court) -> None:
    await court.status()
    await court.appeal()
    core, job_id = court.devnet.chain.network.core_address, court.plan.job_id
    result = (await court.devnet.chain.jobs([job_id]))[job_id].result
    wallet = court.devnet.info.test_accounts["test1"].wallet
    services = await court.stack.enter_async_context(local_client(court.devnet.info.info_url))
    for of_core, of_result in (("0x" + "ab" * 20, result), (core, "another")):
        text = opinion_text(job_id, of_core, of_result, is_accepted=True)
        with pytest.raises(StorageError, match="401"):
            await signed_call(
                services, OPINION_PATH, wallet, job_id, text=text, accepted=True, result=result, reason={}
            )
    of_elsewhere = court.devnet.chain.network.model_copy(
        update={"info_url": court.devnet.info.info_url, "core_address": "0x" + "ab" * 20}
    )
    http = await court.stack.enter_async_context(local_client(court.devnet.info.info_url))
    node = AppealClient(of_elsewhere, court.devnet.info.test_accounts["test2"].wallet, Transport(http))
    with pytest.raises(InfoServerError, match="401"):
        await node.appeal(job_id)

    assert await court.status() is JobStatus.SUBMITTED


@pytest.mark.slow
async def test_a_second_verifier_comes_back_late_to_a_result_that_takes_too_long(court: Court) -> None:
    court.slow.add("second")
    await court.status()
    await court.appeal()
    second = await court.second_verifier()
    for later_s in (0, SLOW_AGAIN_S - 1, 2):
        court.now_s += later_s
        await second.look()

    assert court.examined == ["first", "second", "second"]
    assert await court.status() is JobStatus.SUBMITTED


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
@pytest.mark.parametrize("name", ["x" * 1_025, "\0"])
async def test_a_result_whose_name_no_storage_gives_is_rejected_at_once(court: Court, name: str) -> None:
    court.plan = court.planner.errand(1)
    await court.parties.claim(court.plan)
    await court.parties.send("submit", court.plan.job_id, name)

    assert await court.status() is JobStatus.FAILED


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
def appeals(parts: Parts) -> Appeals:
    return Appeals(parts.database, Rule(WINDOW_S, "0x" + "ab" * 20, ANSWER_S), now_unix_s=lambda: 1_000.0)


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
    assert await appeals.settle(await held_in(appeals), Ruling.VERIFY)
    assert await appeals.settle(await held_in(appeals), Ruling.VERIFY)  # again, after a crash
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
    assert await appeals.note_opinion(JOB, "result", {"accepted": True})

    assert await ruling_of(appeals) is Ruling.ASK


async def test_verifiers_that_find_different_faults_leave_it_to_the_operator(appeals: Appeals) -> None:
    await appeals.hold(JOB, "result", why.LearnedNothing(2.0, 1.0))
    await appeals.appeal(JOB)
    opinion = {"accepted": False, "reason": to_data(why.NotLastLink(30))}  # as with an old key
    assert await appeals.note_opinion(JOB, "result", opinion)

    assert await ruling_of(appeals) is Ruling.ASK


async def test_a_ruling_is_not_sent_where_something_came_after_it_was_made(appeals: Appeals) -> None:
    await appeals.hold(JOB, "result", why.LearnedNothing(2.0, 1.0))
    waiting = await held_in(appeals)
    assert await appeals.appeal(JOB)  # at another service, whose clock is behind
    assert not await appeals.settle(waiting, Ruling.REJECT)
    asked = await held_in(appeals)
    assert await appeals.note_opinion(JOB, "result", {"accepted": True})
    assert not await appeals.settle(asked, Ruling.REJECT)
    answered = await held_in(appeals)
    assert await appeals.decide(JOB, Ruling.REJECT)
    assert not await appeals.settle(answered, Ruling.VERIFY)

    assert await ruling_of(appeals) is Ruling.REJECT
    assert await appeals.settle(await held_in(appeals), Ruling.REJECT)


async def test_a_node_may_appeal_still_after_the_services_were_down(appeals: Appeals) -> None:
    await appeals.hold(JOB, "result", why.LearnedNothing(2.0, 1.0))
    appeals.now_unix_s = lambda: 1e6
    assert await ruling_of(appeals) is Ruling.REJECT
    await appeals.resume()

    assert (await held_in(appeals)).until_unix_s == 1_000_000 + LEAST_TIME_S
    assert await appeals.appeal(JOB)


async def test_a_start_leaves_alone_what_has_time_or_is_settled(appeals: Appeals) -> None:
    await appeals.hold(JOB, "result", why.LearnedNothing(2.0, 1.0))
    await appeals.resume()
    assert (await held_in(appeals)).until_unix_s == 1_000 + WINDOW_S
    await appeals.decide(JOB, Ruling.REJECT)
    appeals.now_unix_s = lambda: 1e6
    await appeals.resume()

    assert (await held_in(appeals)).until_unix_s == 1_000 + WINDOW_S


async def test_the_first_opinion_counts_and_only_where_one_is_asked(appeals: Appeals) -> None:
    await appeals.hold(JOB, "result", why.LearnedNothing(2.0, 1.0))
    assert not await appeals.note_opinion(JOB, "result", {"accepted": True})
    await appeals.appeal(JOB)
    assert not await appeals.note_opinion(JOB, "another", {"accepted": False})
    assert await appeals.note_opinion(JOB, "result", {"accepted": True})
    assert not await appeals.note_opinion(JOB, "result", {"accepted": False})

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
    return appeals.ruling(await held_in(appeals))


async def held_in(appeals: Appeals) -> Held:
    held = await appeals.of(JOB)
    assert held is not None
    return held
