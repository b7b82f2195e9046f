"""No deposit without the job's model: with a hub on localhost that is away first and then there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from emeth_tui.engine.market.model_readiness import Models
from emeth_tui.errors import JobError, TrainingError
from emeth_tui.model import Language
from emeth_tui.notices.events.market import Idle, ModelFetching, ModelReady, ModelTrouble
from emeth_tui.notices.notice import EventBody, Reason
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import ModelOnItsWay, ModelUnavailable, NoneTaken
from emeth_tui.words.sentences import english
from tests.engine.harness import Harness
from tests.training.files.hub_server import serving
from tests.training.pretrained import save_small_gpt2

NAME = "someone/gpt2-tiny"
AWAY = Foreign("the hub does not answer")
NOWHERE = "http://127.0.0.1:9"  # the discard port, on which nothing listens


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers")
async def test_nothing_is_staked_on_a_job_before_its_model_is_here(
    network: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_small_gpt2(tmp_path / "published")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    waiting = await network.post(fee_emt=25)
    other = await network.post(language=Language.JA)

    async with network.node(training__model_en=NAME) as node:
        unavailable = NoneTaken(1, ModelUnavailable(NAME))
        while (await node.event("idle")).body != Idle(unavailable):
            pass
        submitted, trouble = (
            next(event for event in node.seen if event.kind == kind)
            for kind in ("submitted", "model_trouble")
        )
        with pytest.raises(JobError, match=f"its model {NAME} is unavailable"):
            await node.node.claim_job(waiting)
        (offer,) = node.node.snapshot().offers
        assert node.store.journal.of_job(waiting) == []

        with serving(NAME, tmp_path / "published") as hub:
            monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
            await node.node.reload_settings()
            ready = await node.event("model_ready")
            await node.event("submitted", waiting)

    assert submitted.job_id == other  # whose model needs no download
    assert offer.refusal == ModelUnavailable(NAME)
    assert "cannot be downloaded from the Hugging Face hub" in english(trouble.body)
    assert ready.body == ModelReady(NAME)
    seen = [event.kind for event in node.seen if event.kind.startswith("model")]
    assert seen == ["model_fetching", "model_trouble", "model_ready"]
    assert [request.model for request in node.script.requests] == ["devnet-small", NAME]


async def test_what_has_arrived_is_shown_until_it_stands_still() -> None:
    published: list[EventBody] = []
    events = SimpleNamespace(publish=published.append)
    script = iter([0.0, 0.34, None, 0.34, None, 0.5, None, 1.0])
    said: list[Reason | None] = []

    async def fetch(model: str, on_fetching: Callable[[float], None]) -> None:
        for fraction in script:
            if fraction is None:
                raise TrainingError(AWAY)
            on_fetching(fraction)
            said.append(models.refusal(model))

    models = Models(events, lambda: [NAME, "devnet-small"], fetch)  # type: ignore[arg-type]

    assert models.refusal("devnet-small") is None
    assert [await models.look() for _ in range(4)] == [False, False, False, True]
    assert models.refusal(NAME) is None
    assert not await models.look()
    assert said[:2] == [ModelOnItsWay(NAME, 0.0), ModelOnItsWay(NAME, 0.34)]
    assert said[2] == ModelUnavailable(NAME)  # no further than last time
    assert said[3:] == [ModelOnItsWay(NAME, 0.5), ModelOnItsWay(NAME, 1.0)]
    trouble = ModelTrouble(NAME, AWAY)
    assert published == [ModelFetching(NAME), trouble, trouble, ModelReady(NAME)]
