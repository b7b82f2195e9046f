"""Why a job is not requested, or its result not had."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason, Wei


@dataclass(frozen=True, slots=True)
class NodeSendsHere(Reason):
    directory: Path
    pid: int


@dataclass(frozen=True, slots=True)
class NodesRefuse(Reason):
    cause: Reason


@dataclass(frozen=True, slots=True)
class NothingForNodes(Reason):
    fee_wei: Wei
    verifier_fee_wei: Wei


@dataclass(frozen=True, slots=True)
class DatasetOverLimit(Reason):
    size_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class RequestUnderWay(Reason):
    job: str


@dataclass(frozen=True, slots=True)
class RequestNotOpen(Reason):
    job: str
    status: str


@dataclass(frozen=True, slots=True)
class NoResultYet(Reason):
    job: str
    status: str


@dataclass(frozen=True, slots=True)
class NotRequestedYet(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class ResultOfOtherDataset(Reason):
    epochs: int


@dataclass(frozen=True, slots=True)
class ResultShort(Reason):
    epochs: int
    wanted: int


@dataclass(frozen=True, slots=True)
class DirectoryTaken(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class DirectoryUnwritable(Reason):
    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class TaskEnded(Reason):
    task: str
    log: Path


@dataclass(frozen=True, slots=True)
class PromptEmpty(Reason):
    tokens: int


class ListRequests(Reason):
    __slots__ = ()
