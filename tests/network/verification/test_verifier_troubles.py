"""The node is not blamed for others' faults: the verifier waits and tries again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from emeth_tui.clients.wallet import Wallet
from emeth_tui.devnet.bots.plan import JobPlan, Planner
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.faults import Faults
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.network.account import Account
from emeth_tui.network.verification.examiner import Submission
from emeth_tui.network.verification.judging import Examination
from emeth_tui.network.verification.result_check import ResultCheck
from emeth_tui.network.verification.torch_process import TorchProcessDied, TorchProcessSlow
from emeth_tui.network.verification.verifier import SEEN_WITHIN_S, SLOW_AGAIN_S, Verifier
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.hash_chain import links
from tests.devnet.parties import Parties
from tests.loopback import local_client

pytestmark = [pytest.mark.process, pytest.mark.slow]


@dataclass
class Case:
    """A verifier whose clock and examiner the test controls, and one submitted job."""

    devnet: Devnet
    faults: Faults
    plan: JobPlan
    verifier: Verifier = field(init=False)
    deaths: int = 0
    is_slow: bool = False
    examined: int = 0
    now_s: float = 0.0

    async def examine(self, _submission: Submission) -> Examination:
        self.examined += 1
        if self.is_slow:
            raise TorchProcessSlow(Foreign("took over 3600 s"))
        if self.deaths:
            self.deaths -= 1
            raise TorchProcessDied(Foreign("killed"))
        key = self.devnet.info.verification_key
        return Examination(30, links(self.plan.dataset.decode(), key, 30)[-1], 1.0, 2.0)

    async def status_after_settling(self) -> JobStatus:
        await self.devnet.mirror.refresh()
        await self.verifier.settle_all()
        return (await self.devnet.chain.jobs([self.plan.job_id]))[self.plan.job_id].status


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[Case]:
    faults = Faults()
    options = DevnetOptions(
        state_dir=tmp_path,
        with_requester=False,
        with_verifier=False,
        with_rival=False,
        poll_interval_s=3_600,  # the test says when the mirror looks
        faults=faults,
    )
    devnet = Devnet(options)
    info = await devnet.start()
    planner = Planner(load_corpus(None), "troubles")
    parties = Parties(devnet, planner)
    made = Case(devnet, faults, planner.errand(0))
    key = json.loads((tmp_path / "accounts.json").read_text())["verifier"]
    async with local_client(info.storage_url) as http:
        wallet = Wallet(bytes.fromhex(key))
        check = ResultCheck(
            wallet,
            http,
            made.examine,
            verification_key=info.verification_key,
            work_dir=tmp_path / "examined",
        )
        made.verifier = Verifier(
            Account(devnet.chain, wallet),
            devnet.mirror,
            check,
            devnet.rejections,
            monotonic_s=lambda: made.now_s,
        )
        await parties.claim(made.plan)
        name = await parties.upload(made.plan.job_id, b"a result" * 1_000)
        await parties.send("submit", made.plan.job_id, name)
        yield made
    await parties.http.aclose()
    await devnet.stop()
    assert not list((tmp_path / "examined").iterdir())  # what was downloaded is gone, whatever happened


async def test_a_broken_download_is_tried_again_after_a_while(case: Case) -> None:
    case.faults.broken_downloads, case.faults.break_after_bytes = 1, 100

    broken = await case.status_after_settling()
    too_soon = await case.status_after_settling()
    case.now_s += 1.0
    settled = await case.status_after_settling()

    assert (broken, too_soon, settled) == (JobStatus.SUBMITTED, JobStatus.SUBMITTED, JobStatus.VERIFIED)
    assert case.examined == 1


async def test_an_examiner_that_died_looks_again(case: Case) -> None:
    case.deaths = 1

    died = await case.status_after_settling()
    case.now_s += 1.0
    settled = await case.status_after_settling()

    assert (died, settled, case.examined) == (JobStatus.SUBMITTED, JobStatus.VERIFIED, 2)


async def test_a_result_that_kills_the_examiner_twice_is_rejected(case: Case) -> None:
    case.deaths = 2

    await case.status_after_settling()
    case.now_s += 1.0
    settled = await case.status_after_settling()

    assert (settled, case.examined) == (JobStatus.FAILED, 2)


async def test_a_settled_job_is_not_settled_again(case: Case) -> None:
    await case.status_after_settling()

    await case.verifier.settle_all()  # the mirror still shows it as submitted

    assert case.examined == 1


async def test_a_verdict_that_the_chain_lost_before_it_was_seen_is_sent_again(case: Case) -> None:
    rpc = case.devnet.chain.rpc
    before = await rpc.call("evm_snapshot")
    sent = await case.status_after_settling()
    await rpc.call("evm_revert", before)

    lost = await case.status_after_settling()
    case.now_s += SEEN_WITHIN_S
    settled = await case.status_after_settling()

    assert (sent, lost, settled) == (JobStatus.VERIFIED, JobStatus.SUBMITTED, JobStatus.VERIFIED)


async def test_a_verifier_that_is_too_slow_blames_no_result(case: Case) -> None:
    case.is_slow = True

    for _ in range(3):
        assert await case.status_after_settling() is JobStatus.SUBMITTED
        case.now_s += 60.0
        assert await case.status_after_settling() is JobStatus.SUBMITTED  # others have their turn meanwhile
        case.now_s += SLOW_AGAIN_S
    case.is_slow = False

    assert await case.status_after_settling() is JobStatus.VERIFIED
    assert case.examined == 4
