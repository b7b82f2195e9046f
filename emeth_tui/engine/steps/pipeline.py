"""A job's own task: takes it from state to state until it is submitted, through every trouble that passes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from emeth_tui.backoff import Backoff
from emeth_tui.engine.context import Context
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.steps.claim import claim
from emeth_tui.engine.steps.submit import submit, upload
from emeth_tui.engine.steps.train import download, train
from emeth_tui.errors import DeviceFailed, DiskFull, EmethError, NetworkError, Reverted, TransactionError
from emeth_tui.model import JobId, JobState, Severity, format_token

PASSING_TROUBLE = (
    NetworkError,
    TransactionError,
    DiskFull,
    DeviceFailed,
)  # worth another try, as long as there is time
_AT_REST = frozenset({JobState.SUBMITTED})


RETRIES = Backoff(2.0, 60.0)


class JobPipeline:
    """Drives one job. `run` returns when the job is submitted, has ended, or stands still with an error."""

    def __init__(self, context: Context, leases: WorkerLeases, job_id: JobId, retry: Backoff) -> None:
        self._context = context
        self._leases = leases
        self._job_id = job_id
        self._retry = retry
        self._told_trouble = ""
        self._resumed = asyncio.Event()
        if not context.book.get(job_id).paused:
            self._resumed.set()

    def pause(self) -> None:
        """Hold the job at its next step boundary; it keeps its worker while it trains."""
        self._resumed.clear()
        if worker := self._leases.of_job(self._job_id):
            worker.pause()

    def resume(self) -> None:
        """Let the job go on."""
        self._resumed.set()
        if worker := self._leases.of_job(self._job_id):
            worker.resume()

    async def run(self) -> None:
        """Take the job as far as it goes; its own errors end here, as one clear event."""
        try:
            await self._run_steps()
        except EmethError as error:
            self._stand_still(error)
        finally:
            self._leases.release(self._job_id)
            self._context.forecasts.forget(self._job_id)

    async def _run_steps(self) -> None:
        failures = 0
        while (step := self._next_step()) is not None:
            await self._resumed.wait()
            try:
                await step()
                failures, self._told_trouble = 0, ""
            except Reverted:
                raise
            except (*PASSING_TROUBLE, OSError) as error:
                self._report_trouble(error)
                failures += 1
                await asyncio.sleep(self._retry.delay_s(failures))

    def _next_step(self) -> Callable[[], Awaitable[None]] | None:
        if self._job_id not in self._context.book:
            return None
        job = self._context.book.get(self._job_id)
        if job.state in _AT_REST:
            return None
        return {
            JobState.CLAIMING: lambda: claim(self._context, self._job_id),
            JobState.CLAIMED: lambda: download(self._context, self._job_id),
            JobState.DOWNLOADING: lambda: download(self._context, self._job_id),
            JobState.PREPARING: self._train,
            JobState.TRAINING: self._train,
            JobState.UPLOADING: lambda: upload(self._context, self._job_id),
            JobState.SUBMITTING: lambda: submit(self._context, self._job_id),
        }[job.state]

    async def _train(self) -> None:
        choose = self._context.forecasts.choose(self._context.book.get(self._job_id))
        async with self._leases.lend(self._job_id, choose) as worker:
            await self._resumed.wait()
            await train(self._context, self._job_id, worker)

    def _report_trouble(self, error: Exception) -> None:
        """Tell of a trouble once, however often it comes back."""
        if str(error) == self._told_trouble or self._job_id not in self._context.book:
            return
        self._told_trouble = str(error)
        self._context.events.publish(
            "job_trouble",
            f"{error}; trying again",
            severity=Severity.WARNING,
            job_id=self._job_id,
            error=str(error),
        )
        with contextlib.suppress(DiskFull):  # the trouble may be that nothing can be written
            self._context.book.update(self._job_id, error=str(error))

    def _stand_still(self, error: EmethError) -> None:
        if self._job_id not in self._context.book:
            return
        job = self._context.book.update(self._job_id, error=str(error))
        held_wei = job.deposit_wei if job.state.holds_deposit else 0
        penalty_wei = self._context.rates.decline_penalty_wei(held_wei)
        timeout_wei = self._context.rates.timeout_penalty_wei(held_wei)
        cost = (
            f"; declining it costs {format_token(penalty_wei)} EMT, "
            f"letting it time out {format_token(timeout_wei)} EMT"
        )
        self._context.events.publish(
            "job_stuck",
            f"cannot go on: {error}{cost if held_wei else ''}",
            severity=Severity.ERROR,
            job_id=self._job_id,
            state=job.state.value,
            error=str(error),
            penalty_wei=penalty_wei,
            timeout_wei=timeout_wei,
        )
