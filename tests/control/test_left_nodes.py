"""Nodes without their own screen: each is commanded from a shell, from a screen here, and from one over ssh.

The nodes are the real program, which trains: one that was left, one without a screen, one whose ssh was cut.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from emeth_tui.control.connection import ConnectionBroken, connect
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.model import AskedAt, JobId, JobState, token_to_wei
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store.lock import lock_holder
from tests.cli.commands.world import LIFETIME_S, run_program
from tests.control.conftest import Place
from tests.control.sshd import Sshd
from tests.engine.harness import Harness, blocks_coming
from tests.forked.holding import hold_at
from tests.terminal import ROOT, Terminal

pytestmark = [pytest.mark.process, pytest.mark.slow]

FEE_EMT = 20
LIMIT_S = 120.0
COST = re.compile(r"declining costs +([\d.,]+) EMT")


# -- how the nodes came to be without a screen


async def left(place: Place, _sshd: Sshd) -> None:
    """Start a node with a screen from a shell, and leave it by `q` `l`."""
    command = shlex.join(place.node)
    terminal = place.terminal(["sh", "-c", f"{command}; exit $?"])
    await asyncio.to_thread(terminal.wait_for, "1 Workers")
    terminal.type("q")
    await asyncio.to_thread(terminal.wait_for, "Leave?")
    terminal.type("l")
    await asyncio.to_thread(terminal.read_to_end)
    assert terminal.wait() == 0


async def headless(place: Place, _sshd: Sshd) -> asyncio.subprocess.Process:
    """Start a node without a screen: by the user's systemd where there is one, else in the background."""
    command = [*place.node, "--no-ui"]
    if await _has_systemd():
        command = ["systemd-run", "--user", "--scope", "--collect", "--quiet", *command]
    nowhere = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=nowhere, stdout=nowhere, start_new_session=True
    )


async def _has_systemd() -> bool:
    if not (shutil.which("systemd-run") and shutil.which("systemctl")):
        return False
    nowhere = asyncio.subprocess.DEVNULL
    asking = await asyncio.create_subprocess_exec(
        "systemctl", "--user", "show-environment", stdout=nowhere, stderr=nowhere
    )
    return await asking.wait() == 0


async def cut(place: Place, sshd: Sshd) -> None:
    """Start a node with a screen over ssh, and cut the line."""
    far = shlex.join(["env", f"PYTHONPATH={ROOT}", *place.node])
    terminal = place.terminal([*shlex.split(sshd.ssh()), "-tt", sshd.destination, far])
    await asyncio.to_thread(terminal.wait_for, "1 Workers")
    terminal.process.send_signal(signal.SIGKILL)
    terminal.wait()


# -- who commands them


class Shell:
    """Another shell."""

    def __init__(self, place: Place) -> None:
        self._command = place.command

    async def _run(self, *words: str) -> str:
        result = await asyncio.to_thread(run_program, [*self._command, *words])
        assert result.returncode == 0, result.stderr
        return result.stderr

    async def pause(self, job_id: JobId) -> None:
        await self._run("pause", job_id)

    async def resume(self, job_id: JobId) -> None:
        await self._run("resume", job_id)

    async def decline(self, job_id: JobId) -> str:
        """Decline a job; return what is said of its cost."""
        return await self._run("decline", job_id, "--yes")

    async def drain(self) -> None:
        await self._run("stop", "--drain")

    async def stop(self) -> None:
        await self._run("stop")


class AttachedScreen:
    """A screen on the node, here or over ssh."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    async def _shows(self, text: str) -> str:
        return await asyncio.to_thread(self._terminal.wait_for, text)

    async def pause(self, _job_id: JobId) -> None:
        await self._shows("training")
        self._terminal.type("p")
        await self._shows("Without an end")
        self._terminal.type("p")
        await self._shows("‖ paused")

    async def resume(self, _job_id: JobId) -> None:
        self._terminal.type("p")
        await asyncio.to_thread(self._terminal.wait_until_gone, "‖ paused")

    async def decline(self, _job_id: JobId) -> str:
        self._terminal.type("D")
        question = await self._shows("Yes, decline")
        self._terminal.type("y")
        await self._shows("is declined")
        return " ".join(question.replace("│", " ").split())

    async def drain(self) -> None:
        self._terminal.type("q")
        await self._shows("Drain the node")
        self._terminal.type("d")

    async def stop(self) -> None:
        self._terminal.type("q")
        await self._shows("Stop the node now")
        self._terminal.type("x")
        await asyncio.to_thread(self._terminal.read_to_end)
        code = await asyncio.to_thread(self._terminal.wait)
        assert "has ended" in self._terminal.text, code


Actor = Shell | AttachedScreen
Begin = Callable[[Place, Sshd], Awaitable[asyncio.subprocess.Process | None]]
Come = Callable[[Place, Sshd], Awaitable[Actor]]


async def at_a_shell(place: Place, _sshd: Sshd) -> Actor:
    return Shell(place)


async def at_a_screen(place: Place, _sshd: Sshd) -> Actor:
    terminal = place.terminal([*place.command, "attach"])
    await asyncio.to_thread(terminal.wait_for, "attached process")
    return AttachedScreen(terminal)


async def over_ssh(place: Place, sshd: Sshd) -> Actor:
    far = shlex.join(["env", f"PYTHONPATH={ROOT}", *place.command])
    words = [sys.executable, "-m", "emeth_tui", "--lang", "en", "attach", sshd.destination]
    terminal = place.terminal([*words, "--ssh", sshd.ssh(), "--remote-command", far])
    await asyncio.to_thread(terminal.wait_for, "attached 127.0.0.1")
    return AttachedScreen(terminal)


# -- what they do


async def comes_true(condition: Callable[[], bool]) -> None:
    """Wait as long as a loaded machine takes to start or end a node."""
    with anyio.fail_after(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.1)


async def shows(place: Place, what: Callable[[Snapshot], bool]) -> None:
    """Wait until the node's picture of itself satisfies a condition."""
    with anyio.fail_after(LIMIT_S):
        while True:
            try:
                async with connect(place.control_dir, AskedAt.COMMAND_LINE) as line:
                    while not what(await line.ask("snapshot")):  # noqa: ASYNC110 - nobody tells of it
                        await asyncio.sleep(0.1)
                    return
            except ConnectionBroken:
                await asyncio.sleep(0.1)  # it is starting


async def in_training(network: Harness, place: Place) -> JobId:
    hold_at(place.home, 1)  # training must not end by itself
    job_id = await network.post(fee_emt=FEE_EMT, lifetime_s=LIFETIME_S)
    await shows(
        place, lambda now: any(job.job_id == job_id and job.state is JobState.TRAINING for job in now.jobs)
    )
    return job_id


async def pauses_resumes_and_declines(network: Harness, place: Place, actor: Actor) -> None:
    before_wei = await network.emt_wei()
    job_id = await in_training(network, place)
    await actor.pause(job_id)
    await shows(place, lambda now: [job.paused for job in now.jobs if job.job_id == job_id] == [True])
    await actor.resume(job_id)
    await shows(place, lambda now: [job.paused for job in now.jobs if job.job_id == job_id] == [False])
    said = await actor.decline(job_id)
    shown = COST.search(said)
    assert shown, said
    assert (await network.job(job_id)).status is JobStatus.DECLINED
    assert before_wei - await network.emt_wei() == token_to_wei(shown[1].replace(",", "")) == token_to_wei(4)
    await shows(place, lambda now: job_id not in {job.job_id for job in now.jobs})


@asynccontextmanager
async def node_without_screen(place: Place, sshd: Sshd, begin: Begin) -> AsyncIterator[int]:
    process = await begin(place, sshd)
    await comes_true((place.control_dir / "socket").exists)
    pid = lock_holder(place.control_dir.parent)
    assert pid
    assert pid != os.getpid()
    yield pid
    if process is not None:
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("begin", "drains", "stops"),
    [(left, at_a_shell, at_a_screen), (headless, at_a_screen, over_ssh), (cut, over_ssh, at_a_shell)],
    ids=["left", "headless", "cut"],
)
async def test_a_node_without_its_screen_obeys_everybody(
    network: Harness, place: Place, sshd: Sshd, begin: Begin, drains: Come, stops: Come
) -> None:
    async with blocks_coming(network), node_without_screen(place, sshd, begin) as pid:
        actors: dict[Come, Actor] = {}
        for come in (at_a_shell, at_a_screen, over_ssh):
            actors[come] = await come(place, sshd)
            await pauses_resumes_and_declines(network, place, actors[come])
        assert lock_holder(place.control_dir.parent) == pid

        await in_training(network, place)
        await actors[drains].drain()
        await shows(place, lambda now: now.stopping == "draining")
        await actors[stops].stop()
        await comes_true(lambda: lock_holder(place.control_dir.parent) is None)
