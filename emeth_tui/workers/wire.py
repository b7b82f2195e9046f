"""Messages as lines of JSON: how they are written, and what a receiver accepts.

A worker may have been taken over, so its bytes are data and nothing else: lines of bounded length, kinds that
are known, fields that are all named and within the limits that their types state. Messages are numbered: each
is delivered once and in order, or the sender is refused.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec

from emeth_tui.errors import Reasoned
from emeth_tui.foreign_text import clean, one_line
from emeth_tui.notices.reasons.network.breaches import (
    MessageOutOfOrder,
    MessageTooLong,
    MessageUnreadable,
    UnknownField,
    UnknownMessage,
)
from emeth_tui.training.reports import MAX_TEXT_CHARS
from emeth_tui.workers.messages import ToChild, ToParent

MAX_LINE_BYTES = 64 * 1024
MAX_EARLY = 64  # messages kept until one before them arrives
Message = TypeVar("Message")


class BadMessage(Reasoned):
    """The other side sent what no message of ours looks like, or lost one."""


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    number: typing.Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    kind: typing.Annotated[str, msgspec.Meta(max_length=64)]
    body: dict[str, Any]


_decode = msgspec.json.Decoder(_Envelope).decode
_BAD = (msgspec.MsgspecError, ValueError, RecursionError)  # what bytes from a stranger can raise


class Writer:
    """Numbers the messages of one side and makes lines of them."""

    def __init__(self) -> None:
        self._number = 0

    def line(self, message: ToChild | ToParent) -> bytes:
        """Return the next message as a line, texts cut to the length allowed.

        Raise ValueError when a number in it is not finite.
        """
        self._number += 1
        body = {
            field.name: _within_limit(getattr(message, field.name)) for field in dataclasses.fields(message)
        }
        envelope = {"number": self._number, "kind": type(message).__name__, "body": body}
        return json.dumps(envelope, default=_plain, allow_nan=False).encode() + b"\n"


class Reader(Generic[Message]):
    """Makes messages of the other side's bytes, each once and in the order in which they were written."""

    def __init__(self, kinds: object) -> None:
        """Accept the messages of the union `kinds` alone."""
        self._kinds: dict[str, type[Any]] = {kind.__name__: kind for kind in typing.get_args(kinds)}
        self._rest = b""
        self._early: dict[int, Message] = {}
        self._next = 1

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that these bytes complete. Raise BadMessage; nothing is to be read then."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise BadMessage(MessageTooLong(MAX_LINE_BYTES))
        return [message for line in lines for message in self.take(line)]

    def take(self, line: bytes) -> list[Message]:
        """Return the messages that are next in order after this line's. Raise BadMessage."""
        number, message = self._checked(line)
        if number >= self._next:  # else it came before
            self._early[number] = message
        if number >= self._next + MAX_EARLY:
            raise BadMessage(MessageOutOfOrder(number, self._next))
        ready = []
        while self._next in self._early:
            ready.append(self._early.pop(self._next))
            self._next += 1
        return ready

    def _checked(self, line: bytes) -> tuple[int, Message]:
        if len(line) > MAX_LINE_BYTES:
            raise BadMessage(MessageTooLong(MAX_LINE_BYTES))
        try:
            envelope = _decode(line)
        except _BAD as error:
            raise BadMessage(MessageUnreadable(one_line(repr(line[:40])), one_line(error))) from error
        kind = self._kinds.get(envelope.kind)
        if kind is None:
            raise BadMessage(UnknownMessage(one_line(repr(envelope.kind))))
        try:
            message: Message = msgspec.convert(_printable(envelope.body), kind)
        except _BAD as error:
            raise BadMessage(MessageUnreadable(one_line(envelope.kind), one_line(error))) from error
        _refuse_unknown_fields(envelope.kind, envelope.body, message)
        return envelope.number, message


def _within_limit(value: Any) -> Any:
    return value[:MAX_TEXT_CHARS] if isinstance(value, str) else value


def _plain(value: object) -> Any:
    """Return what `json` writes for the values in a message that it does not know."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"no message holds a {type(value).__name__}")


def _printable(body: Mapping[str, Any]) -> dict[str, Any]:
    """Take control characters out of the texts, for they end up in logs and on the screen."""
    return {name: clean(value) if isinstance(value, str) else value for name, value in body.items()}


def _refuse_unknown_fields(kind: str, body: Mapping[str, Any], message: Any) -> None:
    names = {field.name for field in dataclasses.fields(message)}
    for name, value in body.items():
        if name not in names:
            raise BadMessage(UnknownField(kind, one_line(repr(name))))
        inner = getattr(message, name)
        if isinstance(value, dict) and dataclasses.is_dataclass(inner):  # a reason's data are read elsewhere
            _refuse_unknown_fields(kind, value, inner)
