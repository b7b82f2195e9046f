"""Why a job is not requested, or its result not had."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason, Wei


class NodeSendsHere(Reason):
    directory: Path
    pid: int


class NodeCannotRead(Reason):
    path: Path
    detail: ForeignText | Reason


class NotRequestedHere(Reason):
    job: str


class BrokenOff(Reason):
    pass


class RequestedBefore(Reason):
    """`job_id` is whole: who runs the command may have lost the answer that named it."""

    job_id: str
    requested_unix_s: float


class NodesRefuse(Reason):
    cause: Reason


class NothingForNodes(Reason):
    fee_wei: Wei
    verifier_fee_wei: Wei


class DatasetOverLimit(Reason):
    size_bytes: int
    limit_bytes: int


class TextChanged(Reason):
    path: Path


class OtherTextStored(Reason):
    job: str
    path: Path


class RequestUnderWay(Reason):
    job: str


class CancelUnderWay(Reason):
    job: str


class RequestNotOpen(Reason):
    job: str
    status: str


class NoResultYet(Reason):
    job: str
    status: str


class NotRequestedYet(Reason):
    path: Path


class ResultOfOtherDataset(Reason):
    epochs: int


class ResultShort(Reason):
    epochs: int
    wanted: int


class DirectoryTaken(Reason):
    path: Path


class DirectoryUnwritable(Reason):
    path: Path
    detail: ForeignText


class TaskEnded(Reason):
    task: str
    log: Path


class PromptEmpty(Reason):
    tokens: int


class ListRequests(Reason):
    pass
