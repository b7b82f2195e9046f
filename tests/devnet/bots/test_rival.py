"""The rival on a real network: it earns gas with real work, and leaves the good jobs to others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.wallet import Wallet
from emeth_tui.devnet.bots.plan import ERRAND_FEE_WEI, DatasetSizes, Planner
from emeth_tui.devnet.bots.rival import Rival
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.errors import TrainingError
from emeth_tui.model import JobId, token_to_wei
from emeth_tui.network.account import Account
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import JobStatus
from tests.devnet.parties import Parties, wait_for_jobs, wait_for_open

pytestmark = pytest.mark.slow

MakeDevnet = Callable[..., Devnet]


@pytest.fixture
async def make_devnet(tmp_path: Path) -> AsyncIterator[MakeDevnet]:
    made: list[Devnet] = []

    def make(**options: Any) -> Devnet:
        made.append(
            Devnet(DevnetOptions(state_dir=tmp_path, poll_interval_s=0.05, block_interval_s=0, **options))
        )
        return made[-1]

    yield make
    for devnet in made:
        await devnet.stop()


async def test_the_rival_earns_gas_with_the_cheapest_job_across_a_restart(
    make_devnet: MakeDevnet, tmp_path: Path
) -> None:
    first = make_devnet(rival_rest_s=3_600)
    await first.start()
    (errand,) = [job for job in await wait_for_open(first, 5) if job.fee_wei == ERRAND_FEE_WEI]
    await wait_for_jobs(first, {errand.job_id}, JobStatus.PROCESSING)
    await first.stop()
    second = make_devnet(rival_rest_s=3_600)
    await second.start()

    (done,) = await wait_for_jobs(second, {errand.job_id}, JobStatus.VERIFIED, JobStatus.FAILED)

    assert done.status is JobStatus.VERIFIED
    (share,) = await second.chain.slot_shares(done.node, [await second.chain.current_slot()])
    assert share.own_gas == share.total_gas == 5
    rival_emt_wei = (await second.chain.balances(done.node)).emt_wei
    assert rival_emt_wei == token_to_wei(200) + token_to_wei("0.5")  # the fee less the verifier's 10 EMT
    others = [job for job in second.mirror.jobs.values() if job.job_id != errand.job_id]
    assert {job.node for job in others} == {"0x" + "00" * 20}
    assert not list((tmp_path / "rival").iterdir())


async def with_rival(devnet: Devnet, tmp_path: Path, parties: Parties, *, trains: bool = True) -> Rival:
    """Make a rival that trains nothing, for tests of what it takes."""

    async def train(job_id: JobId, _language: str, _epochs: int, _dataset: Path, work_dir: Path) -> Path:
        if not trains:
            raise TrainingError(Foreign(f"job {job_id}: this text cannot be trained on"))
        result = work_dir / "checkpoint.pt"
        result.write_bytes(b"a result")
        return result

    key = json.loads((tmp_path / "accounts.json").read_text())["rival"]
    wallet = Wallet(bytes.fromhex(key))
    network = devnet.chain.network.model_copy(update={"storage_url": devnet.info.storage_url})
    return Rival(
        Account(devnet.chain, wallet),
        devnet.mirror,
        StorageClient(network, wallet, Transport(parties.http)),
        train,
        work_dir=tmp_path / "rival",
        max_dataset_bytes=6_000,
        rest_s=0.0,
    )


async def test_the_rival_takes_small_jobs_the_cheapest_first_and_never_the_best_paid(
    make_devnet: MakeDevnet, tmp_path: Path
) -> None:
    devnet = make_devnet(with_requester=False, with_verifier=False, with_rival=False)
    await devnet.start()
    sizes = DatasetSizes(small=(4_200, 4_500), large=(7_000, 8_000))
    planner = Planner(load_corpus(None), "rival", sizes)
    parties = Parties(devnet, planner)
    plans = [planner.job(number) for number in range(12)]
    small = sorted((plan for plan in plans if len(plan.dataset) < 6_000), key=lambda plan: plan.fee_wei)[:5]
    large = next(plan for plan in plans if len(plan.dataset) > 6_000)
    rival = await with_rival(devnet, tmp_path, parties)

    by_fee = sorted([*small, large], key=lambda plan: plan.fee_wei)
    for plan in reversed(by_fee):
        await parties.requester.post(plan)

    taken: list[JobId] = []
    for _ in range(6):
        await devnet.mirror.refresh()
        await rival.work()
        submitted = await statuses(devnet, JobStatus.SUBMITTED)
        taken += [job_id for job_id in submitted if job_id not in taken]

    assert taken == [plan.job_id for plan in by_fee[:-2] if plan is not large]
    await parties.http.aclose()


async def test_a_job_that_cannot_be_trained_is_given_back(make_devnet: MakeDevnet, tmp_path: Path) -> None:
    devnet = make_devnet(with_requester=False, with_verifier=False, with_rival=False)
    await devnet.start()
    planner = Planner(load_corpus(None), "rival")
    parties = Parties(devnet, planner)
    rival = await with_rival(devnet, tmp_path, parties, trains=False)
    for number in range(3):
        await parties.requester.post(planner.errand(number))

    await devnet.mirror.refresh()
    await rival.work()
    await devnet.mirror.refresh()
    await rival.work()  # two are left, and those it leaves

    declined = await statuses(devnet, JobStatus.DECLINED)
    assert declined == [planner.errand(0).job_id]
    assert len(await statuses(devnet, JobStatus.REQUESTED)) == 2
    assert not list((tmp_path / "rival").iterdir())
    await parties.http.aclose()


async def statuses(devnet: Devnet, wanted: JobStatus) -> list[JobId]:
    await devnet.mirror.refresh()
    return [job.job_id for job in devnet.mirror.jobs.values() if job.status is wanted]
