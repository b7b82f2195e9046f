"""No deposit without the job's model: with a hub on localhost that is away first and then there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from emeth_tui.engine.market.model_readiness import Models
from emeth_tui.errors import JobError, TrainingError
from emeth_tui.model import Language
from tests.engine.harness import Harness
from tests.training.files.hub_server import serving
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
        while "cannot be had" not in (await node.event("idle")).text:
            pass
        submitted, trouble = (
            next(event for event in node.seen if event.kind == kind)
            for kind in ("submitted", "model_trouble")
        )
        with pytest.raises(JobError, match=f"its model {NAME} cannot be had"):
            await node.node.claim_job(waiting)
        (offer,) = node.node.snapshot().offers
        assert node.store.journal.of_job(waiting) == []

        with serving(NAME, tmp_path / "published") as hub:
            monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
            await node.node.reload_settings()
            ready = await node.event("model_ready")
            await node.event("submitted", waiting)

    assert submitted.job_id == other  # whose model needs no download
    assert offer.refusal == f"its model {NAME} cannot be had (see the events)"
    assert "cannot be downloaded from the Hugging Face hub" in trouble.text
    assert ready.text == f"the model {NAME} is ready"
    told = [event.kind for event in node.seen if event.kind.startswith("model")]
    assert told == ["model_fetching", "model_trouble", "model_ready"]
    assert [request.model for request in node.script.requests] == ["devnet-small", NAME]


async def test_what_has_arrived_is_told_until_it_stands_still() -> None:
    told: list[str] = []
    events = SimpleNamespace(publish=lambda kind, text, **data: told.append(kind))
    script = iter([0.0, 0.34, None, 0.34, None, 0.5, None, 1.0])
    said: list[str] = []

    async def fetch(model: str, on_fetching: Callable[[float, str], None]) -> None:
        for fraction in script:
            if fraction is None:
                raise TrainingError("the hub does not answer")
            on_fetching(fraction, "downloading")
            said.append(models.refusal(model))

    models = Models(events, lambda: [NAME, "devnet-small"], fetch)  # type: ignore[arg-type]

    assert models.refusal("devnet-small") == ""
    assert [await models.look() for _ in range(4)] == [False, False, False, True]
    assert models.refusal(NAME) == ""
    assert not await models.look()
    coming, standing = f"its model {NAME} is not ready yet, {{}} of it is here", "cannot be had"
    assert said[:2] == [coming.format("0%"), coming.format("34%")]
    assert standing in said[2]  # no further than last time
    assert said[3:] == [coming.format("50%"), coming.format("100%")]
    assert told == ["model_fetching", "model_trouble", "model_trouble", "model_ready"]
