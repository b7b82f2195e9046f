"""No deposit without the job's model: with a hub on localhost that is away first and then there."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.errors import JobError
from emeth_tui.model import Language
from tests.engine.harness import Harness
from tests.training.hub_server import serving
from tests.training.pretrained import save_small_gpt2

NAME = "someone/gpt2-tiny"
NOWHERE = "http://127.0.0.1:9"  # the discard port, on which nothing listens


async def test_nothing_is_staked_on_a_job_before_its_model_is_here(
    network: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_small_gpt2(tmp_path / "published")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    waiting = await network.post(fee_emt=25)
    other = await network.post(language=Language.JA)

    async with network.node(training__model_en=NAME) as node:
        await node.event("submitted", other)  # whose model needs no download
        trouble = await node.event("model_trouble")
        with pytest.raises(JobError, match=f"its model {NAME} is not ready yet"):
            await node.node.claim_job(waiting)
        (offer,) = node.node.snapshot().offers
        assert node.store.journal.of_job(waiting) == []

        with serving(NAME, tmp_path / "published") as hub:
            monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
            await node.node.reload_settings()
            ready = await node.event("model_ready")
            await node.event("submitted", waiting)

    assert offer.refusal == f"its model {NAME} is not ready yet, 0% of it is here"
    assert "cannot be downloaded from the Hugging Face hub" in trouble.text
    assert ready.text == f"the model {NAME} is ready"
    assert sum(event.kind in {"model_fetching", "idle"} for event in node.seen) == 2
    assert [request.model for request in node.script.requests] == ["devnet-small", NAME]
