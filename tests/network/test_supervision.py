"""The bots' frame: no error ends one, and a cancellation always does."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import anyio
import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.errors import ChainUnreachable
from emeth_tui.network import supervision
from emeth_tui.notices.reasons.foreign import Foreign


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (ChainUnreachable(Foreign("the chain does not answer")), "the requester: the chain does not answer"),
        (ZeroDivisionError("a fault"), "the requester: broke"),
    ],
)
async def test_a_bot_is_run_again_and_its_trouble_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: Exception, told: str
) -> None:
    monkeypatch.setattr(supervision, "BACKOFF", Backoff(0.0, 30.0))
    runs = 0
    running = asyncio.Event()

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise trouble
        running.set()
        await anyio.sleep_forever()

    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(supervision.supervise("the requester", run))
        await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [record.getMessage() for record in caplog.records] == [told, told]


async def test_a_bot_pauses_longer_after_each_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 7:
            raise asyncio.CancelledError

    async def run() -> None:
        raise ChainUnreachable(Foreign("the chain does not answer"))

    monkeypatch.setattr(supervision, "asyncio", SimpleNamespace(sleep=note))
    with pytest.raises(asyncio.CancelledError):
        await supervision.supervise("the requester", run)

    assert pauses == [1, 2, 4, 8, 16, 30, 30]
