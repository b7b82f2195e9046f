"""What is used of web3, imported without its own HTTP and WebSocket providers."""

from __future__ import annotations

from emeth_tui.clients.loaded_later import WEB3_TRANSPORTS, loaded_later

with loaded_later(WEB3_TRANSPORTS):
    from web3 import AsyncWeb3
    from web3.contract.async_contract import (
        AsyncContract,
        AsyncContractEvent,
        AsyncContractEvents,
        AsyncContractFunction,
    )
    from web3.exceptions import TransactionNotFound, Web3Exception
    from web3.providers.async_base import AsyncJSONBaseProvider
    from web3.types import EventData, LogReceipt, Nonce, RPCEndpoint, RPCResponse
    from web3.utils import get_create_address

__all__ = [
    "AsyncContract",
    "AsyncContractEvent",
    "AsyncContractEvents",
    "AsyncContractFunction",
    "AsyncJSONBaseProvider",
    "AsyncWeb3",
    "EventData",
    "LogReceipt",
    "Nonce",
    "RPCEndpoint",
    "RPCResponse",
    "TransactionNotFound",
    "Web3Exception",
    "get_create_address",
]
