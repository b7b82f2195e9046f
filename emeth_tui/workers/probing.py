"""Trying a device: a process of its own trains on it for a moment, and leaves nothing behind."""

from __future__ import annotations

import os

import anyio

from emeth_tui.errors import WorkerError
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.training.reports import Probed, ProbeRequest
from emeth_tui.workers.cores import usable_cores
from emeth_tui.workers.link import NoNews, ProcessDied, WorkerConfig, WorkerLink
from emeth_tui.workers.local import LocalProcess
from emeth_tui.workers.messages import JobFailed, Ready, StartFailed

NAME = "probe"


async def probe(device: str, seconds: float, limit_s: float) -> tuple[str, Probed]:
    """Train on a device for some seconds; return the device's own name, and what came of it.

    Must run on the event loop's thread. Raise WorkerError when the device does not start or train, or takes
    longer than `limit_s` for all of it.
    """
    link = LocalProcess(WorkerConfig(NAME, device, os.devnull, threads=usable_cores(), jobs_dir=""))
    try:
        link.send(ProbeRequest(seconds))
        return await _outcome(link, limit_s)
    except (ProcessDied, NoNews) as error:
        raise WorkerError(error.reason) from error
    finally:
        with anyio.CancelScope(shield=True):
            await link.kill()


async def _outcome(link: WorkerLink, limit_s: float) -> tuple[str, Probed]:
    name = ""
    give_up_at_s = anyio.current_time() + limit_s
    while True:
        match await link.receive(give_up_at_s - anyio.current_time()):
            case Ready(device_name=name):
                pass
            case Probed() as probed:
                return name, probed
            case JobFailed(_, reason) | StartFailed(reason):
                raise WorkerError(from_data(Reason, reason))
