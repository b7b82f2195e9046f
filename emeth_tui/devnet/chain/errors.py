"""Errors of the devnet's JSON-RPC port, with the codes that Ethereum nodes use (EIP-1474)."""

from __future__ import annotations

from enum import IntEnum


class RpcCode(IntEnum):
    EXECUTION_REVERTED = 3  # carries the revert data
    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    INVALID_INPUT = -32000
    NOT_FOUND = -32001
    TRANSACTION_REJECTED = -32003


class RpcError(Exception):
    """Returned to the caller as the response's `error` member."""

    def __init__(self, code: RpcCode, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def as_json(self) -> dict[str, object]:
        error: dict[str, object] = {"code": int(self.code), "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


def invalid_params(message: str) -> RpcError:
    return RpcError(RpcCode.INVALID_PARAMS, message)


def rejected(message: str) -> RpcError:
    """Return the refusal of a transaction, in the words that clients know from other nodes."""
    return RpcError(RpcCode.TRANSACTION_REJECTED, message)
