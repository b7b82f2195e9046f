"""`emeth-tui attach HOST`: the real program over a real sshd to a real node, and what goes wrong."""

from __future__ import annotations

import asyncio
import getpass
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emeth_tui.control import client
from emeth_tui.control.client import RemoteNode
from emeth_tui.control.ssh import LineDropped, SshLine
from emeth_tui.errors import ControlError, ExitCode, NotRunning, SshError
from emeth_tui.model import AskedAt, token_to_wei
from emeth_tui.notices.events.job import Declined
from emeth_tui.notices.events.market import ClaimsPaused
from emeth_tui.notices.events.node import ScreenAttached
from emeth_tui.notices.reasons.market import PausedByOperator
from emeth_tui.transport.ssh import OPTIONS
from tests.control.conftest import PID, Attached, Place, ShownNode, until
from tests.control.sshd import PASSPHRASE, Sshd
from tests.control.test_attach import running
from tests.engine.harness import Harness
from tests.terminal import ROOT, Terminal
from tests.tui.stand_in import TRAINING_ID

pytestmark = pytest.mark.process


def attach(place: Place, sshd: Sshd, ssh: str) -> Terminal:
    far = shlex.join(["env", f"PYTHONPATH={ROOT}", *place.command])
    words = [sys.executable, "-m", "emeth_tui", "--lang", "en", "attach", sshd.destination]
    return place.terminal([*words, "--ssh", ssh, "--remote-command", far])


@pytest.mark.slow
async def test_it_commands_the_node_there_and_a_dropped_line_is_made_anew(
    network: Harness, place: Place, sshd: Sshd
) -> None:
    async with running(network, place) as node:
        screen = attach(place, sshd, sshd.ssh())
        await asyncio.to_thread(screen.wait_for, f"attached 127.0.0.1:{sshd.port} · process {PID}")
        job_id = await network.post(fee_emt=20)
        await asyncio.to_thread(screen.wait_for, "claimed, deposit")
        screen.type("D")
        await asyncio.to_thread(screen.wait_for, "4.00 EMT, 20 %")
        screen.type("y")
        assert (await node.event("declined", job_id)).body == Declined(token_to_wei(4))
        screen.type("P")
        await asyncio.to_thread(screen.wait_for, "Without an end")
        screen.type("P")
        body = (await node.event("claims_paused")).body
        assert isinstance(body, ClaimsPaused)
        assert isinstance(body.reason, PausedByOperator)
        asker = body.reason.by
        assert (asker.place, asker.user) == (AskedAt.ATTACHED_SCREEN, getpass.getuser())
        assert asker.pid not in {None, PID, screen.pid}

        (ssh,) = children(screen.pid)
        os.kill(ssh, signal.SIGKILL)
        await node.event("screen_detached")
        again = (await node.event("screen_attached")).body
        assert isinstance(again, ScreenAttached)
        await asyncio.to_thread(screen.wait_for, f"attached a screen (process {again.pid})")
        screen.type("P")
        await node.event("claims_resumed")
        screen.type("q")
        await asyncio.to_thread(screen.wait_for, "Leave this screen")
        screen.type("l")
        await asyncio.to_thread(screen.read_to_end)
        assert f"the node (process {PID} on 127.0.0.1:{sshd.port}) goes on" in screen.text
        assert screen.wait() == 0
        await node.event("screen_detached")


@pytest.mark.slow
async def test_what_ssh_asks_it_asks_before_the_screen(network: Harness, place: Place, sshd: Sshd) -> None:
    async with running(network, place) as node:
        screen = attach(place, sshd, sshd.ssh(key="locked"))
        await asyncio.to_thread(screen.wait_for, "Enter passphrase for key")
        assert "1 Workers" not in screen.text
        screen.type(PASSPHRASE + "\r")
        await asyncio.to_thread(screen.wait_for, f"attached 127.0.0.1:{sshd.port} · process {PID}")
        screen.type("q")
        await asyncio.to_thread(screen.wait_for, "Stop the node now")
        screen.type("x")
        await node.running
    await asyncio.to_thread(screen.read_to_end)
    assert "has ended: 0 jobs verified" in screen.text
    assert screen.wait() == 0


@pytest.mark.slow
async def test_what_keeps_it_out_is_one_clear_line(network: Harness, place: Place, sshd: Sshd) -> None:
    for ssh, reason in (
        (sshd.ssh(hosts="wrong_hosts"), "Host key verification failed."),
        (sshd.ssh(key="stranger"), "Permission denied (publickey)."),
    ):
        screen = attach(place, sshd, ssh)
        await asyncio.to_thread(screen.read_to_end)
        said = f"emeth-tui: error: 127.0.0.1:{sshd.port} cannot be reached over ssh: "
        assert unspaced(screen.text).startswith(unspaced(said))
        assert unspaced(screen.text).endswith(unspaced(reason))
        assert screen.wait() == ExitCode.SSH
    screen = attach(place, sshd, sshd.ssh())
    await asyncio.to_thread(screen.read_to_end)
    assert unspaced(f"127.0.0.1:{sshd.port}: no node runs on") in unspaced(screen.text)
    assert screen.wait() == ExitCode.NOT_RUNNING


def unspaced(text: str) -> str:
    """A line that may be broken anywhere."""
    return "".join(text.split())


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid=,comm="], capture_output=True, check=True)
    return [int(line.split()[0]) for line in listed.stdout.decode().splitlines() if line.split()[1] == "ssh"]


# -- without sshd: a program in its place that calls the far end on this machine


FAR_END = """
import sys
from pathlib import Path
from emeth_tui.control.relay import relay
relay(Path(sys.argv[1]))
"""


@pytest.fixture
def line(served: Path, tmp_path: Path) -> SshLine:
    """A line through a program that takes ssh's place; it fails as ssh does while there is a file `down`."""
    (tmp_path / "far_end.py").write_text(FAR_END)
    program = tmp_path / "ssh.sh"
    program.write_text(
        f"if [ -e {tmp_path}/down ]; then echo a banner >&2; echo 'connect: refused' >&2; exit 255; fi\n"
        f'echo "$@" >>{tmp_path}/called\n'
        f"export PYTHONPATH={ROOT}\n"
        f"exec {shlex.quote(sys.executable)} {tmp_path}/far_end.py {served}\n"
    )
    return SshLine("me@farm", ("sh", str(program)), "emeth-tui --network devnet")


@pytest.mark.slow
async def test_a_line_gives_commands_and_asks_nothing_when_it_is_made_anew(
    shown: ShownNode, line: SshLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRY_S", 0.01)
    remote = RemoteNode(line.again, lambda: 0, line.host)
    await remote.open(line.first)
    view = Attached(remote)
    await view.until_shown()
    assert (remote.attached_to.pid, remote.attached_to.host) == (os.getpid(), "farm")
    await remote.pause_job(TRAINING_ID)
    assert shown.calls == [("pause_job", TRAINING_ID)]

    assert remote._connection is not None
    remote._connection._writer.close()  # as when ssh dies
    await until(lambda: len(shown.screens) == 3)  # here, gone, here
    view.following.cancel()
    await asyncio.wait({view.following})
    await until(lambda: len(shown.screens) == 4)
    first, again = (tmp_path / "called").read_text().splitlines()
    assert first.endswith("-- me@farm emeth-tui --network devnet relay")
    assert "BatchMode" not in first
    assert "BatchMode=yes" in again


@pytest.mark.slow
async def test_a_line_that_cannot_be_made_anew_ends_with_sshs_reason(
    shown: ShownNode, line: SshLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRY_S", 0.01)
    monkeypatch.setattr(client, "GIVE_UP_S", 0.05)
    remote = RemoteNode(line.again, lambda: 0, line.host)
    await remote.open(line.first)
    view = Attached(remote)
    await view.until_shown()
    (tmp_path / "down").touch()
    assert remote._connection is not None
    remote._connection._writer.close()
    with pytest.raises(
        ControlError, match=r"does not answer: farm cannot be reached over ssh: connect: refused"
    ):
        await view.ending()


@pytest.mark.slow
async def test_a_login_that_is_refused_in_the_middle_is_not_tried_again(
    shown: ShownNode, line: SshLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRY_S", 0.01)
    remote = RemoteNode(line.again, lambda: 0, line.host)
    await remote.open(line.first)
    view = Attached(remote)
    await view.until_shown()
    (tmp_path / "ssh.sh").write_text(
        f"echo x >>{tmp_path}/tries; echo 'me@farm: Permission denied (publickey).' >&2; exit 255"
    )
    assert remote._connection is not None
    remote._connection._writer.close()
    with pytest.raises(SshError, match=r"farm cannot be reached over ssh: me@farm: Permission denied"):
        await view.ending()
    assert (tmp_path / "tries").read_text() == "x\n"


async def test_a_first_line_that_fails_is_sshs_reason(line: SshLine, tmp_path: Path) -> None:
    (tmp_path / "down").touch()
    with pytest.raises(LineDropped, match=r"^farm cannot be reached over ssh: connect: refused$"):
        await RemoteNode(line.again, lambda: 0).open(line.first)


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        (
            "echo 'sh: 1: emeth-tui: not found' >&2; exit 127",
            ControlError,
            "farm: emeth-tui is not found there",
        ),
        (
            "echo 'emeth-tui: error: no node runs on /x' >&2; exit 22",
            NotRunning,
            "^on farm: no node runs on /x$",
        ),
        ("exit 3", ControlError, "^on farm: exit status 3$"),
        ("echo Welcome to this machine; cat", ControlError, "does not speak JSON"),
    ],
)
async def test_what_the_far_end_says_is_passed_on(
    tmp_path: Path, script: str, error: type[Exception], said: str
) -> None:
    (tmp_path / "ssh.sh").write_text(script)
    line = SshLine("farm", ("sh", str(tmp_path / "ssh.sh")))
    with pytest.raises(error, match=said):
        await RemoteNode(line.again, lambda: 0).open(line.first)


async def test_a_machine_without_ssh_is_told_so(tmp_path: Path) -> None:
    line = SshLine("farm", (str(tmp_path / "nothing"),))
    with pytest.raises(SshError, match="nothing cannot be run: No such file"):
        await RemoteNode(line.again, lambda: 0).open(line.first)


@pytest.mark.parametrize("name", ["-oProxyCommand=evil", "a b", "", "a\nb"])
def test_a_destination_that_ssh_would_misread_is_refused(name: str) -> None:
    with pytest.raises(SshError, match="expected"):
        SshLine(name).check()


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("farm", "farm"),
        ("me@farm", "farm"),
        ("ssh://me@10.0.0.7:2222", "10.0.0.7:2222"),
        ("ssh://farm", "farm"),
    ],
)
def test_destinations_and_the_names_of_their_machines(name: str, host: str) -> None:
    line = SshLine(name)
    line.check()
    assert line.host == host


@pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh")
def test_neither_agent_nor_display_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("ForwardAgent yes\nForwardX11 yes\nLocalForward 8080 other:80\n")
    words = ("ssh", "-F", str(tmp_path / "config"), *OPTIONS, "-G", "farm")
    settings = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    assert {"forwardagent no", "forwardx11 no", "clearallforwardings yes"} <= set(settings)
