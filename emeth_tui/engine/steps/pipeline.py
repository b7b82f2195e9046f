"""A job's own task: takes it from state to state until it is submitted, retrying transient errors."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from emeth_tui.backoff import Backoff
from emeth_tui.engine.context import Context
from emeth_tui.engine.cooperation.cooperation import Cooperation
from emeth_tui.engine.cooperation.sharing import share_out
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.steps.claim import claim
from emeth_tui.engine.steps.download import download
from emeth_tui.engine.steps.set_aside import (
    discard_dataset,
    give_back,
    is_given_back,
    needs_fresh_dataset,
    set_aside,
)
from emeth_tui.engine.steps.submit import submit
from emeth_tui.engine.steps.train import train
from emeth_tui.engine.steps.trouble import TroubleReports
from emeth_tui.engine.steps.upload import upload
from emeth_tui.errors import (
    DatasetError,
    DeviceFailed,
    DiskFull,
    EmethError,
    NetworkError,
    Reverted,
    StoreError,
    TrainingError,
    TransactionError,
    WorkerError,
)
from emeth_tui.foreign_text import one_line
from emeth_tui.model import JobId, JobState
from emeth_tui.notices.events.job import JobStuck
from emeth_tui.notices.notice import Reason, alike
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.workers.supervisor import Worker

PASSING_TROUBLE = (
    NetworkError,
    TransactionError,
    DiskFull,
    StoreError,
    DeviceFailed,
)  # worth another try while there is time
_AT_REST = frozenset({JobState.SUBMITTED})


RETRIES = Backoff(2.0, 60.0)
MOST_LOSSES = 3  # to passing trouble on one host


class JobPipeline:
    """Drives one job. `run` returns when the job is submitted, has ended, or has stopped with an error."""

    def __init__(self, context: Context, leases: WorkerLeases, job_id: JobId, retry: Backoff) -> None:
        self._context = context
        self._leases = leases
        self._job_id = job_id
        self._retry = retry
        self._trouble = TroubleReports(context, job_id)
        self._given_back = False
        self._refused: Reason | None = None  # by the contract, as reported
        self._losses_at: Counter[str] = Counter()  # by host
        self._resumed = asyncio.Event()
        if not context.book.get(job_id).paused:
            self._resumed.set()

    def pause(self) -> None:
        """Hold the job at its next step boundary; it keeps its worker while it trains."""
        self._resumed.clear()
        for worker in self._leases.members_of(self._job_id):
            worker.pause()

    def resume(self) -> None:
        """Resume the job."""
        self._resumed.set()
        for worker in self._leases.members_of(self._job_id):
            if not self._leases.must_rest(self._leases.part_on(worker) or self._job_id):
                worker.resume()

    async def run(self) -> None:
        """Take the job as far as it goes; its errors are handled here, as one clear event."""
        try:
            await self._run_steps()
        except EmethError as error:
            self._report_stuck(error)
        finally:
            self._leases.release(self._job_id)
            self._context.forecasts.forget(self._job_id)

    async def _run_steps(self) -> None:
        failures = 0
        while (step := self._next_step()) is not None:
            if self._context.book.get(self._job_id).paused:
                self._resumed.clear()
            await self._resumed.wait()
            try:
                await step()
                failures = 0
                self._trouble.clear()
            except DatasetError as error:
                await self._dataset_failed(error)
            except (*PASSING_TROUBLE, OSError) as error:
                self._report(error)
                failures += 1
                await asyncio.sleep(self._retry.delay_s(failures))

    def _report(self, error: EmethError | OSError) -> None:
        """Report what is tried again. What the contract refuses may last: but an endpoint may be behind."""
        if not isinstance(error, Reverted):
            self._trouble.report(error.reason if isinstance(error, EmethError) else Foreign(one_line(error)))
        elif not alike(error.reason, self._refused):
            self._refused = error.reason
            self._report_stuck(error)

    def _next_step(self) -> Callable[[], Awaitable[None]] | None:
        if self._job_id not in self._context.book:
            return None
        job = self._context.book.get(self._job_id)
        if job.state in _AT_REST or job.seen_end is not None:
            return None
        if job.is_set_aside and job.state is not JobState.CLAIMING:  # else no deposit is held any more
            return self._give_back if is_given_back(self._context) and not self._given_back else None
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
        job = share_out(self._context, self._context.book.get(self._job_id))
        if job.parts > 1:
            await Cooperation(self._context, job, self._resumed).run()
            return
        directory = self._context.disk.files.directory(self._job_id)
        choose = self._context.far.prefer(
            directory, job, self._context.forecasts.choose(job), self._failed_at
        )
        trained_at = self._context.far.trained_at(directory)
        async with self._leases.lend(self._job_id, choose, returns_to=trained_at) as worker:
            await self._resumed.wait()
            await self._train_on(worker)

    @property
    def _failed_at(self) -> set[str]:
        """The hosts that this job leaves for any other device."""
        return {host for host, losses in self._losses_at.items() if losses >= MOST_LOSSES}

    async def _train_on(self, worker: Worker) -> None:
        """Train on a worker. Whatever a host says that failed is passing trouble while others are left."""
        try:
            await train(self._context, self._job_id, worker)
        except (DatasetError, TrainingError, WorkerError, DiskFull) as error:
            if not worker.host:
                raise
            is_passing = isinstance(error, PASSING_TROUBLE)
            self._losses_at[worker.host] += 1 if is_passing else MOST_LOSSES
            if is_passing or all(other.host in self._failed_at for other in self._leases.usable):
                raise
            raise DeviceFailed(error.reason) from error

    async def _dataset_failed(self, error: DatasetError) -> None:
        """Fetch the dataset again, where that may help; set the job aside, where nothing does."""
        if needs_fresh_dataset(error):
            self._trouble.report(error.reason)
            discard_dataset(self._context, self._job_id)
            await asyncio.sleep(self._retry.delay_s(1))
        else:
            set_aside(self._context, self._job_id, error.reason)
            self._leases.release(self._job_id)

    async def _give_back(self) -> None:
        await give_back(self._context, self._job_id)
        self._given_back = True

    def _report_stuck(self, error: EmethError) -> None:
        if self._job_id not in self._context.book:
            return
        job = self._trouble.record(error.reason)
        held_wei = job.deposit_wei if job.state.holds_deposit else 0
        penalty_wei, timeout_wei = self._context.rates.giving_up_costs_wei(held_wei)
        stuck = JobStuck(job.state, error.reason, penalty_wei, timeout_wei)
        self._context.events.publish(stuck, job_id=self._job_id)
