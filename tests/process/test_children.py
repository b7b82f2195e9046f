"""Children and clean-up under cancellation, by asyncio once and by anyio again and again."""

from __future__ import annotations

import asyncio
import gc
import select
import sys
from typing import Any

import anyio
import pytest

from emeth_tui.process.children import end_child, start_child
from emeth_tui.process.finishing import seen_through

PIPE = asyncio.subprocess.PIPE


async def begun_and_cancelled(scope: anyio.CancelScope, ended: asyncio.Event) -> None:
    """Cancel this task while an end is under way that takes some turns of the loop."""

    async def end() -> None:
        scope.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        ended.set()

    await seen_through(end())
    assert ended.is_set()
    await anyio.sleep_forever()


async def test_an_end_comes_though_a_scope_cancels_again_and_again() -> None:
    ended = asyncio.Event()
    with anyio.CancelScope() as scope:
        await begun_and_cancelled(scope, ended)
    assert scope.cancelled_caught
    assert ended.is_set()


async def test_an_end_comes_though_its_task_is_cancelled_twice() -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def end() -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    ending = asyncio.create_task(seen_through(end()))
    await begun.wait()
    for _ in range(2):
        ending.cancel()
        await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert ended.is_set()


async def test_what_it_returns_is_returned_and_what_it_raises_raised() -> None:
    async def give(value: int) -> int:
        if not value:
            raise ValueError("nothing")
        return value

    assert await seen_through(give(3)) == 3
    with pytest.raises(ValueError, match="nothing"):
        await seen_through(give(0))


@pytest.mark.process
async def test_a_child_has_ended_when_a_cancelled_task_has() -> None:
    processes = []

    async def keep() -> None:
        process = await start_child("sleep", "1000", stdin=PIPE, stdout=PIPE)
        processes.append(process)
        try:
            scope.cancel()
            await anyio.sleep_forever()
        finally:
            await end_child(process, patience_s=0.01)

    with anyio.CancelScope() as scope:
        await keep()
    (process,) = processes
    assert process.returncode == -9


@pytest.mark.process
async def test_what_is_written_to_a_child_that_has_just_died_leaves_no_traceback() -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
    process = await start_child("sleep", "1000", stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    process.kill()
    broken = select.poll()
    broken.register(process.stdin.get_extra_info("pipe"), 0)
    broken.poll()  # blocks: the loop shall not see it before the write
    process.stdin.write(b"anyone there?")
    await end_child(process)
    del process
    gc.collect()
    assert not reports


@pytest.mark.process
async def test_a_child_that_starts_though_a_scope_is_cancelled_can_be_ended() -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        process = await start_child(sys.executable, "-c", "input()", stdin=PIPE, stdout=PIPE)
        try:
            await anyio.sleep_forever()
        finally:
            await end_child(process)
    assert scope.cancelled_caught
    assert process.returncode is not None


@pytest.mark.process
async def test_a_child_that_starts_while_its_task_is_cancelled_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = asyncio.create_subprocess_exec
    processes: list[asyncio.subprocess.Process] = []

    async def create_slowly(*words: str, **options: Any) -> asyncio.subprocess.Process:
        starting.cancel()
        await asyncio.sleep(0)
        processes.append(await create(*words, **options))
        return processes[0]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", create_slowly)
    starting = asyncio.create_task(start_child("sleep", "1000", stdin=PIPE, stdout=PIPE))
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert [process.returncode for process in processes] == [-9]
