"""A real sshd on the loopback interface, with keys of its own, and the ssh command that gets in."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.loopback import free_port

PASSPHRASE = "open sesame"
LIMIT_S = 120.0  # bounds a hang
Address = tuple[str, int]
SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@dataclass(slots=True)
class Sshd:
    """A server that lets in whoever has `key`, or `locked_key` with its passphrase."""

    directory: Path
    reached_at: Address
    process: subprocess.Popen[bytes] | None = None
    inside: Sequence[str] = ()  # the words before its command, where it runs in a network of its own

    @property
    def port(self) -> int:
        return self.reached_at[1]

    @property
    def destination(self) -> str:
        address, port = self.reached_at
        return f"ssh://{getpass.getuser()}@{address}:{port}"

    def start(self) -> None:
        """Start the server, and return when it listens."""
        assert SSHD is not None
        command = [*self.inside, SSHD, "-D", "-e", "-f", str(self.directory / "sshd_config")]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log)
        give_up_at = time.monotonic() + LIMIT_S
        while True:
            try:
                socket.create_connection(self.reached_at, 1.0).close()
            except OSError:
                assert time.monotonic() < give_up_at, (self.directory / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """Stop listening; who is in stays in."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def ssh(self, key: str = "key", hosts: str = "known_hosts") -> str:
        """Return the ssh command that offers a key and knows these hosts."""
        options = {
            "IdentityFile": self.directory / key,
            "UserKnownHostsFile": self.directory / hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "StrictHostKeyChecking": "yes",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return shlex.join(["ssh", "-F", "none", *words])


def prepare_sshd(
    directory: Path, listens_at: Address | None = None, reached_at: Address | None = None
) -> Sshd:
    """Write keys and configuration; skip the test where no sshd can run.

    It listens at a free port of the loopback, or where it is told, and may be `reached_at` another place.
    """
    if SSHD is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        pytest.skip("no sshd on this machine")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it gives up its privileges
    for name, phrase in (
        ("host", ""),
        ("other_host", ""),
        ("key", ""),
        ("stranger", ""),
        ("locked", PASSPHRASE),
    ):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-f", str(directory / name)]
        subprocess.run(words, check=True)
    address, port = listens_at or ("127.0.0.1", free_port())
    reached_at = reached_at or (address, port)
    public = {
        name: (directory / f"{name}.pub").read_text() for name in ("host", "other_host", "key", "locked")
    }
    (directory / "authorized_keys").write_text(public["key"] + public["locked"])
    for hosts, name in (("known_hosts", "host"), ("wrong_hosts", "other_host")):
        (directory / hosts).write_text(f"[{reached_at[0]}]:{reached_at[1]} {public[name]}")
    (directory / "sshd_config").write_text(
        f"Port {port}\n"
        f"ListenAddress {address}\n"
        f"HostKey {directory / 'host'}\n"
        f"AuthorizedKeysFile {directory / 'authorized_keys'}\n"
        "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        "AllowStreamLocalForwarding no\nAllowTcpForwarding no\n"
    )
    return Sshd(directory, reached_at)


@contextmanager
def running_sshd(directory: Path) -> Iterator[Sshd]:
    """Run a server whose files lie in a directory of its own."""
    directory.mkdir()
    server = prepare_sshd(directory)
    server.start()
    yield server
    server.stop()
