"""A network that verifies what was learned: work is paid for once, and only by the node that did it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emeth_tui.devnet.bots.plan import JobPlan, Planner
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.network.verification.torch_tasks import train
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.network.verification import LearnedTooLittle, NotFromItsStart, NotOwnWork
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.hash_chain import links
from tests.devnet.parties import Parties, wait_for_status

pytestmark = pytest.mark.slow


async def test_a_result_is_paid_for_once_and_only_for_all_of_its_epochs(tmp_path: Path) -> None:
    planner = Planner(load_corpus(None), "what is learned")
    devnet = Devnet(
        DevnetOptions(
            verification="loss",
            with_requester=False,
            with_rival=False,
            poll_interval_s=0.05,
            block_interval_s=0,
        )
    )
    await devnet.start()
    parties = Parties(devnet, planner)
    key = devnet.info.verification_key
    first, second, third = (planned(planner, number) for number in range(3))
    result = trained(first, tmp_path, key, 30)

    await parties.submit(first, result)
    assert await end_of(devnet, first) is None
    await parties.submit(second, result)  # the same work once more, for another job
    copied = await end_of(devnet, second)
    await parties.submit(third, as_thirty_epochs(trained(third, tmp_path, key, 1), third, key))
    hurried = await end_of(devnet, third)

    assert isinstance(copied, NotFromItsStart | NotOwnWork)
    assert isinstance(hurried, LearnedTooLittle)
    await parties.http.aclose()
    await devnet.stop()


def planned(planner: Planner, number: int) -> JobPlan:
    """Plan a job on one and the same text."""
    return replace(planner.errand(0), job_id=planner.job_id("learned", number))


def trained(plan: JobPlan, scratch: Path, key: str, epochs: int) -> bytes:
    """Train a job as a node does."""
    work = scratch / plan.job_id
    work.mkdir()
    (work / "dataset.txt").write_bytes(plan.dataset)
    answer = train(
        job_id=plan.job_id,
        model="devnet-small",
        language="en",
        epochs=epochs,
        dataset=str(work / "dataset.txt"),
        work_dir=str(work),
        verification_key=key,
    )
    return Path(answer["result"]).read_bytes()


def as_thirty_epochs(result: bytes, plan: JobPlan, key: str) -> bytes:
    """Claim thirty epochs, with the chain that belongs to them."""
    content = torch.load(io.BytesIO(result), weights_only=True)
    content |= {"epoch": torch.tensor([30.0]), "hash": links(plan.dataset.decode(), key, 30)[-1]}
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


async def end_of(devnet: Devnet, plan: JobPlan) -> Reason | None:
    """Wait for a job's end; return why its result was rejected, None where it was not."""
    job = await wait_for_status(devnet, plan.job_id, JobStatus.VERIFIED, JobStatus.FAILED)
    if job.status is JobStatus.VERIFIED:
        return None
    rejection = await devnet.rejections.of(plan.job_id)
    assert rejection is not None
    return from_data(Reason, rejection["reason"])
