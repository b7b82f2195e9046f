"""The messages on the control socket: one JSON object per line, dataclasses as pydantic writes them.

The node speaks first, with a hello, or with an error if it takes no more clients; the client's hello says
what that is. Each question and each command has a number, and its answer or error carries the same one:

    <- {"hello": {"protocol": 4, "version": "0.1.0", "pid": 1234, …}}
    -> {"hello": {"protocol": 4, "place": "command_line"}}
    -> {"id": 1, "ask": "job", "job_id": "0x6f2a…"}
    <- {"id": 1, "answer": {…}}      or      {"id": 1, "error": {"kind": …}}
    -> {"id": 2, "do": "decline_job", "job_id": "0x6f2a…"}
    <- {"id": 2, "answer": null}     or      {"id": 2, "error": {"kind": …}}

Questions are answered in turn; a command that takes its time is answered when it is done. After the question
"events", events and the newest progress of jobs come in between; last comes a goodbye:

    <- {"event": {…}}                <- {"progress": {…}}                <- {"goodbye": "ended"}
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from emeth_tui.engine.events import JobProgress
from emeth_tui.engine.money.costs import DayCosts
from emeth_tui.engine.requester.orders import Estimate, FetchedModel, Order
from emeth_tui.engine.settings_editor import SettingChange, SettingsView
from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.engine.view.records import JobRecord
from emeth_tui.engine.view.series import Series, Span
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.errors import ControlError
from emeth_tui.foreign_text import ForeignText, one_line
from emeth_tui.job import Job
from emeth_tui.model import MAX_LIFETIME_S, AskedAt, JobId, JournaledTransaction, Language
from emeth_tui.network.overview import Overview
from emeth_tui.notices.event import Event
from emeth_tui.notices.reasons.control import AnswerNotUnderstood, NotControlJson, NotToBeSent, RequestTooLong
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.protocol.parameters import MAX_EPOCHS, MIN_EPOCHS

PROTOCOL = 4  # with different numbers the two sides do not understand each other
MAX_REQUEST_BYTES = 4_096
MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_ROWS = 1_000  # of one answer: to make it holds the event loop
MAX_WORDS = 20
MAX_LOG_BYTES = 1_000_000
MAX_SLOTS = 400
MAX_PAUSE_S = 30 * 86_400
MAX_PATH_CHARS = 1_024
MAX_PROMPT_CHARS = 400
_JOB_ID = r"^0x[0-9a-f]{32}$"
_HOST_NAME = r"^[a-z0-9][a-z0-9_-]{0,23}$"  # hosts.messages
_PATH = r"^/[^\x00]*$"

Topic = Literal[
    "snapshot",
    "events",
    "job",
    "jobs",
    "day_costs",
    "transactions",
    "series",
    "chain_record",
    "network",
    "requests",
    "settings",
    "logs",
    "log_tail",
    "log_search",
]
Command = Literal[
    "pause_job",
    "resume_job",
    "pause_claims",
    "resume_claims",
    "finish_then_pause",
    "claim_job",
    "decline_job",
    "withdraw",
    "estimate_request",
    "request_job",
    "cancel_request",
    "fetch_result",
    "compare_result",
    "change_setting",
    "reload_settings",
    "drain",
    "drain_host",
    "request_stop",
]
SLOW_TOPICS = frozenset({"chain_record", "network", "requests", "log_search"})
LONG_COMMANDS = frozenset(  # they wait for the chain, or for another process
    {
        *("claim_job", "decline_job", "withdraw"),
        *("estimate_request", "request_job", "cancel_request", "fetch_result", "compare_result"),
    }
)
_ANSWERS: dict[str, Any] = {
    **dict.fromkeys(get_args(Command)),
    "pause_job": str,
    "pause_claims": str,
    "withdraw": int,
    "estimate_request": Estimate,
    "request_job": FollowedJob,
    "fetch_result": FetchedModel,
    "compare_result": dict[str, Any],
    "change_setting": list[SettingChange],
    "reload_settings": list[SettingChange],
    "snapshot": Snapshot,
    "events": None,
    "job": JobRecord | None,
    "jobs": list[Job],
    "day_costs": DayCosts,
    "transactions": list[JournaledTransaction],
    "series": Series,
    "chain_record": ChainJob | None,
    "network": Overview,
    "requests": list[FollowedJob],
    "settings": SettingsView,
    "logs": list[str],
    "log_tail": list[str],
    "log_search": list[str],
    "event": Event,
    "progress": JobProgress,
}


@dataclass(frozen=True, slots=True)
class Hello:
    """The node's process, its program's version and its protocol version, and since when it runs."""

    protocol: int
    version: str
    pid: int
    started_at_unix_s: float


class _FromClient(BaseModel):
    """Something that another process sent, so everything in it is checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Introduction(_FromClient):
    """What a client is. Its process and its user are asked of the system."""

    protocol: Literal[4]
    place: Literal[AskedAt.ATTACHED_SCREEN, AskedAt.COMMAND_LINE]


class Greeting(_FromClient):
    """A client's first line."""

    hello: Introduction


class _Request(_FromClient):
    id: int = Field(ge=0, le=2**53)


class Question(_Request):
    """A client's question."""

    ask: Topic
    job_id: str = Field("", max_length=64)
    limit: int = Field(1, ge=1, le=MAX_ROWS)
    name: str = Field("", max_length=255)
    max_bytes: int = Field(1, ge=1, le=MAX_LOG_BYTES)
    span: Span = "minutes"
    words: tuple[Annotated[str, Field(max_length=255)], ...] = Field((), max_length=MAX_WORDS)


class JobCommand(_Request):
    """A command about one job."""

    do: Literal["resume_job", "claim_job", "decline_job", "cancel_request"]
    job_id: str = Field(pattern=_JOB_ID)


class _Pause(_Request):
    """How long a pause lasts: some seconds, or until a time of day; else until it is ended."""

    for_s: int | None = Field(None, ge=1, le=MAX_PAUSE_S)
    until: str = Field("", max_length=5)


class PauseJob(_Pause):
    """The command to pause a job."""

    do: Literal["pause_job"]
    job_id: str = Field(pattern=_JOB_ID)


class PauseClaims(_Pause):
    """The command to take no new jobs."""

    do: Literal["pause_claims"]


class NodeCommand(_Request):
    """A command about the node as a whole."""

    do: Literal["resume_claims", "finish_then_pause", "reload_settings", "drain", "request_stop"]


class DrainHost(_Request):
    """The command to give a host no new jobs; with `undo`, to give it jobs again."""

    do: Literal["drain_host"]
    name: str = Field(pattern=_HOST_NAME)
    undo: bool = False


class Withdraw(_Request):
    """The command to withdraw the rewards of closed days: all, or those of some slots."""

    do: Literal["withdraw"]
    slots: tuple[Annotated[int, Field(ge=0, le=2**53)], ...] = Field((), max_length=MAX_SLOTS)


class OrderJob(_Request):
    """The command to request a job for a file, or to estimate that."""

    do: Literal["estimate_request", "request_job"]
    path: str = Field(pattern=_PATH, max_length=MAX_PATH_CHARS)
    language: Language
    epochs: int = Field(ge=MIN_EPOCHS, le=MAX_EPOCHS)
    fee_wei: int = Field(ge=0, lt=2**256)
    lifetime_s: int = Field(ge=1, le=MAX_LIFETIME_S)
    private: bool = False
    anyway: bool = False
    again: bool = False
    job_id: str | None = Field(None, pattern=_JOB_ID)

    @property
    def order(self) -> Order:
        """What is ordered."""
        return Order(
            path=Path(self.path),
            language=self.language,
            epochs=self.epochs,
            fee_wei=self.fee_wei,
            lifetime_s=self.lifetime_s,
            private=self.private,
            anyway=self.anyway,
            again=self.again,
            job_id=None if self.job_id is None else JobId(self.job_id),
        )


class FetchResult(_Request):
    """The command to fetch a result, and to write it as a model into a directory that is not there yet."""

    do: Literal["fetch_result"]
    job_id: str = Field(pattern=_JOB_ID)
    directory: str = Field(pattern=_PATH, max_length=MAX_PATH_CHARS)


class CompareResult(_Request):
    """The command to compare a result with the model that it started from."""

    do: Literal["compare_result"]
    job_id: str = Field(pattern=_JOB_ID)
    prompts: tuple[Annotated[str, Field(max_length=MAX_PROMPT_CHARS)], ...] = Field((), max_length=4)


class ChangeSetting(_Request):
    """The command to change a setting; "" restores its default."""

    do: Literal["change_setting"]
    key: str = Field(max_length=255)
    text: str = Field(max_length=MAX_REQUEST_BYTES)


AnyCommand = (
    PauseJob
    | PauseClaims
    | JobCommand
    | NodeCommand
    | DrainHost
    | Withdraw
    | OrderJob
    | FetchResult
    | CompareResult
    | ChangeSetting
)
_REQUEST: TypeAdapter[Question | AnyCommand] = TypeAdapter(Question | AnyCommand)


def read_request(received: bytes) -> Question | AnyCommand:
    """Read a client's line. Raise ValidationError for what is neither a question nor a command."""
    return _REQUEST.validate_json(received)


def request_line(words: dict[str, Any]) -> bytes:
    """Encode a question or a command. Raise ControlError for one that the node would not read."""
    try:
        encoded = line(words)
        read_request(encoded)
    except ValidationError as error:
        raise ControlError(NotToBeSent(_nearest(error))) from None
    if len(encoded) > MAX_REQUEST_BYTES:
        raise ControlError(RequestTooLong(len(encoded), MAX_REQUEST_BYTES))
    return encoded


def order_words(order: Order) -> dict[str, Any]:
    """Return an order as the details of a command."""
    return {**asdict(order), "path": str(order.path), "language": order.language.value}


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


def _first(error: ValidationError) -> ForeignText:
    return _said(_problems(error)[0])


def _nearest(error: ValidationError) -> ForeignText:
    """Return what keeps a request from being the kind that it lacks least of: each kind has its problems."""
    by_kind: dict[object, list[ErrorDetails]] = {}
    for problem in _problems(error):
        by_kind.setdefault(problem["loc"][:1], []).append(problem)
    problem = min(by_kind.values(), key=len)[0]
    return _said({**problem, "loc": problem["loc"][1:]})


def _problems(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_input=False, include_context=False)


def _said(problem: ErrorDetails) -> ForeignText:
    return one_line(": ".join([*filter(None, [".".join(map(str, problem["loc"]))]), problem["msg"]]))
