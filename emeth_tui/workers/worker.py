"""One device's worker, as the parent drives it: jobs in, results out, whatever happens to the process.

A process that dies in the middle of a job is replaced, and the job goes on from its last checkpoint, inside
`train`. Liveness is progress: a process that is silent for longer than its phase allows is replaced too.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from emeth_tui.errors import DatasetError, DeviceFailed, DiskFull, EmethError, TrainingError, WorkerError
from emeth_tui.foreign_text import one_line
from emeth_tui.model import WorkerPhase
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.network.breaches import (
    MoreEpochsThanAsked,
    PartWithoutResult,
    ResultOfPart,
    ResultTooEarly,
    SentInPlaceOf,
)
from emeth_tui.notices.reasons.worker import (
    DeviceDoesNotStart,
    LeftBetweenJobs,
    NoProcess,
    NoProgressThroughDeaths,
    ProcessSilent,
    RulesBroken,
    WorkerBusy,
    WorkerClosed,
)
from emeth_tui.training import reports
from emeth_tui.training.reports import Event, TrainRequest
from emeth_tui.workers import messages
from emeth_tui.workers.limits import Limits
from emeth_tui.workers.link import LinkFactory, NoNews, ProcessDied, WorkerConfig, WorkerLink
from emeth_tui.workers.local import LocalProcess
from emeth_tui.workers.messages import FailureKind, JobFailed, ToParent
from emeth_tui.workers.views import TrainedResult, WorkerView, view_after

HashFor = Callable[[str, int], str]
OnMessage = Callable[[object], None]
OnChange = Callable[[WorkerView], None]
log = logging.getLogger(__name__)
FAILURES: dict[FailureKind, type[EmethError]] = {
    FailureKind.DATASET: DatasetError,
    FailureKind.TRAINING: TrainingError,
    FailureKind.DISK: DiskFull,
}
_NO_JOB: dict[str, Any] = {  # the fields of a view that speak of a job
    **dict.fromkeys(("job_id", "train_loss", "valid_loss", "tokens_per_s")),
    **dict.fromkeys(("epoch", "epochs", "step", "steps"), 0),
    **dict.fromkeys(("part", "parts"), 1),
}
_DEATHS_OF_QUICK_STEPS = 2  # in a row: what compiled or recorded steps do to a device and driver may be why


class _StartFailed(ProcessDied):
    """A process that never got hold of its device."""


@dataclass(slots=True)
class _Job:
    """A job as `train` carries it from process to process."""

    request: TrainRequest
    hash_for: HashFor
    on_message: OnMessage
    dataset_digest: str = ""
    valid_loss: float = math.nan
    trained: bool = False  # by the process at work
    resumed_at: tuple[int, int] = (-1, -1)
    deaths: int = 0

    @property
    def next_request(self) -> TrainRequest:
        """What to ask the next process for: where some have died in a row, the plainest way to train."""
        return dataclasses.replace(self.request, quick_steps=self.deaths < _DEATHS_OF_QUICK_STEPS)


class Worker:
    """One device and the process that works on it."""

    def __init__(
        self,
        index: int,
        config: WorkerConfig,
        limits: Limits,
        on_change: OnChange,
        open_link: LinkFactory = LocalProcess,
        on_device_failed: Callable[[Worker], None] = lambda worker: None,
    ) -> None:
        """`on_device_failed` is called when a job found that the device does not start any more."""
        self.index = index
        self.host = config.host
        self.device = f"{config.host} · {config.device}" if config.host else config.device
        self._config = config
        self._limits = limits
        self._on_change = on_change
        self._open_link = open_link
        self._on_device_failed = on_device_failed
        self._usable = False
        self._link: WorkerLink | None = None
        self._busy = False
        self._exchange = asyncio.Lock()  # one at a time speaks with the process
        self._pings = 0
        self._paused = False
        self._asked_at = -math.inf  # to pause or to resume, by the event loop's clock
        self._closing = False
        self._away: Reason | None = None
        self._view = WorkerView(index, self.device, host=self.host)

    @property
    def busy(self) -> bool:
        """True while `train` runs."""
        return self._busy

    @property
    def usable(self) -> bool:
        """True when jobs may be given to it: its device started, and the last start did not fail."""
        return self._usable and not self._closing and self._away is None

    @property
    def kind(self) -> str:
        """Name the device so that its speed can be remembered: the same for devices that are alike."""
        name = self._view.device_name or self.device
        return f"{name}, {self._config.threads} threads" if self._config.device == "cpu" else name

    @property
    def view(self) -> WorkerView:
        """What the worker is doing right now."""
        if self._away is not None:
            return dataclasses.replace(self._view, phase=WorkerPhase.AWAY, detail=self._away)
        return self._view

    @property
    def away(self) -> Reason | None:
        """Why the worker's host is not reached; None while it is. A job that it has stays there."""
        return self._away

    @away.setter
    def away(self, reason: Reason | None) -> None:
        if reason != self._away:
            self._away = reason
            self._on_change(self.view)

    async def start(self) -> None:
        """Spawn the process and wait until it holds its device. Raise DeviceFailed."""
        try:
            async with self._exchange:
                await self._ensure_link()
        except ProcessDied as error:
            self._show(phase=WorkerPhase.DOWN, pid=None, detail=error.reason)
            raise self._device_failed(error.reason) from error

    async def why_silent(self) -> Reason | None:
        """Return why an idle worker does not answer, None when it does. One at work answers by its progress.

        A process that does not answer in time is ended; the worker is not usable until it is started again.
        """
        if self._busy:
            return None
        async with self._exchange:
            link = self._link
            try:
                if link is None:
                    raise ProcessDied(LeftBetweenJobs())
                self._pings += 1
                await _until_pong(link, self._pings, self._limits.answer_s)
                return None
            except (ProcessDied, NoNews) as error:
                if self._closing or (self._away is not None and isinstance(error, NoNews)):
                    return None  # of a host that is away nothing else is to be heard
                if link is not None:
                    await self._discard(link)
                self._usable = False
                self._show(phase=WorkerPhase.DOWN, pid=None, detail=error.reason)
                return error.reason

    async def train(
        self, request: TrainRequest, *, hash_for: HashFor, on_message: OnMessage, shown_as: str = ""
    ) -> TrainedResult:
        """Train a job to its result file, through restarts of the process.

        `hash_for(dataset digest, epochs)` makes the last link of the hash chain when all epochs are
        trained; `on_message` receives every report on the job (`emeth_tui.training.reports`) in order.
        Cancelling stops the job: its checkpoint is written before the cancellation goes on, within
        `stop_s`, or `stop_saving_s` once the worker reports that it is saving. A part of a job, but for the
        first, has no result; `shown_as` is then the job that the view names. Raise DatasetError,
        TrainingError or DiskFull when the job cannot be trained, DeviceFailed when the device does not start
        any more, WorkerError when the process dies again and again without getting further or the pool is
        closed meanwhile.
        """
        if self._busy:
            raise WorkerError(WorkerBusy(self.index, self.device, self._view.job_id or ""))
        self._busy, self._paused = True, False
        of_job = {"epochs": request.epochs, "part": request.part, "parts": request.parts}
        self._show(**{**_NO_JOB, **of_job, "job_id": shown_as or request.job_id})
        try:
            async with self._exchange:
                return await self._train_through_deaths(_Job(request, hash_for, on_message))
        finally:
            self._busy = self._paused = False
            if not self._closing:
                self._show(phase=WorkerPhase.IDLE if self._link else WorkerPhase.DOWN, **_NO_JOB)

    def tell(self, message: messages.TakeAverage | messages.EpochCounts) -> None:
        """Tell the job's process what it waits for; without one, do nothing: it will ask again."""
        if self._busy and self._link is not None:
            self._link.send(message)

    def pause(self) -> None:
        """Pause the running job at its next step; without a job, do nothing."""
        self._ask_job(paused=True)

    def resume(self) -> None:
        """Let a paused job go on."""
        self._ask_job(paused=False)

    async def close(self, grace_s: float) -> None:
        """Have a running job save a checkpoint, and end the process: asked first, forced after `grace_s`."""
        self._closing = True
        link, self._link = self._link, None
        if link is not None:
            link.send(messages.Shutdown())
            await link.end(grace_s)
        self._show(phase=WorkerPhase.CLOSED, pid=None)

    def _ask_job(self, paused: bool) -> None:
        if self._busy and self._paused != paused:
            self._paused = paused
            self._asked_at = anyio.current_time()
            if self._link is not None:
                self._link.send(messages.Pause() if paused else messages.Resume())

    async def _train_through_deaths(self, job: _Job) -> TrainedResult:
        while True:
            try:
                return await self._attempt(await self._ensure_link(), job)
            except ProcessDied as error:
                await self._recover(job, error)

    async def _recover(self, job: _Job, error: ProcessDied) -> None:
        """Wait before the next attempt. Raise WorkerError when there is none."""
        cause = error.reason
        job.deaths += 1
        where = f"job {job.request.job_id}: worker {self.index} on {self.device}"
        if self._closing:
            raise WorkerError(WorkerClosed(self.index, self.device))
        if job.deaths > self._limits.deaths and isinstance(error, _StartFailed):
            failed = self._device_failed(cause)
            self._on_device_failed(self)
            raise failed
        if job.deaths > self._limits.deaths:
            log_path = Path(self._config.log_path)
            raise WorkerError(NoProgressThroughDeaths(self.index, self.device, job.deaths, cause, log_path))
        delay_s = self._limits.restart.delay_s(job.deaths)
        log.warning("%s: %s; going on from the last checkpoint in %.1f s", where, error, delay_s)
        self._show(
            phase=WorkerPhase.RESTARTING,
            pid=None,
            detail=cause,
            tokens_per_s=None,
        )
        await anyio.sleep(delay_s)

    async def _attempt(self, link: WorkerLink, job: _Job) -> TrainedResult:
        """Run the job in this process to its end. Raise ProcessDied when the process does not get there."""
        try:
            last = await self._follow(link, job)
        except ProcessDied:
            raise
        except NoNews as error:
            await self._discard(link)
            raise ProcessDied(error.reason) from error
        except BaseException:
            await self._stop(link)
            raise
        if isinstance(last, JobFailed):
            if last.retriable:
                await self._discard(link)  # whatever broke may have left device and library in any state
                raise ProcessDied(from_data(Reason, last.reason))
            raise FAILURES[last.kind](from_data(Reason, last.reason))
        if isinstance(last, reports.PartEnded):
            return TrainedResult("", 0, job.request.epochs, job.valid_loss)
        return TrainedResult(last.name, last.size_bytes, job.request.epochs, job.valid_loss)

    async def _follow(
        self, link: WorkerLink, job: _Job
    ) -> reports.ResultWritten | reports.PartEnded | JobFailed:
        job.trained = False
        link.send(job.next_request)
        if self._paused:
            link.send(messages.Pause())
        limit_s = self._limits.first_s
        while True:
            message = await self._next(link, limit_s)
            if isinstance(message, JobFailed):
                return message
            if isinstance(message, (messages.Ready, messages.StartFailed, messages.Pong)):
                continue  # sent before any job
            if (impossible := _why_impossible(message, job)) is not None:
                await self._discard(link)
                raise ProcessDied(RulesBroken(link.pid, impossible))
            self._view = view_after(self._view, message)
            self._on_change(self._view)
            job.on_message(message)
            if isinstance(message, (reports.ResultWritten, reports.PartEnded)):
                return message
            self._answer(link, message, job)
            limit_s = self._limits.after(message, limit_s)

    async def _next(self, link: WorkerLink, limit_s: float) -> ToParent:
        """Return the next message; while the job is paused it may be silent, `resume` starts its limit."""
        while True:
            try:
                return await link.receive(limit_s)
            except NoNews:
                resumed_long_ago = anyio.current_time() - self._asked_at >= limit_s
                stands_still = self._view.phase is WorkerPhase.PAUSED
                if not stands_still or (resumed_long_ago and not self._paused):
                    raise

    def _answer(self, link: WorkerLink, message: Event, job: _Job) -> None:
        if isinstance(message, reports.Prepared):
            job.dataset_digest = message.dataset_digest
            resumed_at = (message.resumed_epoch, message.resumed_step)
            if resumed_at > job.resumed_at:  # the process before this one was not for nothing
                job.resumed_at, job.deaths = resumed_at, 0
        elif isinstance(message, reports.Trained):
            job.valid_loss = message.valid_loss
            job.trained = True
            link.send(messages.WriteResult(job.hash_for(job.dataset_digest, message.epochs)))

    async def _stop(self, link: WorkerLink) -> None:
        """Have the job save a checkpoint and end, or else the process."""
        self._show(phase=WorkerPhase.STOPPING)
        link.send(messages.Stop())
        ends = (reports.Stopped, reports.ResultWritten, reports.PartEnded, JobFailed)
        limit_s = self._limits.stop_s
        try:
            asked = anyio.current_time()
            with anyio.move_on_after(limit_s, shield=True) as waiting:
                while not isinstance(message := await link.receive(), ends):
                    if isinstance(message, reports.Saving):
                        limit_s = self._limits.stop_saving_s
                        waiting.deadline = asked + limit_s
                return
        except ProcessDied as error:
            log.warning("worker %d on %s: %s while stopping", self.index, self.device, error)
            return
        except BaseException:  # asked again, more urgently
            await self._discard(link)
            raise
        log.warning("worker %d on %s: not stopped within %.0f s", self.index, self.device, limit_s)
        await self._discard(link)

    async def _ensure_link(self) -> WorkerLink:
        """Return the living process, a new one if need be. Raise ProcessDied when it does not get ready."""
        if self._closing:
            raise WorkerError(WorkerClosed(self.index, self.device))
        if self._link is not None:
            return self._link
        self._show(phase=WorkerPhase.STARTING, pid=None)
        try:
            link = self._link = self._open_link(self._config, self._link_ended)
        except OSError as error:
            raise _StartFailed(NoProcess(one_line(error))) from error
        try:
            message = await link.receive(self._limits.start_s)
        except (ProcessDied, NoNews) as error:
            await self._discard(link)
            raise _StartFailed(error.reason) from error
        except BaseException:
            await self._discard(link)
            raise
        if not isinstance(message, messages.Ready):
            await self._discard(link)
            if isinstance(message, messages.StartFailed):
                raise _StartFailed(from_data(Reason, message.reason))
            early = SentInPlaceOf(type(message).__name__, messages.Ready.__name__)
            raise _StartFailed(RulesBroken(link.pid, early))
        self._usable = True
        self._show(
            phase=WorkerPhase.IDLE,
            pid=message.pid,
            device_name=message.device_name,
            gpu_uuid=message.gpu_uuid,
            detail=None,
        )
        return link

    def _link_ended(self) -> None:
        self._link = None
        if not self._busy and not self._closing:
            log.warning("worker %d on %s: its process ended without a job", self.index, self.device)
            self._show(phase=WorkerPhase.DOWN, pid=None)

    def _device_failed(self, cause: Reason) -> DeviceFailed:
        self._usable = False
        log_path = Path(self._config.log_path)
        return DeviceFailed(DeviceDoesNotStart(self.index, self.device, cause, log_path))

    async def _discard(self, link: WorkerLink) -> None:
        with anyio.CancelScope(shield=True):
            await link.kill()

    def _show(self, **changes: Any) -> None:
        self._view = dataclasses.replace(self._view, **changes)
        self._on_change(self._view)


async def _until_pong(link: WorkerLink, number: int, limit_s: float) -> None:
    """Have a process say that it is ready for a job. Raise NoNews when it does not in time, ProcessDied."""
    link.send(messages.Ping(number))
    try:
        with anyio.fail_after(limit_s):
            while await link.receive(limit_s) != messages.Pong(number):
                pass  # the last words on the job before
    except TimeoutError as error:
        raise NoNews(ProcessSilent(limit_s)) from error


def _why_impossible(report: Event, job: _Job) -> Reason | None:
    """Return why a report cannot be true of the job: a hash chain of such epochs would never end."""
    counts = (getattr(report, name, 0) for name in ("epoch", "epochs", "resumed_epoch"))
    if max(counts) > job.request.epochs:
        return MoreEpochsThanAsked(job.request.epochs)
    if isinstance(report, reports.ResultWritten) and not job.trained:
        return ResultTooEarly()
    if isinstance(report, reports.PartEnded) and job.request.part == 1:
        return PartWithoutResult()
    if isinstance(report, (reports.Trained, reports.ResultWritten)) and job.request.part > 1:
        return ResultOfPart()
    return None
