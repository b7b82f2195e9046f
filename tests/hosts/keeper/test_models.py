"""Models are made ready on a host before any job needs them, and what fails is tried again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import anyio

from emeth_tui.errors import TrainingError
from emeth_tui.hosts.keeper.models import KeeperModels
from emeth_tui.hosts.messages import FarModel
from emeth_tui.notices.notice import to_data
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.workers.model_keeper import OnFetching
from tests.hosts.scripted import LIMIT_S

TROUBLE = Foreign("the hub does not answer")


class Fetches:
    """Makes models ready as a test has it."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[str] = asyncio.Queue()
        self.outcomes: asyncio.Queue[float | None] = asyncio.Queue()  # a share, or None: it is whole

    async def __call__(self, _log_dir: Path, model: str, on_fetching: OnFetching) -> None:
        self.begun.put_nowait(model)
        while (share := await self.outcomes.get()) is not None:
            if share < 0:
                raise TrainingError(TROUBLE)
            on_fetching(share)


async def test_models_are_fetched_one_after_the_other(tmp_path: Path) -> None:
    fetches = Fetches()
    models = KeeperModels(tmp_path, fetches, retry_s=0.0)
    with anyio.fail_after(LIMIT_S):
        models.want(["a", "b"])
        models.want(["a", "b"])
        assert await fetches.begun.get() == "a"
        assert models.states() == (FarModel("a", False), FarModel("b", False))
        fetches.outcomes.put_nowait(0.5)
        fetches.outcomes.put_nowait(-1.0)
        assert await fetches.begun.get() == "b"
        assert models.states()[0] == FarModel("a", False, 0.5, to_data(TROUBLE))
        fetches.outcomes.put_nowait(None)
        assert await fetches.begun.get() == "a"  # again
        assert models.states()[1] == FarModel("b", True)
        fetches.outcomes.put_nowait(0.75)
        fetches.outcomes.put_nowait(None)
        while not models.states()[0].ready:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)
    assert models.states()[0] == FarModel("a", True, 0.75)
    assert fetches.begun.empty()


async def test_what_is_not_wanted_any_more_is_not_tried_again(tmp_path: Path) -> None:
    fetches = Fetches()
    models = KeeperModels(tmp_path, fetches, retry_s=0.0)
    with anyio.fail_after(LIMIT_S):
        models.want(["a"])
        await fetches.begun.get()
        models.want(["b"])
        fetches.outcomes.put_nowait(-1.0)
        assert await fetches.begun.get() == "b"
    await models.close()
    assert models.states() == (FarModel("b", False),)


async def test_a_process_that_cannot_begin_is_a_trouble_that_the_node_hears_of(tmp_path: Path) -> None:
    begun = 0

    async def no_process(_log_dir: Path, _model: str, _on_fetching: OnFetching) -> None:
        nonlocal begun
        begun += 1
        raise OSError("no space left on the device")

    models = KeeperModels(tmp_path, no_process, retry_s=0.0)
    with anyio.fail_after(LIMIT_S):
        models.want(["a"])
        while begun < 2:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)
    assert models.states() == (FarModel("a", False, trouble=to_data(Foreign("no space left on the device"))),)
    await models.close()
