"""Making a model ready: a process of its own fetches and checks it, so that no worker is kept from a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio

from emeth_tui.errors import WorkerError
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.worker import FetchingBrokeOff
from emeth_tui.training.reports import ModelReady, ModelRequest, Preparing
from emeth_tui.workers.limits import Limits
from emeth_tui.workers.link import NoNews, ProcessDied, WorkerConfig, WorkerLink
from emeth_tui.workers.local import LocalProcess
from emeth_tui.workers.messages import JobFailed, Shutdown, StartFailed
from emeth_tui.workers.worker import FAILURES

NAME = "models"
LEAVE_WITHIN_S = 2.0
OnFetching = Callable[[float], None]  # with the share that has arrived, 0 to 1


async def make_ready(
    log_dir: Path, model: str, on_fetching: OnFetching, leave_within_s: float = LEAVE_WITHIN_S
) -> None:
    """Return when a model lies on this machine and fits together; `on_fetching` reports its download alone.

    When this is cancelled, what has arrived is kept, and the process has `leave_within_s` to leave. Must run
    on the event loop's thread. Raise TrainingError or DiskFull when the model is unavailable, WorkerError
    when the process breaks off.
    """
    log_path = log_dir / f"{NAME}.log"
    link = LocalProcess(WorkerConfig(NAME, "cpu", str(log_path), threads=1, jobs_dir=""))
    try:
        link.send(ModelRequest(model))
        await _until_ready(link, on_fetching, Limits())
    except (ProcessDied, NoNews) as error:
        raise WorkerError(FetchingBrokeOff(model, error.reason, log_path)) from error
    finally:
        with anyio.CancelScope(shield=True):
            link.send(Shutdown())
            await link.end(leave_within_s)


async def _until_ready(link: WorkerLink, on_fetching: OnFetching, limits: Limits) -> None:
    limit_s = limits.start_s
    while True:
        match await link.receive(limit_s):
            case ModelReady():
                return
            case Preparing(fraction=fraction):
                on_fetching(fraction)
            case JobFailed(kind, reason):
                raise FAILURES.get(kind, WorkerError)(from_data(Reason, reason))
            case StartFailed(reason):
                raise WorkerError(from_data(Reason, reason))
        limit_s = limits.preparing_s
