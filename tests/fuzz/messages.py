"""What processes send each other: workers' lines, the control socket's, and notices as data."""

from __future__ import annotations

import json

from pydantic import ValidationError
from pydantic_core import from_json

from emeth_tui.control.wire import Question, line, pack, parts, unpack
from emeth_tui.errors import ControlError
from emeth_tui.model import JobState
from emeth_tui.notices.events.job import JobStuck
from emeth_tui.notices.notice import EventBody, Reason, from_data, to_data
from emeth_tui.notices.reasons.market import MissesMargin, NoneTaken, TimeMeasured
from emeth_tui.notices.reasons.network.chain import ChainDown
from emeth_tui.notices.reasons.network.exchange import AnswerTooSlow
from emeth_tui.training import reports
from emeth_tui.words.sentences import english
from emeth_tui.workers.messages import FailureKind, JobFailed, Ready, ToChild, ToParent
from emeth_tui.workers.wire import BadMessage, Reader, Writer
from tests.fuzz.target import Target
from tests.tui.stand_in import snapshot

DOWN = ChainDown(AnswerTooSlow("http://x", 20.0))
MESSAGES: list[ToParent] = [
    Ready(1, "cuda:0", "GPU", "GPU-1"),
    reports.Preparing(0.5, reports.Stage.TOKENISING),
    reports.Prepared("ab" * 32, 1_000, 10, 0, 0, 100, 0.5, 0.1),
    reports.Progress(1, 30, 2, 10, 3.5, 1_000.0, reports.Work(10, 1.0, 1, 0.5, 0.0)),
    reports.Untrained(3.6),
    reports.EpochDone(1, 3.5, 3.4, 12.0, best_loss=3.4),
    reports.BackToBest(3, 1, 3.4),
    reports.CheckpointKept(1, 2, 3),
    reports.Diverged(3, to_data(DOWN)),
    reports.ResultWritten("checkpoint.pt", 5),
    JobFailed(FailureKind.DATASET, to_data(DOWN)),
]
NOTICES = [
    DOWN,
    NoneTaken(3, MissesMargin(60, TimeMeasured(1, 2))),
    JobStuck(JobState.TRAINING, DOWN, 10**18, 2 * 10**18),
]


def targets() -> list[Target]:
    return [
        Target(
            "workers' messages", [Writer().line(message) for message in MESSAGES], _from_worker, (BadMessage,)
        ),
        Target(
            "orders to a worker",
            [Writer().line(reports.TrainRequest("0x1", "en", 30, "0x1", "gpt2"))],
            _to_worker,
            (BadMessage,),
            share=0.5,
        ),
        Target(
            "control questions",
            [b'{"id": 1, "ask": "job", "job_id": "0x6f"}', b'{"id": 2, "ask": "logs", "limit": 5}'],
            Question.model_validate_json,
            (ValidationError,),
            share=0.5,
        ),
        Target("control answers", _answers(), _control_answer, (ControlError,), share=2.0),
        Target("notices", [json.dumps(to_data(notice)).encode() for notice in NOTICES], _notice),
    ]


def _from_worker(data: bytes) -> None:
    Reader(ToParent).feed(data)


def _to_worker(data: bytes) -> None:
    Reader(ToChild).feed(data)


def _answers() -> list[bytes]:
    hello = {"protocol": 1, "version": "0.1.0", "pid": 1}
    return [
        line({"hello": hello}),
        line({"id": 1, "answer": pack("snapshot", snapshot())}),
        line({"id": 2, "error": to_data(DOWN)}),
    ]


def _control_answer(data: bytes) -> None:
    words = parts(data)
    if "hello" in words:
        unpack("hello", words["hello"])
    if "answer" in words:
        unpack("snapshot", words["answer"])
    if "error" in words:
        english(from_data(Reason, words["error"]))


def _notice(data: bytes) -> None:
    try:
        content = from_json(data)
    except ValueError:
        return
    for family in (Reason, EventBody):
        notice = from_data(family, content)
        assert english(notice).isprintable()
        assert from_data(family, to_data(notice)) == notice
