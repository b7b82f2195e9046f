"""`emeth-tui hosts`: the real program, with a host that it can reach, and with some that it cannot."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode, HostError
from emeth_tui.hosts.node.book import Book, Host, read_book
from emeth_tui.notices.reasons.network.host import NotAHostName
from tests.end_to_end.programs import environment
from tests.hosts.far import FarHost

pytestmark = pytest.mark.process


class Here:
    """The node's machine."""

    def __init__(self, directory: Path) -> None:
        self._home = directory / "here"
        self.state_dir = directory / "state" / "devnet"

    def hosts(self, *words: str) -> subprocess.CompletedProcess[str]:
        options = ["--network", "devnet", "--lang", "en", "--state-dir", str(self.state_dir.parent)]
        return subprocess.run(
            [sys.executable, "-m", "emeth_tui", *options, "hosts", *words],
            env=environment(self._home),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def listed(self) -> list[dict[str, object]]:
        listed: list[dict[str, object]] = json.loads(self.hosts("--json").stdout)
        return listed


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


@pytest.mark.slow
def test_a_host_is_added_drained_and_removed(here: Here, far: FarHost) -> None:
    entry = far.entry()
    reach = ["--ssh-command", shlex.join(entry.ssh), "--remote-command", entry.remote_command]
    added = here.hosts("add", "b", "--ssh", "you@b", *reach)
    assert (added.returncode, added.stdout) == (0, "host b is added; a running node uses it within seconds\n")
    assert added.stderr.startswith("found: cpu, ")
    book = here.state_dir / "hosts.json"
    assert stat.S_IMODE(book.stat().st_mode) == 0o600
    assert (far.home / ".cache/emeth-tui/hosts" / read_book(here.state_dir).node).is_dir()

    (listed,) = here.listed()
    assert (listed["name"], listed["destination"], listed["draining"]) == ("b", "you@b", False)
    again = here.hosts("add", "b", "--ssh", "you@b", "--no-check")
    assert (again.returncode, again.stderr) == (ExitCode.SSH, "emeth-tui: error: there is a host b already\n")
    assert here.hosts("drain", "b").returncode == 0
    assert here.listed()[0]["draining"] is True
    assert here.hosts("drain", "b", "--undo").returncode == 0
    assert here.listed()[0]["draining"] is False
    assert here.hosts("remove", "b").returncode == 0
    assert here.listed() == []
    assert "there is no host b" in here.hosts("remove", "b").stderr


@pytest.mark.slow
def test_a_host_that_is_not_reached_is_not_added(here: Here, far: FarHost) -> None:
    far.gone.touch()
    entry = far.entry()
    failed = here.hosts("add", "b", "--ssh", "you@b", "--ssh-command", shlex.join(entry.ssh))
    assert failed.returncode == ExitCode.SSH
    assert "No route to host" in failed.stderr
    assert here.listed() == []


@pytest.mark.parametrize("name", ["../b", "B", "b c", "", "-b", "b" * 25, "b\n"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(HostError) as refused:
        Book("0" * 16).with_host(Host(name, "you@b"))
    assert refused.value.reason == NotAHostName(name)


@pytest.mark.slow
def test_a_destination_that_ssh_takes_for_an_option_is_refused(here: Here) -> None:
    refused = here.hosts("add", "b", "--ssh=-oProxyCommand=touch x")
    assert refused.returncode == ExitCode.SSH
    assert here.listed() == []


@pytest.mark.slow
def test_a_file_of_hosts_that_is_none_is_said(here: Here) -> None:
    here.state_dir.mkdir(parents=True)
    (here.state_dir / "hosts.json").write_text('{"node": "../../x", "hosts": []}')
    failed = here.hosts()
    assert failed.returncode == ExitCode.SSH
    assert "hosts.json cannot be used" in failed.stderr
