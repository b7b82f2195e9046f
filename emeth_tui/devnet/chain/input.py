"""Parse the parameters of JSON-RPC requests, which are untrusted: anything invalid is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from emeth_tui.devnet.chain.errors import invalid_params

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_TAGS = frozenset({"latest", "pending", "earliest", "safe", "finalized"})
_CALL_KEYS = {"value": "value", "gas": "gas", "gasPrice": "gas_price"}


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block as a request names it: by number, by hash, or by a tag."""

    number: int | None = None
    block_hash: bytes | None = None
    tag: str | None = None


LATEST = BlockRef(tag="latest")
_Topic = frozenset[bytes] | None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs to find. No addresses means any; a topic of None matches any value in its place."""

    first: BlockRef
    last: BlockRef
    addresses: frozenset[bytes]
    topics: tuple[_Topic, ...]


def quantity(value: Any) -> int:
    """Parse an unsigned number: `0x…`, or a JSON number as some clients send it."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**256:
        return value
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    raise invalid_params(f"not a quantity: {_shown(value)}")


def data(value: Any) -> bytes:
    if isinstance(value, str) and _DATA.fullmatch(value):
        return bytes.fromhex(value[2:])
    raise invalid_params(f"not hex data: {_shown(value)}")


def fixed(value: Any, length: int) -> bytes:
    """Parse data of exactly `length` bytes: 20 for an address, 32 for a hash."""
    read = data(value)
    if len(read) != length:
        raise invalid_params(f"expected {length} bytes, got {len(read)}")
    return read


def address(value: Any) -> bytes:
    return fixed(value, 20)


def hash32(value: Any) -> bytes:
    return fixed(value, 32)


def block_ref(value: Any) -> BlockRef:
    """Parse a block reference: number, tag, or an object with its hash or number (EIP-1898)."""
    if value is None:
        return LATEST
    if isinstance(value, str) and value in _TAGS:
        return BlockRef(tag=value)
    if isinstance(value, dict) and "blockHash" in value:
        return BlockRef(block_hash=hash32(value["blockHash"]))
    if isinstance(value, dict) and "blockNumber" in value:
        return BlockRef(number=quantity(value["blockNumber"]))
    return BlockRef(number=quantity(value))


def call_fields(value: Any) -> dict[str, Any]:
    """Parse a call object: sender, to, data, and value, gas and gas_price where present."""
    if not isinstance(value, dict):
        raise invalid_params(f"not a call object: {_shown(value)}")
    given = {key: field for key, field in value.items() if field is not None}
    fields: dict[str, Any] = {
        "sender": address(given["from"]) if "from" in given else bytes(20),
        "to": address(given["to"]) if "to" in given else b"",
        "data": data(given.get("input", given.get("data", "0x"))),
    }
    if "maxFeePerGas" in given:
        fields["gas_price"] = quantity(given["maxFeePerGas"])
    fields.update({name: quantity(given[key]) for key, name in _CALL_KEYS.items() if key in given})
    return fields


def log_filter(value: Any) -> LogFilter:
    if not isinstance(value, dict):
        raise invalid_params(f"not a filter object: {_shown(value)}")
    if value.get("blockHash") is not None:
        if value.get("fromBlock") is not None or value.get("toBlock") is not None:
            raise invalid_params("blockHash goes with neither fromBlock nor toBlock")
        first = last = BlockRef(block_hash=hash32(value["blockHash"]))
    else:
        first, last = block_ref(value.get("fromBlock")), block_ref(value.get("toBlock"))
    return LogFilter(first, last, _addresses(value.get("address")), _topics(value.get("topics")))


def _addresses(value: Any) -> frozenset[bytes]:
    if value is None:
        return frozenset()
    return frozenset(address(item) for item in (value if isinstance(value, list) else [value]))


def _topics(value: Any) -> tuple[_Topic, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > 4:
        raise invalid_params(f"not a list of up to 4 topics: {_shown(value)}")
    return tuple(_topic(item) for item in value)


def _topic(value: Any) -> _Topic:
    if value is None or value == []:
        return None
    return frozenset(hash32(item) for item in (value if isinstance(value, list) else [value]))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
