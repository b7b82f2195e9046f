"""Values of JSON-RPC, read from answers that may hold anything."""

from __future__ import annotations

from emeth_tui.errors import NetworkError
from emeth_tui.foreign_text import one_line


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
    raise _bad(f"a number is {value!r}")


def hex_bytes(value: object) -> bytes:
    """Read data (`0x00ff`). Raise BadAnswer, or the RpcRefusal that stands in its place."""
    if isinstance(value, NetworkError):
        raise value
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    raise _bad(f"data is {value!r}")


def _bad(what: str) -> BadAnswer:
    return BadAnswer(f"the endpoint's answer makes no sense: {one_line(what)}")
