"""Having a model lie ready: a process of its own fetches and checks it, so no worker is kept from a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio

from emeth_tui.errors import WorkerError
from emeth_tui.workers.link import NoNews, ProcessDied, ProcessLink
from emeth_tui.workers.messages import JobFailed, ModelReady, ModelRequest, Preparing, Shutdown, StartFailed
from emeth_tui.workers.process import WorkerConfig
from emeth_tui.workers.worker import FAILURES, Limits

NAME = "models"
LEAVE_WITHIN_S = 2.0
OnFetching = Callable[[float, str], None]  # how much has arrived, 0 to 1, and the same in words


async def make_ready(log_dir: Path, model: str, on_fetching: OnFetching) -> None:
    """Return when a model lies on this machine and fits together; `on_fetching` hears of its download alone.

    What has arrived is kept when this is cancelled. Must run on the event loop's thread. Raises TrainingError
    or DiskFull when there is no such model to be had, WorkerError when the process breaks off.
    """
    log_path = log_dir / f"{NAME}.log"
    link = ProcessLink(WorkerConfig(NAME, "cpu", str(log_path), threads=1))
    try:
        link.send(ModelRequest(model))
        await _until_ready(link, on_fetching, Limits())
    except (ProcessDied, NoNews) as error:
        raise WorkerError(
            f"model {model!r}: fetching it broke off: {error}; its log is {log_path}"
        ) from error
    finally:
        with anyio.CancelScope(shield=True):
            link.send(Shutdown())
            await link.end(LEAVE_WITHIN_S)


async def _until_ready(link: ProcessLink, on_fetching: OnFetching, limits: Limits) -> None:
    limit_s = limits.start_s
    while True:
        match await link.receive(limit_s):
            case ModelReady():
                return
            case Preparing(fraction, detail):
                on_fetching(fraction, detail)
            case JobFailed(kind, reason):
                raise FAILURES.get(kind, WorkerError)(reason)
            case StartFailed(reason):
                raise WorkerError(reason)
        limit_s = limits.preparing_s
