"""EmethCore and the EMT token as web3's contract objects, for answers that may hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from eth_abi.codec import ABICodec
from eth_abi.decoding import StringDecoder
from eth_abi.exceptions import DecodingError
from eth_abi.registry import BaseEquals, registry

from emeth_tui.clients.chain.provider import ChainProvider
from emeth_tui.clients.chain.rpc import Rpc
from emeth_tui.clients.chain.values import BadAnswer
from emeth_tui.clients.chain.web3 import (
    AsyncContract,
    AsyncContractEvent,
    AsyncContractEvents,
    AsyncContractFunction,
    AsyncWeb3,
    EventData,
    LogReceipt,
    Web3Exception,
)
from emeth_tui.foreign_text import ForeignText, one_line
from emeth_tui.notices.reasons.network.rpc import NotDecodable
from emeth_tui.protocol import contracts

_ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string), what `require` and `revert` send
_PANIC_SELECTOR = bytes.fromhex("4e487b71")  # Panic(uint256), what the compiler's own checks send

# What web3 and its codec raise for bytes that are not what an ABI says.
_UNREADABLE = (Web3Exception, DecodingError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Call:
    """A contract's function with its arguments, as a transaction carries it."""

    address: str
    function: str
    data: str  # 0x…

    def transaction(self, sender: str) -> dict[str, str]:
        """Return the fields that `eth_call` and `eth_estimateGas` take."""
        return {"from": sender, "to": self.address, "data": self.data}


class Contract:
    """A contract, as one object of web3's for each of its functions.

    For every call web3 hashes the signatures of an object's whole ABI, twice: with thirty functions in it,
    that took half of a call's time.
    """

    def __init__(self, w3: AsyncWeb3[Any], name: str, address: str) -> None:
        self.address = w3.to_checksum_address(address)
        self.functions = Functions(self)
        self._w3 = w3
        self._abi = contracts.abi(name)
        self._alone: dict[str, AsyncContract] = {}

    @property
    def events(self) -> AsyncContractEvents:
        """What the contract emits."""
        return self._with(self._abi).events

    def call(self, function: str, *arguments: object) -> Call:
        """Encode a call."""
        return Call(self.address, function, str(self.alone(function).encode_abi(function, arguments)))

    def alone(self, function: str) -> AsyncContract:
        """Return the contract with one function. Raise AttributeError where it has none of that name."""
        if function not in self._alone:
            found = [part for part in self._abi if part["type"] == "function" and part["name"] == function]
            if not found:
                raise AttributeError(function)
            self._alone[function] = self._with(found)
        return self._alone[function]

    def _with(self, abi: Any) -> AsyncContract:
        return self._w3.eth.contract(address=self.address, abi=abi)


class Functions:
    """A contract's functions by their names, as web3 has them: `functions.balanceOf(account)`."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract

    def __getattr__(self, name: str) -> AsyncContractFunction:
        function: AsyncContractFunction = self._contract.alone(name).functions[name]
        return function


class Contracts:
    """A network's two contracts, and web3 for all else on its chain."""

    def __init__(self, rpc: Rpc, core_address: str, token_address: str) -> None:
        # Without middleware: nothing here needs it, and it is one more reader of foreign answers.
        self.w3: AsyncWeb3[Any] = AsyncWeb3(ChainProvider(rpc), middleware=[])
        self.w3.codec = tolerant_codec()
        self.core = Contract(self.w3, "EmethCore", core_address)
        self.token = Contract(self.w3, "EmethToken", token_address)

    @cached_property
    def events(self) -> Mapping[str, AsyncContractEvent]:
        """EmethCore's events by their topic."""
        events: Any = self.core.events
        return {event.topic: event for event in events}

    @cached_property
    def transfer(self) -> AsyncContractEvent:
        """The token's event of EMT that moved."""
        events: Any = self.token.events
        event: AsyncContractEvent = events.Transfer
        return event


async def read(function: AsyncContractFunction, block: int | Literal["latest"] = "latest") -> Any:
    """Call a function at the newest block or another, and return what it returns.

    Text that is not UTF-8 comes with replacement characters. Raise BadAnswer, RpcRefusal or ChainUnreachable.
    """
    try:
        return await function.call(block_identifier=block)
    except _UNREADABLE as error:
        raise BadAnswer(NotDecodable(str(function.abi_element_identifier), one_line(error))) from error


def read_event(event: AsyncContractEvent, log: LogReceipt) -> EventData:
    """Decode a log. Raise BadAnswer."""
    try:
        decoded: EventData = event.process_log(log)
        return decoded
    except _UNREADABLE as error:
        raise BadAnswer(NotDecodable(event.event_name, one_line(error))) from error


def revert_reason(data: bytes, said: str = "") -> ForeignText:
    """Return why a contract refused: its own text, a panic's code, or what the endpoint said. May be ""."""
    selector, arguments = data[:4], data[4:]
    if selector == _ERROR_SELECTOR:
        try:
            return one_line(tolerant_codec().decode(["string"], arguments)[0])
        except _UNREADABLE:
            return ForeignText("")
    if selector == _PANIC_SELECTOR and len(arguments) == 32:
        return one_line(f"panic 0x{int.from_bytes(arguments, 'big'):02x}")  # Solidity's own name for it
    _, _, reason = said.partition("execution reverted:")
    return one_line(reason)


def tolerant_codec() -> ABICodec:
    """Make a codec that takes text as it comes: one job's bad UTF-8 must not hide the other jobs."""
    strings: Any = StringDecoder
    is_string: Any = BaseEquals
    tolerant: Any = registry
    tolerant = tolerant.copy()
    tolerant.unregister_decoder("string")
    tolerant.register_decoder(
        is_string("string", with_sub=False), strings(handle_string_errors="replace"), label="string"
    )
    return ABICodec(tolerant)
