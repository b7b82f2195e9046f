"""The file that a host joins by: who it is, where it and the node are, its certificate and what it trusts.

The first line is JSON; certificates and key follow as PEM, so that OpenSSL reads the file as it is.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

import msgspec

from emeth_tui.errors import HostError
from emeth_tui.files import write_atomically
from emeth_tui.foreign_text import one_line, system_text
from emeth_tui.hosts.messages import HostName, NodeName
from emeth_tui.hosts.tls.names import Place
from emeth_tui.notices.reasons.network.host import InvitationOpen, InvitationUnreadable, NotAnInvitation

SUFFIX = ".emeth"
FORMAT = 1
MAX_BYTES = 64 * 1024
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n")


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    emeth_host: int
    name: HostName
    node: NodeName
    node_place: Place
    own_place: Place


class Invitation(msgspec.Struct, frozen=True):
    """What a host was given. `trusted` is the authority's certificate; the key stays in the file."""

    path: Path
    name: str
    node: str
    node_place: Place
    own_place: Place
    trusted: str


def write_invitation(
    path: Path, name: str, node: str, node_place: Place, own_place: Place, *, issued: str, trusted: str
) -> None:
    """Write a file of mode 0600. Raise HostError."""
    head = msgspec.json.encode(_Head(FORMAT, name, node, node_place, own_place))
    try:
        write_atomically(path, head + b"\n" + issued.encode() + trusted.encode())
    except OSError as error:
        raise HostError(InvitationUnreadable(path, system_text(error))) from error


def read_invitation(path: Path) -> Invitation:
    """Read the file; it must be its owner's alone. Raise HostError."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise HostError(InvitationOpen(path))
            content = file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise HostError(InvitationUnreadable(path, system_text(error))) from error
    line, _, pem = content.partition("\n")
    try:
        head = msgspec.json.decode(line, type=_Head)
    except msgspec.MsgspecError as error:
        raise HostError(InvitationUnreadable(path, one_line(error))) from error
    certificates = _CERTIFICATE.findall(pem)
    if head.emeth_host != FORMAT or len(certificates) != 2 or "PRIVATE KEY" not in pem:
        raise HostError(NotAnInvitation(path))
    return Invitation(path, head.name, head.node, head.node_place, head.own_place, certificates[1])
