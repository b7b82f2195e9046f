"""Contract calls and logs in the ABI's encoding: made and read here, hostile bytes included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import encode
from eth_abi.codec import ABIDecoder
from eth_abi.decoding import StringDecoder
from eth_abi.exceptions import DecodingError
from eth_abi.registry import BaseEquals, registry
from eth_utils.abi import (
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
    get_abi_input_types,
    get_abi_output_types,
)

from emeth_tui.clients.chain.json_rpc import Request
from emeth_tui.clients.chain.values import BadAnswer, hex_bytes
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.network.rpc import NotDecodable
from emeth_tui.protocol import contracts

_ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string), what `require` and `revert` send
_PANIC_SELECTOR = bytes.fromhex("4e487b71")  # Panic(uint256), what the compiler's own checks send


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a contract's function: where, and which bytes."""

    address: str
    contract: str
    function: str
    data: str  # 0x…

    def request(self, *, sender: str | None = None) -> Request:
        """Make the `eth_call` that reads it at the latest block."""
        return Request("eth_call", (self.transaction(sender), "latest"))

    def transaction(self, sender: str | None) -> dict[str, str]:
        """Make the fields that `eth_call` and `eth_estimateGas` take."""
        return {"to": self.address, "data": self.data, **({"from": sender} if sender else {})}


def make_call(address: str, contract: str, function: str, *arguments: object) -> Call:
    """Encode a call. `contract` is "EmethCore" or "EmethToken"."""
    abi = _function_abi(contract, function)
    encoded = encode(get_abi_input_types(abi), arguments)
    return Call(address, contract, function, "0x" + (function_abi_to_4byte_selector(abi) + encoded).hex())


def read_result(call: Call, result: object) -> tuple[Any, ...]:
    """Decode what an `eth_call` returned. Text that is not UTF-8 comes with replacement characters.

    Raises BadAnswer, or the RpcRefusal that came in place of a result.
    """
    types = get_abi_output_types(_function_abi(call.contract, call.function))
    with _decoding(call.function):
        return decode(types, hex_bytes(result))


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Decode ABI bytes. Raises BadAnswer."""
    with _decoding("its bytes"):
        return _decoder().decode(types, data)


@cache
def event_topics() -> dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Map EmethCore's event topics to name, types in topics, types in data."""
    topics = {}
    for entry in contracts.abi("EmethCore"):
        if entry["type"] == "event":
            indexed = tuple(field["type"] for field in entry["inputs"] if field["indexed"])
            plain = tuple(field["type"] for field in entry["inputs"] if not field["indexed"])
            topics["0x" + event_abi_to_log_topic(entry).hex()] = (entry["name"], indexed, plain)  # type: ignore[arg-type]
    return topics


def revert_reason(data: bytes, said: str = "") -> str:
    """Read why a contract refused: its own text, a panic's code, or what the endpoint said. May be ""."""
    selector, arguments = data[:4], data[4:]
    if selector == _ERROR_SELECTOR:
        try:
            return one_line(decode(["string"], arguments)[0])
        except BadAnswer:
            return ""
    if selector == _PANIC_SELECTOR and len(arguments) == 32:
        return f"panic 0x{int.from_bytes(arguments, 'big'):02x}"
    _, _, reason = said.partition("execution reverted:")
    return one_line(reason)


@contextmanager
def _decoding(what: str) -> Iterator[None]:
    try:
        yield
    except (DecodingError, ValueError, OverflowError) as error:
        raise BadAnswer(NotDecodable(what, str(error))) from error


@cache
def _function_abi(contract: str, function: str) -> Any:
    matching = [entry for entry in contracts.abi(contract) if entry.get("name") == function]
    return next(entry for entry in matching if entry["type"] == "function")


@cache
def _decoder() -> ABIDecoder:
    """Make a decoder that takes text as it comes: one job's bad UTF-8 must not hide the other jobs."""
    strings: Any = StringDecoder
    is_string: Any = BaseEquals
    tolerant: Any = registry
    tolerant = tolerant.copy()
    tolerant.unregister_decoder("string")
    tolerant.register_decoder(
        is_string("string", with_sub=False), strings(handle_string_errors="replace"), label="string"
    )
    return ABIDecoder(tolerant)
