"""Values of JSON-RPC, read from answers that may hold anything."""

from __future__ import annotations

from emeth_tui.errors import NetworkError
from emeth_tui.notices.reasons.network.rpc import NotANumber, NotData

MAX_NUMBER = 2**63 - 1  # the most that SQLite holds
LATEST_UNIX_S = 2**37  # ours: the year 6325; dates end with the year 9999, and nothing here goes on then


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


def number(value: object, most: int = MAX_NUMBER) -> int:
    """Read a quantity that is no amount of money. Raise as `quantity` does, also where it is over `most`."""
    count = quantity(value)
    if count > most:
        raise BadAnswer(NotANumber(repr(value)))
    return count


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
