"""The real program beside a node that really runs, on a chain, in another process."""

from __future__ import annotations

import asyncio
import getpass
import os
import shlex
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from emeth_tui.control.server import serve_control
from emeth_tui.errors import ExitCode
from emeth_tui.model import AskedAt, Asker
from emeth_tui.notices.events.market import ClaimsPaused
from emeth_tui.notices.events.node import ScreenDetached
from emeth_tui.notices.reasons.market import PausedByOperator
from emeth_tui.store.lock import lock_holder
from tests.control.conftest import PID, Place, until
from tests.engine.harness import Harness, RunningNode
from tests.engine.quick_worker import Script
from tests.terminal import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]

SCREEN = AskedAt.ATTACHED_SCREEN
USER = getpass.getuser()


@asynccontextmanager
async def running(network: Harness, place: Place) -> AsyncIterator[RunningNode]:
    """Run a node that stops before its job's first epoch, so that no event scrolls off the screen."""
    script = Script(hold_before_epoch=1)
    async with network.node(script=script) as running, serve_control(place.control_dir, running.node):
        yield running


async def test_two_screens_command_a_node_that_works_and_ends(network: Harness, place: Place) -> None:
    async with running(network, place) as node:
        one, other = place.view(), place.view()
        for terminal in (one, other):
            await asyncio.to_thread(terminal.wait_for, f"attached process {PID}")
        job_id = await network.post()
        await node.event("claimed", job_id)
        await asyncio.to_thread(one.wait_for, "claimed, deposit")
        one.type("P")
        await asyncio.to_thread(one.wait_for, "Without an end")
        one.type("P")
        paused = (await node.event("claims_paused")).body
        await asyncio.to_thread(other.wait_for, "claiming is paused: by ")
        assert paused == ClaimsPaused(PausedByOperator(Asker(SCREEN, one.pid, USER)))
        other.type("q")
        await asyncio.to_thread(other.wait_for, "Leave this screen")
        other.type("l")
        await asyncio.to_thread(other.read_to_end)
        assert f"the node (process {PID}) goes on; `emeth-tui --config " in other.text
        assert other.wait() == 0
        assert (await node.event("screen_detached")).body == ScreenDetached(USER, other.pid)
        one.type("q")
        await asyncio.to_thread(one.wait_for, "Stop the node now")
        one.type("x")
        await node.running
    await asyncio.to_thread(one.read_to_end)
    assert f"the node (process {PID}) has ended: 0 jobs verified" in one.text
    assert one.wait() == 0


async def test_a_read_only_screen_gives_no_command_and_starts_no_node(network: Harness, place: Place) -> None:
    async with running(network, place) as node:
        screen = place.terminal([*place.command, "--read-only"])
        await asyncio.to_thread(screen.wait_for, f"read-only process {PID}")
        screen.type("P")
        await asyncio.to_thread(screen.wait_for, "it was started with --read-only")
        assert node.node.snapshot().claims_paused is None
        screen.type("q")
        assert await asyncio.to_thread(screen.wait) == 0
    late = place.terminal([*place.command, "--read-only"])
    await asyncio.to_thread(late.read_to_end)
    assert "no node runs" in late.text
    assert late.wait() == ExitCode.NOT_RUNNING


async def test_a_view_whose_terminal_goes_away_ends_and_the_node_does_not(
    network: Harness, place: Place
) -> None:
    async with running(network, place) as node:
        view = place.view()
        await asyncio.to_thread(view.wait_for, "attached process")
        view.hang_up()
        await asyncio.to_thread(view.wait)
        await until(lambda: len(node.node._context.events._subscriptions) == 1)  # the harness's own
        assert node.node.snapshot().stopping == ""


async def test_without_a_terminal_the_answer_is_an_error_that_names_the_process(
    network: Harness, place: Place
) -> None:
    async with running(network, place):
        for more in ([], ["--no-ui"]):
            result = await asyncio.to_thread(
                subprocess.run,
                [*place.command, *more],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert result.returncode == ExitCode.ALREADY_RUNNING
            assert f"already running here (process {PID}); at a terminal, `emeth-tui`" in result.stderr


async def test_leaving_gives_the_shell_back_and_coming_back_shows_the_same_node(
    network: Harness, place: Place
) -> None:
    command = shlex.join(place.node)
    terminal = place.terminal(["sh", "-c", f"{command}; echo the shell is back: $?; {command}"])
    await asyncio.to_thread(terminal.wait_for, "1 Workers")
    await until((place.control_dir / "socket").exists)
    node = lock_holder(place.control_dir.parent)
    assert node
    terminal.type("q")
    await asyncio.to_thread(terminal.wait_for, "Leave?")
    terminal.type("l")
    await asyncio.to_thread(terminal.wait_for, f"attached process {node}")
    await asyncio.to_thread(terminal.wait_for, "the node's own screen was left; the node goes on without it")
    told = terminal.output.decode("utf-8", "replace")
    assert f"the node keeps running in the background (process {node}): `emeth-tui --config " in told
    assert "the shell is back: 0" in told
    assert lock_holder(place.control_dir.parent) == node
    assert os.getsid(node) == node
    terminal.type("P")  # the node obeys its new screen as it did its own
    await asyncio.to_thread(terminal.wait_for, "Without an end")
    terminal.type("P")
    await asyncio.to_thread(terminal.wait_for, f"claiming is paused: by {USER} at an attached screen")
    terminal.type("q")
    await asyncio.to_thread(terminal.wait_for, "Stop the node now")
    terminal.type("x")
    await asyncio.to_thread(terminal.wait_for, f"the node (process {node}) has ended")
    assert terminal.wait() == 0
    await until(lambda: lock_holder(place.control_dir.parent) is None)


async def test_a_node_whose_terminal_went_away_is_drained_from_another(
    network: Harness, place: Place
) -> None:
    terminal = place.terminal(place.node)
    await asyncio.to_thread(terminal.wait_for, "1 Workers")
    await until((place.control_dir / "socket").exists)
    terminal.hang_up()
    screen = place.terminal([*place.command, "attach"])
    await asyncio.to_thread(screen.wait_for, "the terminal of the node's own screen is gone")
    await asyncio.to_thread(screen.wait_for, f"{USER} has attached a screen (process {screen.pid})")
    screen.type("q")
    await asyncio.to_thread(screen.wait_for, "Drain the node")
    screen.type("d")
    await asyncio.to_thread(screen.read_to_end)
    assert "has ended: 0 jobs verified" in screen.text
    assert screen.wait() == 0


async def test_a_setting_makes_attached_screens_read_only(
    network: Harness, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMETH_TUI_SCREEN__READ_ONLY", "true")
    async with running(network, place) as node:
        screen = place.view()
        await asyncio.to_thread(screen.wait_for, f"read-only process {PID}")
        screen.type("f")
        await asyncio.to_thread(screen.wait_for, "or `screen.read_only` is set")
        assert node.node.snapshot().claims_paused is None


async def test_attach_needs_a_node_and_a_terminal(network: Harness, place: Place) -> None:
    screen = place.terminal([*place.command, "attach"])
    await asyncio.to_thread(screen.read_to_end)
    assert "no node runs on" in screen.text
    assert screen.wait() == ExitCode.NOT_RUNNING
    for words in (["attach"], ["--read-only", "--no-ui"]):
        result = await asyncio.to_thread(
            subprocess.run,
            [*place.command, *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == ExitCode.USAGE
