"""Verification by training again on a real network: what is drawn is delivered, compared and judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from emeth_tui.clients.chain.drawing import drawing_block, hash_bytes
from emeth_tui.devnet.bots.plan import JobPlan, Planner
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.network.verification import replaying, verifier
from emeth_tui.network.verification.torch_tasks import train
from emeth_tui.notices.reasons.network import verification as why
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.hash_chain import RESULT_NAME
from emeth_tui.protocol.replay import (
    COMMITMENT_NAME,
    delivered_epochs,
    drawn_segments,
    read_commitment,
    state_extension,
    state_name,
)
from emeth_tui.training.reports import STATES_DIRECTORY
from tests.devnet.parties import Parties, wait_for_status

pytestmark = [pytest.mark.process, pytest.mark.slow]
MODEL = "devnet-small"
DELIVERY_S = 600


class Site:
    """A network that trains again, one job that was trained by rule, and a node played by hand."""

    def __init__(self, directory: Path) -> None:
        self.work = directory / "work"
        self.options = DevnetOptions(
            state_dir=directory / "devnet",
            verification="replay",
            delivery_s=DELIVERY_S,
            with_requester=False,
            poll_interval_s=0.05,
            block_interval_s=0,
        )
        self.planner = Planner(load_corpus(None), "replaying")
        self.made = 0

    async def start(self) -> None:
        self.devnet = Devnet(self.options)
        await self.devnet.start()
        self.parties = Parties(self.devnet, self.planner)

    async def stop(self) -> None:
        await self.parties.http.aclose()
        await self.devnet.stop()

    def plan(self) -> JobPlan:
        self.made += 1
        job_id = self.planner.job_id("replay", self.made)
        return replace(self.planner.errand(0), job_id=job_id)

    def train(self, plan: JobPlan) -> None:
        self.work.mkdir()
        dataset = self.work / "dataset.txt"
        dataset.write_bytes(plan.dataset)
        train(
            job_id=plan.job_id,
            model=MODEL,
            language="en",
            epochs=30,
            dataset=str(dataset),
            work_dir=str(self.work),
            verification_key=self.devnet.info.verification_key,
            replay=True,
        )

    @property
    def result(self) -> bytes:
        return (self.work / RESULT_NAME).read_bytes()

    async def drawn(self, plan: JobPlan) -> list[int]:
        """Wait for the block that draws; return the epochs whose states are due."""
        for _ in range(self.devnet.chain.network.confirmations):
            await self.parties.move_clock(1)
        job = (await self.devnet.chain.jobs([plan.job_id]))[plan.job_id]
        block = await drawing_block(self.devnet.chain, job.submitted_at_unix_s)
        assert block is not None
        commitment = read_commitment((self.work / STATES_DIRECTORY / COMMITMENT_NAME).read_text(), 30)
        segments = drawn_segments(hash_bytes(block), commitment.root, 30)
        return delivered_epochs(segments, commitment)

    async def deliver(self, plan: JobPlan, epoch: int) -> None:
        state = (self.work / STATES_DIRECTORY / state_name(epoch)).read_bytes()
        await self.parties.upload(plan.job_id, state, state_extension(epoch))

    async def ended(self, plan: JobPlan) -> ChainJob:
        return await wait_for_status(self.devnet, plan.job_id, JobStatus.VERIFIED, JobStatus.FAILED)

    async def reason(self, plan: JobPlan) -> dict[str, Any]:
        assert (await self.ended(plan)).status is JobStatus.FAILED
        rejection = await self.devnet.rejections.of(plan.job_id)
        assert rejection is not None
        return dict(rejection["reason"])


async def test_what_is_drawn_is_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "STATES_AGAIN_S", 0.5)
    monkeypatch.setattr(replaying, "ANSWERED_S", 1.0)
    site = Site(tmp_path)
    await site.start()
    try:
        honest, silent, copied, unbound = (site.plan() for _ in range(4))
        site.train(honest)
        content = torch.load(site.work / RESULT_NAME, weights_only=True)
        del content["states"]
        torch.save(content, tmp_path / "unbound.pt")

        await site.parties.submit(unbound, (tmp_path / "unbound.pt").read_bytes())
        assert (await site.reason(unbound))["kind"] == why.CommitmentMissing.kind

        await site.parties.submit(copied, site.result)
        for epoch in await site.drawn(copied):
            await site.deliver(copied, epoch)
        assert (await site.reason(copied))["kind"] == why.StateNotCommitted.kind

        await site.parties.submit(honest, site.result)
        first, *others = await site.drawn(honest)
        await site.deliver(honest, first)
        await site.stop()  # the verifier forgets what it waits for
        await site.start()
        for epoch in others:
            await site.deliver(honest, epoch)
        assert (await site.ended(honest)).status is JobStatus.VERIFIED

        await site.parties.submit(silent, site.result)
        await site.drawn(silent)
        await site.parties.move_clock(DELIVERY_S + 10)
        assert (await site.reason(silent))["kind"] == why.StatesNotDelivered.kind
    finally:
        await site.stop()
