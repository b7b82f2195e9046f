"""Why a worker does not work, and what it is busy with."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class DeviceDoesNotStart(Reason):
    worker: int
    device: str
    cause: Reason
    log: Path


class NoProgressThroughDeaths(Reason):
    worker: int
    device: str
    deaths: int
    cause: Reason
    log: Path


class WorkerClosed(Reason):
    worker: int
    device: str


class WorkerBusy(Reason):
    worker: int
    device: str
    job: str


class WorkerNotRemovable(Reason):
    worker: int


class FetchingBrokeOff(Reason):
    model: str
    cause: Reason
    log: Path


class AveragingBrokeOff(Reason):
    cause: Reason
    log: Path


class NoProcess(Reason):
    detail: ForeignText


class ProcessHungUp(Reason):
    pid: int


class ProcessLeft(Reason):
    pid: int
    code: int


class ProcessKilled(Reason):
    pid: int
    signal: str


class LeftBetweenJobs(Reason):
    pass


class ProcessSilent(Reason):
    limit_s: float


class RulesBroken(Reason):
    pid: int
    cause: Reason


class AskingHub(Reason):
    pass


class WaitingForDownload(Reason):
    pass


class DownloadingModel(Reason):
    done_share: float
    size_bytes: int


class ReadingDataset(Reason):
    done_share: float


class MakingTokenizer(Reason):
    done_share: float


class Tokenising(Reason):
    done_share: float


class LoadingModel(Reason):
    pass


class StepsNotApplied(Reason):
    steps: int


class FewerBlocksAtOnce(Reason):
    blocks: int


class GoingBack(Reason):
    cause: Reason
