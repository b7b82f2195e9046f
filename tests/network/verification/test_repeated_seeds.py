"""Two jobs with one seed, whose training would be the same: the later is not offered, and not paid for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from emeth_tui.clients.wallet import Wallet
from emeth_tui.devnet.bots.plan import JobPlan, Planner
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.model import JobId
from emeth_tui.network.account import Account
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.services.info_server import InfoApp
from emeth_tui.network.verification.verifier import Verifier
from emeth_tui.notices.reasons.network import verification as why
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.info_api import JOBS_PATH
from emeth_tui.settings.sections import Verification
from tests.devnet.parties import Parties
from tests.loopback import local_client

pytestmark = [pytest.mark.process, pytest.mark.slow]


class AcceptsAll:
    """A check that finds no fault with any result."""

    async def check(self, _job: object) -> int:
        return 5_000

    def forget(self, _job_id: JobId) -> None:
        """Nothing is known."""


@pytest.fixture
async def parties(tmp_path: Path, verification: Verification) -> AsyncIterator[Parties]:
    options = DevnetOptions(
        state_dir=tmp_path,
        verification=verification,
        with_requester=False,
        with_verifier=False,
        with_rival=False,
    )
    devnet = Devnet(options)
    await devnet.start()
    made = Parties(devnet, Planner(load_corpus(None), "seeds"))
    yield made
    await made.http.aclose()
    await devnet.stop()


def two_with_one_seed() -> tuple[JobPlan, JobPlan]:
    """Plan two jobs on one text whose ids a requester chose: the last 31 bits are the seed."""
    first = Planner(load_corpus(None), "seeds").errand(0)
    digit = "0" if first.job_id[3] != "0" else "1"
    return first, replace(first, job_id=JobId(first.job_id[:3] + digit + first.job_id[4:]))


async def listed(devnet: Devnet) -> list[str]:
    """Return the jobs that an info server lists."""

    async def size_of(_name: str) -> int:
        return 5_000

    app = InfoApp(devnet.mirror, size_of, lag_s=0.0)
    await app.take()
    service = HttpService("info", app.asgi())
    await service.start()
    async with local_client(service.url) as http:
        jobs = (await http.get(JOBS_PATH)).raise_for_status().json()
    await service.stop()
    return [job["id"] for job in jobs]


@pytest.mark.parametrize(
    ("verification", "becomes"),
    [("loss", JobStatus.FAILED), ("replay", JobStatus.FAILED), ("chain", JobStatus.VERIFIED)],
)
async def test_where_work_is_compared_a_repeated_seed_is_neither_offered_nor_paid(
    parties: Parties, tmp_path: Path, becomes: JobStatus
) -> None:
    devnet, (first, later) = parties.devnet, two_with_one_seed()
    for plan in (first, later):
        await parties.submit(plan, b"a result")
    await devnet.mirror.refresh()
    wallet = Wallet(bytes.fromhex(json.loads((tmp_path / "accounts.json").read_text())["verifier"]))
    account = Account(devnet.chain, wallet)
    verifier = Verifier(account, devnet.mirror, cast("Any", AcceptsAll()), devnet.rejections)

    shown = await listed(devnet)
    await verifier.settle_all()
    jobs = await devnet.chain.jobs([first.job_id, later.job_id])

    assert (jobs[first.job_id].status, jobs[later.job_id].status) == (JobStatus.VERIFIED, becomes)
    is_refused = becomes is JobStatus.FAILED
    assert shown == [first.job_id] + ([] if is_refused else [later.job_id])
    if is_refused:
        rejection = await devnet.rejections.of(later.job_id)
        assert rejection is not None
        assert rejection["reason"] == {"kind": why.SeedRepeated.kind, "earlier": first.job_id}
