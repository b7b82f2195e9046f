"""Why a worker does not work, and what it is busy with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class DeviceDoesNotStart(Reason):
    worker: int
    device: str
    cause: Reason
    log: Path


@dataclass(frozen=True, slots=True)
class NoProgressThroughDeaths(Reason):
    worker: int
    device: str
    deaths: int
    cause: Reason
    log: Path


@dataclass(frozen=True, slots=True)
class WorkerClosed(Reason):
    worker: int
    device: str


@dataclass(frozen=True, slots=True)
class WorkerBusy(Reason):
    worker: int
    device: str
    job: str


@dataclass(frozen=True, slots=True)
class WorkerNotRemovable(Reason):
    worker: int


@dataclass(frozen=True, slots=True)
class FetchingBrokeOff(Reason):
    model: str
    cause: Reason
    log: Path


@dataclass(frozen=True, slots=True)
class NoProcess(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class ProcessHungUp(Reason):
    pid: int


@dataclass(frozen=True, slots=True)
class ProcessLeft(Reason):
    pid: int
    code: int


@dataclass(frozen=True, slots=True)
class ProcessKilled(Reason):
    pid: int
    signal: str


class LeftBetweenJobs(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ProcessSilent(Reason):
    limit_s: float


@dataclass(frozen=True, slots=True)
class RulesBroken(Reason):
    pid: int
    detail: str


class AskingHub(Reason):
    __slots__ = ()


class WaitingForDownload(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DownloadingModel(Reason):
    done_share: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ReadingDataset(Reason):
    done_share: float


@dataclass(frozen=True, slots=True)
class MakingTokenizer(Reason):
    done_share: float


@dataclass(frozen=True, slots=True)
class Tokenising(Reason):
    done_share: float


class LoadingModel(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class StepsNotApplied(Reason):
    steps: int


@dataclass(frozen=True, slots=True)
class FewerBlocksAtOnce(Reason):
    blocks: int


@dataclass(frozen=True, slots=True)
class GoingBack(Reason):
    cause: Reason
