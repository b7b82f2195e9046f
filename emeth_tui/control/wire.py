"""The messages on the control socket: one JSON object per line, dataclasses as pydantic writes them.

The node speaks first, with a hello. Each question has a number, and its answer or error carries the same one:

    <- {"hello": {"protocol": 1, "version": "0.1.0", "pid": 1234}}
    -> {"id": 1, "ask": "job", "job_id": "0x6f2a…"}
    <- {"id": 1, "answer": {…}}      or      {"id": 1, "error": {"kind": …}}

After the question "events", events and the newest progress of jobs come in between; last comes a goodbye:

    <- {"event": {…}}                <- {"progress": {…}}                <- {"goodbye": "ended"}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from emeth_tui.engine.events import JobProgress
from emeth_tui.engine.settings_editor import SettingsView
from emeth_tui.engine.view.records import JobRecord
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.errors import ControlError
from emeth_tui.job import Job
from emeth_tui.model import JournaledTransaction
from emeth_tui.notices.event import Event
from emeth_tui.notices.reasons.control import AnswerNotUnderstood, NotControlJson
from emeth_tui.protocol.contracts import ChainJob

PROTOCOL = 1  # with different numbers the two sides do not understand each other
MAX_QUESTION_BYTES = 4_096
MAX_ANSWER_BYTES = 64 * 1024 * 1024  # a history of ten thousand jobs takes about eight
MAX_ROWS = 10_000
MAX_LOG_BYTES = 1_000_000

Topic = Literal[
    "snapshot", "events", "job", "history", "transactions", "chain_record", "settings", "logs", "log_tail"
]
_ANSWERS: dict[str, Any] = {
    "snapshot": Snapshot,
    "events": None,
    "job": JobRecord | None,
    "history": list[Job],
    "transactions": list[JournaledTransaction],
    "chain_record": ChainJob | None,
    "settings": SettingsView,
    "logs": list[str],
    "log_tail": list[str],
    "event": Event,
    "progress": JobProgress,
}


@dataclass(frozen=True, slots=True)
class Hello:
    """The node's process, its program's version and its protocol version."""

    protocol: int
    version: str
    pid: int


class Question(BaseModel):
    """A client's question. It comes from another process, so everything in it is checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int = Field(ge=0, le=2**53)
    ask: Topic
    job_id: str = Field("", max_length=64)
    limit: int = Field(1, ge=1, le=MAX_ROWS)
    name: str = Field("", max_length=255)
    max_bytes: int = Field(1, ge=1, le=MAX_LOG_BYTES)


def line(words: dict[str, Any]) -> bytes:
    """Encode one line."""
    return json.dumps(words).encode("ascii") + b"\n"


def parts(received: bytes) -> dict[str, Any]:
    """Decode one line. Raise ControlError when it is not a JSON object."""
    try:
        words = from_json(received)  # bounds nesting by itself
    except ValueError:
        words = None
    if not isinstance(words, dict):
        raise ControlError(NotControlJson())
    return words


def pack(kind: str, value: object) -> Any:
    """Convert an answer, an event or progress to JSON values."""
    return _adapter(kind).dump_python(value, mode="json")


def unpack(kind: str, value: object) -> Any:
    """Convert it back. Raise ControlError when it does not have the form that this version expects."""
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        raise ControlError(AnswerNotUnderstood(_first(error))) from None


def without_bytes(transaction: JournaledTransaction) -> JournaledTransaction:
    """Return a transaction without its signed bytes, which are for the chain alone."""
    return replace(transaction, raw=b"")


def record_without_bytes(record: JobRecord) -> JobRecord:
    """Return a job's record without the signed bytes of its transactions."""
    return replace(record, transactions=tuple(without_bytes(tx) for tx in record.transactions))


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(Hello if kind == "hello" else _ANSWERS[kind])


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
