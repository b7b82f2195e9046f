"""Answers checked before web3 sees them: web3's formatters raise whatever an odd field makes them raise.

Of a block, a receipt or a log only the fields that are used here are kept, each checked: what a chain adds of
its own is not looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from emeth_tui.clients.chain.values import BadAnswer, hex_bytes, quantity
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.network.rpc import LogsNotList, NoNewestBlock, NotData

_logger = logging.getLogger(__name__)

_Check = Callable[[object], Any]


def checked(method: str, result: object) -> Any:
    """Return a method's result as web3 may have it. Raise BadAnswer."""
    check = _CHECKS.get(method)
    return result if check is None else check(result)


def _quantity(value: object) -> str:
    return hex(quantity(value))


def _data(value: object) -> str:
    return "0x" + hex_bytes(value).hex()


def _hash(value: object) -> str:
    return "0x" + _exactly(32, value).hex()


def _address(value: object) -> str:
    return "0x" + _exactly(20, value).hex()


def _exactly(size: int, value: object) -> bytes:
    data = hex_bytes(value)
    if len(data) != size:
        raise BadAnswer(NotData(str(value)))
    return data


def _block(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadAnswer(NoNewestBlock())
    block = _fields(value, {"number": _quantity, "hash": _hash, "timestamp": _quantity})
    if value.get("baseFeePerGas") is not None:
        block["baseFeePerGas"] = _quantity(value["baseFeePerGas"])
    return block


def _receipt(value: object) -> dict[str, Any] | None:
    """Keep a receipt; one that is missing or not in a block yet is None."""
    if not isinstance(value, dict) or value.get("blockNumber") is None:
        return None
    checks: dict[str, _Check] = {
        "transactionHash": _hash,
        "blockNumber": _quantity,
        "gasUsed": _quantity,
        "status": _quantity,
    }
    price = value.get("effectiveGasPrice", value.get("gasPrice", "0x0"))
    return {**_fields(value, checks), "effectiveGasPrice": _quantity(price)}


def _transaction(value: object) -> dict[str, Any] | None:
    """Keep that there is such a transaction, which is all that is asked."""
    return {} if isinstance(value, dict) else None


def _logs(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise BadAnswer(LogsNotList())
    return [log for entry in value if (log := readable_log(entry)) is not None]


def readable_log(value: object) -> dict[str, Any] | None:
    """Return a log as web3 may have it; None for one that a reorganisation removed, and for garbage."""
    if not isinstance(value, dict) or value.get("removed") is True or value.get("blockNumber") is None:
        return None
    checks: dict[str, _Check] = {
        "address": _address,
        "topics": _topics,
        "data": _data,
        "blockNumber": _quantity,
        "transactionHash": _hash,
        "logIndex": _quantity,
    }
    try:
        # web3 asks for the other two, and nobody reads them.
        return {**_fields(value, checks), "transactionIndex": None, "blockHash": None}
    except BadAnswer as error:
        _logger.warning("skipping a log that cannot be read: %s", one_line(error))
        return None


def _topics(value: object) -> list[str]:
    if not isinstance(value, list):
        raise BadAnswer(NotData(repr(value)))
    return [_hash(topic) for topic in value]


def _fields(value: dict[str, Any], checks: dict[str, _Check]) -> dict[str, Any]:
    return {name: check(value.get(name)) for name, check in checks.items()}


_CHECKS: dict[str, _Check] = {
    "eth_blockNumber": _quantity,
    "eth_call": _data,
    "eth_chainId": _quantity,
    "eth_estimateGas": _quantity,
    "eth_gasPrice": _quantity,
    "eth_getBalance": _quantity,
    "eth_getBlockByNumber": _block,
    "eth_getCode": _data,
    "eth_getLogs": _logs,
    "eth_getTransactionByHash": _transaction,
    "eth_getTransactionCount": _quantity,
    "eth_getTransactionReceipt": _receipt,
    "eth_maxPriorityFeePerGas": _quantity,
    "eth_sendRawTransaction": _hash,
}
