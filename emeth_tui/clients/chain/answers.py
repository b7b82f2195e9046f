"""Answers checked before web3 sees them: web3's formatters raise whatever an odd field makes them raise.

Of a block, a receipt or a log only the fields that are used here are kept, each checked: what a chain adds of
its own is not looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from emeth_tui.clients.chain.values import LATEST_UNIX_S, BadAnswer, hex_bytes, number, quantity
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.network.rpc import LogsNotList, NoNewestBlock, NotData

_logger = logging.getLogger(__name__)

_Check = Callable[[object], Any]


def checked(method: str, result: object) -> Any:
    """Return a method's result as web3 may have it. Raise BadAnswer."""
    check = _CHECKS.get(method)
    return result if check is None else check(result)


def _amount(value: object) -> str:
    return hex(quantity(value))


def _number(value: object) -> str:
    return hex(number(value))


def _time(value: object) -> str:
    return hex(number(value, LATEST_UNIX_S))


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
    block = _fields(value, {"number": _number, "hash": _hash, "timestamp": _time})
    if value.get("baseFeePerGas") is not None:
        block["baseFeePerGas"] = _amount(value["baseFeePerGas"])
    return block


def _receipt(value: object) -> dict[str, Any] | None:
    """Keep a receipt; one that is missing or not in a block yet is None."""
    if not isinstance(value, dict) or value.get("blockNumber") is None:
        return None
    checks: dict[str, _Check] = {
        "transactionHash": _hash,
        "blockNumber": _number,
        "gasUsed": _number,
        "status": _number,
    }
    price = value.get("effectiveGasPrice", value.get("gasPrice", "0x0"))
    return {**_fields(value, checks), "effectiveGasPrice": _amount(price)}


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
        "blockNumber": _number,
        "transactionHash": _hash,
        "logIndex": _number,
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
    "eth_blockNumber": _number,
    "eth_call": _data,
    "eth_chainId": _amount,
    "eth_estimateGas": _amount,
    "eth_gasPrice": _amount,
    "eth_getBalance": _amount,
    "eth_getBlockByNumber": _block,
    "eth_getCode": _data,
    "eth_getLogs": _logs,
    "eth_getTransactionByHash": _transaction,
    "eth_getTransactionCount": _number,
    "eth_getTransactionReceipt": _receipt,
    "eth_maxPriorityFeePerGas": _amount,
    "eth_sendRawTransaction": _hash,
}
