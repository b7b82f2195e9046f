"""Slow work beside the loop: what it comes to is heard, and who does not end keeps nobody."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from emeth_tui.process.threads import in_thread

WAIT_S = 60.0  # bounds a hang


async def test_what_slow_work_comes_to_is_heard() -> None:
    assert await in_thread(int, "7") == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await in_thread(int, "x")


async def test_an_error_that_nobody_waits_for_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    outcome = in_thread(int, "s3cret")
    await asyncio.wait({outcome}, timeout=WAIT_S)
    assert outcome.done()
    del outcome
    gc.collect()
    assert caplog.text == ""


def test_work_that_does_not_end_keeps_neither_the_loop_nor_the_process() -> None:
    go_on, before = threading.Event(), set(threading.enumerate())

    async def begin() -> None:
        in_thread(go_on.wait, WAIT_S)

    asyncio.run(begin())

    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    go_on.set()
    thread.join()
