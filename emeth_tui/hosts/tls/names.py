"""The names in certificates, and the addresses, ports and digests that node, link and relay agree on."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

NODE_DNS_NAME = "node.emeth"  # no host's: theirs are one level deeper
NODE_PORT, HOST_PORT = 9786, 9787
Address = Annotated[str, Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]{0,252}|[0-9A-Fa-f:]{2,45})\Z")]
Port = Annotated[int, Meta(ge=1, le=65_535)]
FRAMES = "frames"  # the relay's operation: what follows are the bytes of `hosts.frames`


def dns_name(host: str) -> str:
    """Return the name in a host's certificate."""
    return f"{host}.hosts.emeth"


def tls_address(address: str, port: int) -> str:
    """Return an address as dask writes it."""
    return f"tls://[{address}]:{port}" if ":" in address else f"tls://{address}:{port}"


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where something listens."""

    address: Address
    port: Port

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def place_from(text: str, default_port: int) -> Place:
    """Read `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`. Raise ValueError."""
    address, port = text, str(default_port)
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        port = (rest.removeprefix(":") or port) if bracket else ""
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not (port.isascii() and port.isdecimal()):
        raise ValueError(text)
    return msgspec.convert({"address": address, "port": int(port)}, Place)
