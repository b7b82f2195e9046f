"""Values of JSON-RPC, read from answers that may hold anything."""

from __future__ import annotations

from emeth_tui.errors import NetworkError
from emeth_tui.notices.reasons.network.rpc import NotANumber, NotData


class BadAnswer(NetworkError):
    """An answer that does not hold what it must."""


def quantity(value: object) -> int:
    """Read a quantity (`0x1f`). Raise BadAnswer, or the RpcRefusal that stands in its place."""
    if isinstance(value, NetworkError):
        raise value
    if isinstance(value, str) and value.startswith("0x") and len(value) <= 66:
        try:
            return int(value, 16)
        except ValueError:
            pass
    raise BadAnswer(NotANumber(repr(value)))


def hex_bytes(value: object) -> bytes:
    """Read data (`0x00ff`). Raise BadAnswer, or the RpcRefusal that stands in its place."""
    if isinstance(value, NetworkError):
        raise value
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    raise BadAnswer(NotData(repr(value)))
