"""The process that averages what members have trained: it has torch and neither key nor network."""

from __future__ import annotations

import logging
from pathlib import Path

import anyio

from emeth_tui.errors import WorkerError
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.worker import AveragingBrokeOff
from emeth_tui.training.reports import Averaged, AverageRequest
from emeth_tui.words.sentences import english
from emeth_tui.workers.limits import Limits
from emeth_tui.workers.link import NoNews, ProcessDied, WorkerConfig, WorkerLink
from emeth_tui.workers.local import LocalProcess
from emeth_tui.workers.messages import FailureKind, JobFailed, Shutdown, StartFailed
from emeth_tui.workers.worker import FAILURES

NAME = "averages"
LEAVE_WITHIN_S = 2.0
TRIES = 3
log = logging.getLogger(__name__)


async def average(
    log_dir: Path, jobs_dir: Path, request: AverageRequest, limits: Limits | None = None
) -> tuple[int, ...]:
    """Return when an average lies on the disk, for which a process is started and ended again.

    Returned are the numbers of the parts that hold the average before, and need no more than the difference.
    Must run on the event loop's thread. Raise TrainingError when what a member handed over cannot be
    averaged, DiskFull, WorkerError when the process ends again and again.
    """
    log_path = log_dir / f"{NAME}.log"
    reason: Reason | None = None
    averaged: Averaged | None = None
    for _try in range(TRIES):
        link = LocalProcess(
            WorkerConfig(NAME, "cpu", str(log_path), threads=1, jobs_dir=str(jobs_dir), forked=True)
        )
        try:
            link.send(request)
            averaged, reason = await _until_averaged(link, limits or Limits())
        except (ProcessDied, NoNews) as error:
            reason = error.reason
        finally:
            with anyio.CancelScope(shield=True):
                link.send(Shutdown())
                await link.end(LEAVE_WITHIN_S)
        if averaged is not None:
            return averaged.differences
        assert reason is not None  # noqa: S101 - for the type checker
        log.warning("averaging epoch %d of %s: %s", request.epoch, request.directory, english(reason))
    assert reason is not None  # noqa: S101 - there was a try
    raise WorkerError(AveragingBrokeOff(reason, log_path))


async def _until_averaged(link: WorkerLink, limits: Limits) -> tuple[Averaged | None, Reason | None]:
    """Return what is said at the end, or why another process may do better."""
    limit_s = limits.start_s
    while True:
        match await link.receive(limit_s):
            case Averaged() as averaged:
                return averaged, None
            case JobFailed(FailureKind.PROCESS, data) | StartFailed(data):
                return None, from_data(Reason, data)
            case JobFailed(kind, data):
                raise FAILURES[kind](from_data(Reason, data))
        limit_s = limits.saving_s
