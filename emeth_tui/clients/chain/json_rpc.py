"""JSON-RPC's messages: calls written, answers read and distrusted.

JSON is read by pydantic's parser, which bounds nesting by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from emeth_tui.errors import NetworkError
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.network.rpc import CallRefused, CallRefusedSilently

_BUSY_CODES = (429, -32005)  # "limit exceeded" (EIP-1474); a tuple, for a code may be unhashable


@dataclass(frozen=True, slots=True)
class Request:
    """One JSON-RPC call."""

    method: str
    params: tuple[Any, ...] = ()


class RpcRefusal(NetworkError):
    """The endpoint answered a call with an error.

    `said` is its message on one line; `data` is the revert data where the answer holds some.
    """

    def __init__(self, where: str, method: str, error: object) -> None:
        fields = error if isinstance(error, dict) else {"message": error}
        self.code = fields.get("code")
        self.said = one_line(fields.get("message", ""))
        self.data = _revert_data(fields.get("data"))
        super().__init__(
            CallRefused(where, method, self.said) if self.said else CallRefusedSilently(where, method)
        )


def encode(requests: Sequence[Request]) -> bytes:
    """Write calls, one by itself and several as a batch; a call's id is its place."""
    calls = [
        {"jsonrpc": "2.0", "id": number, "method": request.method, "params": request.params}
        for number, request in enumerate(requests)
    ]
    return json.dumps(calls if len(calls) > 1 else calls[0]).encode()


@dataclass(frozen=True, slots=True)
class Answers:
    """What an endpoint answered to some calls: a response for each place, where there is one."""

    by_place: dict[int, dict[str, Any]]
    is_json_rpc: bool  # one error for the whole batch is, too
    is_busy: bool  # a response, or the one error, asks for patience


def decode(body: bytes, count: int) -> Answers:
    """Read the answer to `count` calls. Whatever it is, it is an answer; it may hold no response."""
    try:
        answer = from_json(body)
    except ValueError:
        answer = None
    responses = [item for item in (answer if isinstance(answer, list) else [answer]) if is_response(item)]
    if count == 1:
        by_place = {0: answer} if is_response(answer) else {}
    else:
        by_place = _by_place(answer, responses, count)
    return Answers(by_place, bool(responses), any(map(_is_busy, responses)))


def _by_place(answer: object, responses: Sequence[dict[str, Any]], count: int) -> dict[int, dict[str, Any]]:
    if not isinstance(answer, list) or _is_one_refusal(responses, count):
        return {}
    by_id = {response["id"]: response for response in responses if type(response.get("id")) is int}
    return {place: by_id[place] for place in range(count) if place in by_id}


def is_response(answer: object) -> bool:
    return isinstance(answer, dict) and ("result" in answer or answer.get("error") is not None)


def _is_one_refusal(responses: Sequence[dict[str, Any]], count: int) -> bool:
    """Whether every call got the same error, and one that speaks of the batch and not of a contract."""
    errors = [response.get("error") for response in responses]
    first = errors[0] if len(errors) == count else None
    if first is None or any(error != first for error in errors):
        return False
    return not (
        isinstance(first, dict) and ("data" in first or "revert" in str(first.get("message")).lower())
    )


def _is_busy(response: dict[str, Any]) -> bool:
    error = response.get("error")
    return isinstance(error, dict) and error.get("code") in _BUSY_CODES


def _revert_data(data: object) -> bytes:
    """Find revert data in an error's `data`: hex, hex behind a word ("Reverted 0x…"), or in an object."""
    if isinstance(data, dict):
        data = data.get("data", data.get("result"))
    if not isinstance(data, str):
        return b""
    _, prefix, digits = data.partition("0x")
    try:
        return bytes.fromhex(digits) if prefix else b""
    except ValueError:
        return b""
