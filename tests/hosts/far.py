"""Another machine, as far as the program can see: a HOME of its own, reached by what stands in for ssh."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.hosts.node.book import Book, Host, write_book
from emeth_tui.hosts.node.connection import HostConnection
from tests.forked.holding import go_on, hold_at
from tests.forked.program import server_address
from tests.terminal import ROOT

SITE = Path(__file__).parent / "site"
NODE = "5d3c9a0b1f2e4d77"
LIMIT_S = 120.0  # bounds a hang
# What follows `--` is a destination and a command, which runs here, unless a file says that the host is gone.
STAND_IN = """
if [ -e "$1" ]; then echo "ssh: connect to host b port 22: No route to host" >&2; exit 255; fi
while [ "$1" != -- ]; do shift; done; shift 2; exec sh -c "$*"
"""


@asynccontextmanager
async def run_connection(connection: HostConnection) -> AsyncIterator[None]:
    """Keep a node's connection to a host going."""
    running = asyncio.create_task(connection.run())
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@dataclass(frozen=True)
class FarHost:
    """A host `b` in a directory."""

    home: Path

    @classmethod
    def make(cls, home: Path) -> FarHost:
        """Make the host's directory, and have its workers forked from this process's server."""
        home.mkdir()
        host = cls(home)
        host.fork_server.write_text(server_address())
        return host

    @property
    def fork_server(self) -> Path:
        """Names the tests' server; without it a keeper has workers forked as it does for its owner."""
        return self.home / "fork-server"

    @property
    def remote_command(self) -> str:
        """How emeth-tui is called there."""
        path = os.pathsep.join((str(SITE), str(ROOT)))
        words = ["env", f"HOME={self.home}", f"PYTHONPATH={path}", "OMP_NUM_THREADS=1"]
        cleared = [word for name in os.environ if name.startswith(("XDG_", "EMETH")) for word in ("-u", name)]
        return shlex.join([words[0], *cleared, *words[1:], sys.executable, "-m", "emeth_tui"])

    def entry(self, *ssh: str, destination: str = "somebody@b") -> Host:
        """Return the host as its owner adds it; without `ssh`, by what stands in for it."""
        return Host(
            "b", destination, ssh or ("sh", "-c", STAND_IN, "ssh", str(self.gone)), self.remote_command
        )

    @property
    def gone(self) -> Path:
        """The file that says that the host is not there."""
        return self.home / "gone"

    def cut_off(self) -> None:
        """Cut the host off; what runs there goes on."""
        self.gone.touch()
        for pid in self.pids("stdio"):
            os.kill(pid, signal.SIGKILL)

    def hold_at(self, epoch: int) -> None:
        """Have what trains there wait once it has reported `epoch`, or a later one."""
        hold_at(self.home, epoch)

    def go_on(self) -> None:
        """Let it train to the end."""
        go_on(self.home)

    @property
    def kept(self) -> Path:
        """Where the keeper keeps what it owns."""
        return self.home / ".cache" / "emeth-tui" / "hosts" / NODE

    @property
    def keeper_pid(self) -> int:
        """The keeper's process; 0 when there is none."""
        try:
            return int((self.kept / "lock").read_text())
        except (OSError, ValueError):
            return 0

    def pids(self, word: str) -> list[int]:
        """The processes of this host that have a word in their command line."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdecimal() and f"HOME={self.home}".encode() in (
                    (entry / "environ").read_bytes().split(b"\0")
                ):
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    found += [int(entry.name)] if word.encode() in words else []
        return found

    def end(self) -> None:
        """End its keepers, and what they own with them."""
        for pid in self.pids("keeper"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def write_hosts(state_dir: Path, *hosts: Host) -> None:
    """Have a node use these hosts."""
    write_book(state_dir, Book(NODE, hosts))


def until(condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    """Wait, in a thread, until a condition holds that nobody announces."""
    give_up_at = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
