"""The process that starts ssh for a confined link: one command, one at a time, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from emeth_tui.hosts.link import starter
from emeth_tui.hosts.link.started_ssh import SshStarter, StarterGone
from emeth_tui.hosts.link.starter import END, START
from tests.hosts.far import NODE
from tests.terminal import ROOT

pytestmark = pytest.mark.process
LIMIT_S = 60.0
SERVE = """
import sys, socket
from emeth_tui.hosts.link import starter
starter.END_LIMIT_S = float(sys.argv[1])
link = socket.socket(fileno=int(sys.argv[2]))
link.set_inheritable(False)
starter._be_starter(link, sys.argv[3:])
"""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the end of what ends by itself however long it takes."""
    monkeypatch.setattr("emeth_tui.hosts.link.started_ssh.END_LIMIT_S", LIMIT_S)


@contextlib.contextmanager
def served(*words: str, end_limit_s: float = 1000.0) -> Iterator[tuple[socket.socket, int]]:
    """A starter of this command, as a process of its own: its socket, and a descriptor of its process."""
    near, far = socket.socketpair()
    with near, far:
        started = [sys.executable, "-c", SERVE, str(end_limit_s), str(far.fileno()), *words]
        process = subprocess.Popen(started, cwd=ROOT, pass_fds=[far.fileno()])
        far.close()
        descriptor = os.pidfd_open(process.pid)
        try:
            yield near, descriptor
            near.close()
            assert process.wait(LIMIT_S) == 0
        finally:
            os.close(descriptor)
            process.kill()
            process.wait()


def shell(script: str) -> Sequence[str]:
    return "sh", "-c", script


def has_ended(descriptor: int) -> bool:
    """Wait until the process of a descriptor has ended."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(LIMIT_S * 1000))


async def test_what_ssh_says_and_how_it_ends_is_heard() -> None:
    with served(*shell("read line; echo \"$line\"; echo 'ssh: no way' >&2; exit 255")) as (near, _process):
        ssh_starter = SshStarter(near)
        for _time in range(2):  # one after another
            async with ssh_starter.run_ssh(1_000) as ssh:
                reader, writer = ssh.streams
                writer.write(b"hello\n")
                assert await asyncio.wait_for(reader.read(), LIMIT_S) == b"hello\n"
                assert await ssh.end() == (255, "ssh: no way")


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 127", 127), ("kill -KILL $$", -signal.SIGKILL)]
)
async def test_an_exit_status_is_that_of_the_command(script: str, status: int) -> None:
    with served(*shell(script)) as (near, _process):
        async with SshStarter(near).run_ssh(1_000) as ssh:
            assert await ssh.end() == (status, "")


async def test_ssh_gets_its_three_streams_and_signals_as_any_program() -> None:
    with served(*shell("ls /proc/$$/fd; grep SigIgn /proc/$$/status")) as (near, _process):
        async with SshStarter(near).run_ssh(1_000) as ssh:
            *descriptors, ignored = (await asyncio.wait_for(ssh.streams[0].read(), LIMIT_S)).split()
    assert descriptors == [b"0", b"1", b"2", b"SigIgn:"]
    assert not int(ignored, 16) & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1))


@pytest.mark.parametrize(("name", "error"), [("no-such-ssh", FileNotFoundError), ("/", PermissionError)])
async def test_a_command_that_does_not_start_says_why(name: str, error: type[OSError]) -> None:
    with served(name) as (near, _process):
        with pytest.raises(error) as failed:
            await SshStarter(near).run_ssh(1_000).__aenter__()
        assert failed.value.strerror


async def test_ssh_that_goes_on_has_no_exit_status_and_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emeth_tui.hosts.link.started_ssh.END_LIMIT_S", 0.01)
    with served(*shell("echo $$; exec sleep 1000")) as (near, _process):
        async with running(near) as (pid, ssh_starter, ssh):
            assert await ssh.end() == (None, "")
        assert has_ended(pid)
        async with running(near, ssh_starter) as (second, _starter, _ssh):
            pass
        assert has_ended(second)


async def test_ssh_that_does_not_end_when_asked_is_killed() -> None:
    with served(*shell("trap '' TERM; echo $$; exec sleep 1000"), end_limit_s=0.01) as (near, _):
        async with running(near) as (pid, _starter, _ssh):
            pass
        assert has_ended(pid)


async def test_a_link_that_breaks_the_rules_loses_its_ssh_and_its_starter() -> None:
    with served(*shell("echo $$; exec sleep 1000")) as (near, process):
        async with running(near) as (pid, ssh_starter, _ssh):
            near.send(b"x")
            assert has_ended(pid)
            assert has_ended(process)
        with pytest.raises(StarterGone):
            await ssh_starter.run_ssh(1_000).__aenter__()


@pytest.mark.parametrize("asked", [START, b"x", START + START])
def test_what_is_no_request_ends_the_starter(asked: bytes) -> None:
    with served("true") as (near, process):
        near.send(asked)
        assert has_ended(process)


def test_an_end_that_comes_too_late_ends_nothing() -> None:
    with served("true") as (near, _process):
        near.send(END + END)
        pipes = [os.pipe() for _stream in range(3)]
        socket.send_fds(near, [START], [each[0] for each in pipes])
        near.settimeout(LIMIT_S)
        assert starter.ANSWER.unpack(near.recv(starter.ANSWER.size)) == (starter.STARTED, 0)
        assert starter.ANSWER.unpack(near.recv(starter.ANSWER.size)) == (starter.ENDED, 0)
        for each in pipes:
            os.close(each[0])
            os.close(each[1])


async def test_a_link_hears_that_its_starter_has_gone() -> None:
    near, far = socket.socketpair()
    far.close()
    with near, pytest.raises(StarterGone):
        await SshStarter(near).run_ssh(1_000).__aenter__()


FORKS = """
import os, socket, sys
from emeth_tui.hosts.link.starter import ANSWER, START, fork_starter
near = fork_starter(["true"])
null = os.open(os.devnull, os.O_RDWR)
socket.send_fds(near, [START], [null] * 3)
near.recv(ANSWER.size)  # it is at work
print("at work", flush=True)
sys.stdin.read()
"""


def test_a_starter_holds_none_of_its_links_pipes_open() -> None:
    words = [sys.executable, "-c", FORKS]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"at work\n"
        (child,) = children_of(process.pid)
        with open_process(child) as forked:
            os.kill(child, signal.SIGSTOP)  # it cannot have ended
            process.kill()
            assert process.stdout.read() == b""
            os.kill(child, signal.SIGCONT)
            assert has_ended(forked)


def test_a_link_that_is_killed_leaves_neither_its_starter_nor_ssh(tmp_path: Path) -> None:
    script = f"echo $$ > '{tmp_path / 'pid'}'; echo > '{tmp_path / 'started'}'; exec sleep 1000"
    os.mkfifo(tmp_path / "started")
    words = [sys.executable, "-m", "emeth_tui.hosts.link.process"]
    words += ["you@b", "emeth-tui", NODE, str(tmp_path / "jobs"), *shell(script), "ssh"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, start_new_session=True) as link:
        try:
            (tmp_path / "started").read_text()
            (forked,) = children_of(link.pid)
            ssh_pid = int((tmp_path / "pid").read_text())
            assert children_of(forked) == [ssh_pid]
            with open_process(forked) as starter_process, open_process(ssh_pid) as ssh:
                link.kill()
                assert has_ended(ssh)
                assert has_ended(starter_process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(link.pid, signal.SIGKILL)


@asynccontextmanager
async def running(
    near: socket.socket, ssh_starter: SshStarter | None = None
) -> AsyncIterator[tuple[int, SshStarter, object]]:
    """An ssh that says what its process is: a descriptor of that, what started it, and itself."""
    ssh_starter = ssh_starter or SshStarter(near)
    async with ssh_starter.run_ssh(1_000) as ssh:
        descriptor = os.pidfd_open(int(await asyncio.wait_for(ssh.streams[0].readline(), LIMIT_S)))
        yield descriptor, ssh_starter, ssh


@contextlib.contextmanager
def open_process(pid: int) -> Iterator[int]:
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
