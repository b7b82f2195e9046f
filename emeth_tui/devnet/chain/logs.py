"""Find logs in a range of blocks (eth_getLogs), using each header's bloom filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from eth_bloom.bloom import BloomFilter

from emeth_tui.devnet.chain.errors import RpcCode, RpcError
from emeth_tui.devnet.chain.evm import Evm
from emeth_tui.devnet.chain.input import BlockRef, LogFilter
from emeth_tui.devnet.chain.output import Json, block_logs


def find_logs(evm: Evm, wanted: LogFilter, header_of: Callable[[BlockRef], Any]) -> list[Json]:
    """Return the logs that match, oldest first. A range may be empty or end past the head."""
    head_number = evm.head.block_number
    first = _number(wanted.first, head_number, header_of)
    last = min(_number(wanted.last, head_number, header_of), head_number)
    blooms = [[_bloom(value) for value in values] for values in _required(wanted)]
    found = []
    for number in range(first, last + 1):
        header: Any = evm.header_by_number(number)
        if _may_hold(header.bloom, blooms):
            found += _matching(evm, header, wanted)
    return found


def _number(ref: BlockRef, head_number: int, header_of: Callable[[BlockRef], Any]) -> int:
    if ref.number is not None:
        return ref.number
    if ref.block_hash is None:
        return 0 if ref.tag == "earliest" else head_number
    try:
        return int(header_of(ref).block_number)
    except RpcError as error:
        raise RpcError(RpcCode.INVALID_INPUT, "unknown block") from error


def _matching(evm: Evm, header: Any, wanted: LogFilter) -> list[Json]:
    logs = block_logs(header, evm.transactions(header), evm.receipts(header))
    return [written for entry, written in logs if _matches(entry, wanted)]


def _matches(entry: Any, wanted: LogFilter) -> bool:
    if wanted.addresses and entry.address not in wanted.addresses:
        return False
    if len(wanted.topics) > len(entry.topics):
        return False
    return all(
        values is None or topic.to_bytes(32, "big") in values
        for values, topic in zip(wanted.topics, entry.topics, strict=False)
    )


def _required(wanted: LogFilter) -> Iterable[frozenset[bytes]]:
    """Return sets of values; a matching block holds at least one value of each."""
    if wanted.addresses:
        yield wanted.addresses
    yield from (values for values in wanted.topics if values is not None)


def _bloom(value: bytes) -> int:
    return int(BloomFilter.from_iterable([value]))


def _may_hold(bloom: int, required: list[list[int]]) -> bool:
    return all(any(bloom & one == one for one in alternatives) for alternatives in required)
