"""The hosts that a node uses: one file of mode 0600 beside its database, which a running node follows."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from emeth_tui.errors import HostError
from emeth_tui.files import write_atomically
from emeth_tui.foreign_text import one_line, system_text
from emeth_tui.hosts.messages import HostName, NodeName, Sha256
from emeth_tui.hosts.tls.names import NODE_PORT, Place, Port
from emeth_tui.notices.reasons.network.host import (
    HostKnown,
    HostsUnreadable,
    HostUnknown,
    NotAHostName,
    NotOverTls,
    OtherNodePort,
)
from emeth_tui.transport.ssh import REMOTE_COMMAND

FILE_NAME = "hosts.json"
LOCK_NAME = "hosts.lock"
MAX_HOSTS = 64
MAX_BYTES = 256 * 1024
_Word = Annotated[str, Meta(min_length=1, max_length=2_000)]


class OverTls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a host's relay listens, where the host reaches this node, and the digest of its certificate."""

    place: Place
    here: Place
    certificate: Sha256


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A host as its owner added it: an ssh destination, ssh's command here, emeth-tui's there; or TLS."""

    name: HostName
    destination: _Word
    ssh: Annotated[tuple[_Word, ...], Meta(min_length=1, max_length=64)] = ("ssh",)
    remote_command: _Word = REMOTE_COMMAND
    draining: bool = False
    tls: OverTls | None = None


class Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All hosts, in the order in which they were added, and this node's name among a host's nodes."""

    node: NodeName
    hosts: Annotated[tuple[Host, ...], Meta(max_length=MAX_HOSTS)] = ()

    @property
    def tls_port(self) -> Port:
        """Where this node listens for its hosts."""
        return next((host.tls.here.port for host in self.hosts if host.tls is not None), NODE_PORT)

    def find(self, name: str) -> Host:
        """Return a host by its name. Raise HostError."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise HostError(HostUnknown(name))

    def with_host(self, host: Host) -> Book:
        """Return the book with another host. Raise HostError when its name is taken, or is none."""
        try:
            msgspec.convert(host.name, HostName)
        except msgspec.ValidationError as error:
            raise HostError(NotAHostName(host.name)) from error
        if any(other.name == host.name for other in self.hosts):
            raise HostError(HostKnown(host.name))
        others_over_tls = any(other.tls is not None for other in self.hosts)
        if host.tls is not None and others_over_tls and host.tls.here.port != self.tls_port:
            raise HostError(OtherNodePort(host.tls.here.port, self.tls_port))
        return msgspec.structs.replace(self, hosts=(*self.hosts, host))

    def drained(self, name: str, draining: bool) -> Book:
        """Return the book with a host that takes no new jobs, or takes them again. Raise HostError."""
        return self._with(msgspec.structs.replace(self.find(name), draining=draining))

    def rotated(self, name: str, certificate: str) -> Book:
        """Return the book with another certificate for a host. Raise HostError."""
        host = self.find(name)
        if host.tls is None:
            raise HostError(NotOverTls(name))
        tls = msgspec.structs.replace(host.tls, certificate=certificate)
        return self._with(msgspec.structs.replace(host, tls=tls))

    def _with(self, changed: Host) -> Book:
        return msgspec.structs.replace(
            self, hosts=tuple(changed if host.name == changed.name else host for host in self.hosts)
        )

    def without(self, name: str) -> Book:
        """Return the book without a host. Raise HostError."""
        self.find(name)
        return msgspec.structs.replace(self, hosts=tuple(host for host in self.hosts if host.name != name))


def book_path(state_dir: Path) -> Path:
    """Return where a node's hosts are kept."""
    return state_dir / FILE_NAME


def read_book(state_dir: Path) -> Book:
    """Read a node's hosts, none where no file is. Raise HostError."""
    path = book_path(state_dir)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Book(secrets.token_hex(8))
    except OSError as error:
        raise HostError(HostsUnreadable(path, system_text(error))) from error
    try:
        return msgspec.json.decode(content, type=Book)
    except msgspec.MsgspecError as error:
        raise HostError(HostsUnreadable(path, one_line(error))) from error


def change_book(state_dir: Path, change: Callable[[Book], Book], node: str = "") -> Book:
    """Read, change and write a node's hosts, while no other process does; return what is written.

    `node` is the node's name where there is no file yet. Raise HostError.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(state_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HostError(HostsUnreadable(state_dir / LOCK_NAME, system_text(error))) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        book = read_book(state_dir)
        if node and not book_path(state_dir).exists():
            book = msgspec.structs.replace(book, node=node)
        changed = change(book)
        write_book(state_dir, changed)
        return changed
    finally:
        os.close(descriptor)


def drain(state_dir: Path, name: str, draining: bool) -> None:
    """Have a host take no new jobs, or take them again. Raise HostError."""
    change_book(state_dir, lambda book: book.drained(name, draining))


def write_book(state_dir: Path, book: Book) -> None:
    """Write a node's hosts. Raise HostError."""
    path = book_path(state_dir)
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, msgspec.json.format(msgspec.json.encode(book), indent=2) + b"\n")
    except OSError as error:
        raise HostError(HostsUnreadable(path, system_text(error))) from error
