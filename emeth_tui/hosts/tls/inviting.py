"""How a host comes to its file: on the node's machine, by `hosts add` and `hosts rotate`."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import msgspec

from emeth_tui.errors import HostError
from emeth_tui.foreign_text import one_line, system_text
from emeth_tui.hosts.node.book import OverTls
from emeth_tui.hosts.node.tls_link import DIRECTORY
from emeth_tui.hosts.tls.contexts import TlsFiles
from emeth_tui.hosts.tls.invitation import write_invitation
from emeth_tui.hosts.tls.names import NODE_PORT, Place, dns_name, place_from
from emeth_tui.notices.reasons.network.host import (
    AuthorityUnusable,
    HostsExtraMissing,
    NoHostAddress,
    NoWayThere,
)

_MODULES = ("cryptography", "dask", "distributed", "tornado")


def check_extra() -> None:
    """Raise HostError, which says what to install, if a package of the `hosts` extra is missing."""
    if any(importlib.util.find_spec(name) is None for name in _MODULES):
        raise HostError(HostsExtraMissing())


def place_of_text(text: str, default_port: int) -> Place:
    """Read an address, with a port or without. Raise HostError."""
    try:
        return place_from(text, default_port)
    except (ValueError, msgspec.ValidationError) as error:
        raise HostError(NoHostAddress(one_line(text))) from error


def here_towards(place: Place, port: int = NODE_PORT) -> Place:
    """Return where this machine is reached from an address, as its routes say. Raise HostError.

    Nothing is sent.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(place.address, place.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as towards:
            towards.connect(address)
            return Place(towards.getsockname()[0].partition("%")[0], port)
    except OSError as error:
        raise HostError(NoWayThere(place.address, system_text(error))) from error


def write_host_file(state_dir: Path, node: str, name: str, place: Place, here: Place, path: Path) -> OverTls:
    """Make a certificate for a host, and write what it joins by. Return what the node keeps of it.

    Raise HostError.
    """
    from emeth_tui.hosts.tls.certificates import Authority  # late: an extra brings what it needs

    directory = state_dir / DIRECTORY
    try:
        authority = Authority(TlsFiles(directory))
    except (OSError, ValueError) as error:
        raise HostError(AuthorityUnusable(directory, one_line(error))) from error
    issued = authority.issue(dns_name(name))
    write_invitation(path, name, node, here, place, issued=issued.pem, trusted=authority.certificate)
    return OverTls(place, here, issued.sha256)
