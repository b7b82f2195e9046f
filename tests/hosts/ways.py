"""The two ways to a host: over ssh, by a real sshd, and over TLS, by the real `hosts join`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from emeth_tui.hosts.node.book import Book, Host, change_book
from emeth_tui.hosts.tls.inviting import write_host_file
from emeth_tui.hosts.tls.names import Place
from tests.control.sshd import Sshd
from tests.hosts.far import NODE, FarHost
from tests.loopback import free_port


class Way(Protocol):
    """How a node and a host reach each other."""

    def host(self, state_dir: Path) -> Host:
        """Return the host as its owner adds it to the node in this directory."""

    def kill_relay(self) -> None:
        """Kill what joins the connection to the keeper; it comes back as it does for its owner."""

    def cut_off(self) -> None:
        """Cut the host off; what runs there goes on."""

    def come_back(self) -> None:
        """Let a host that was cut off be reached again."""


@dataclass
class OverSsh:
    """The node calls ssh."""

    far: FarHost
    sshd: Sshd

    def host(self, state_dir: Path) -> Host:
        return self.far.entry(*shlex.split(self.sshd.ssh()), destination=self.sshd.destination)

    def kill_relay(self) -> None:
        os.kill(self.far.pids("stdio")[0], signal.SIGKILL)

    def cut_off(self) -> None:
        self.sshd.stop()
        self.kill_relay()

    def come_back(self) -> None:
        self.sshd.start()


@dataclass
class OverTls:
    """The host runs `hosts join`, and has it started anew when it is killed."""

    far: FarHost
    name: str = "b"
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def invitation(self) -> Path:
        """The file that the host joins by."""
        return self.far.home / f"{self.name}.emeth"

    def host(self, state_dir: Path) -> Host:
        place, here = (Place("127.0.0.1", free_port()) for _ in range(2))
        tls = write_host_file(state_dir, NODE, self.name, place, here, self.invitation)
        self.join()
        return Host(self.name, str(place), tls=tls)

    def rotate(self, state_dir: Path) -> None:
        """Give the host another certificate, and bring it there."""

        def rotated(book: Book) -> Book:
            before = book.find("b").tls
            assert before is not None
            tls = write_host_file(state_dir, NODE, "b", before.place, before.here, self.invitation)
            return book.rotated("b", tls.certificate)

        change_book(state_dir, rotated)

    def join(self) -> None:
        """Start what runs on the host."""
        words = [*shlex.split(self.far.remote_command), "hosts", "join", str(self.invitation)]
        with (self.far.home / "join.log").open("ab") as log:
            self.running.append(subprocess.Popen(words, stdout=log, stderr=log))

    def kill_relay(self) -> None:
        self.cut_off()
        self.join()

    def cut_off(self) -> None:
        self.running[-1].kill()
        self.running[-1].wait()

    def come_back(self) -> None:
        self.join()
