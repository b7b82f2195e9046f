"""What the panels show: a snapshot, and what the workers did in the minutes before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from emeth_tui.model import JobState, WorkerPhase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emeth_tui.control.client import Attachment
    from emeth_tui.engine.gpus.reading import GpuReading
    from emeth_tui.engine.pauses.view import HeldDevice
    from emeth_tui.engine.view.series import Series, WorkerSeries
    from emeth_tui.engine.view.snapshot import Forecast, Snapshot
    from emeth_tui.job import Job
    from emeth_tui.workers.views import WorkerView

RECENT_POINTS = 60  # two minutes of a device: as much as a panel has room for
STALE_AFTER_S = 40.0  # since the last block
_BUSY = frozenset(
    {
        WorkerPhase.TRAINING,
        WorkerPhase.VALIDATING,
        WorkerPhase.SAVING,
        WorkerPhase.PREPARING,
        WorkerPhase.WRITING_RESULT,
    }
)


class Row(Struct, frozen=True):
    """A worker and its job, or a job that waits for a worker."""

    worker: WorkerView | None
    job: Job | None
    gpu: GpuReading | None = None
    series: WorkerSeries | None = None  # of the last minutes
    forecast: Forecast | None = None
    held: HeldDevice | None = None  # where the device rests, but for a job that is finished first

    @property
    def at_work(self) -> bool:
        """Whether the worker is training this row's job."""
        worker = self.worker
        return worker is not None and self.job is not None and worker.job_id == self.job.job_id

    @property
    def busy(self) -> bool:
        """Whether the worker works now: one that holds a paused job does not."""
        held = self.job is not None and self.job.paused
        return self.at_work and not held and self.worker is not None and self.worker.phase in _BUSY

    @property
    def fraction(self) -> float:
        """The fraction of the job that is trained, including the current epoch's steps."""
        if self.job is None or not self.job.epochs:
            return 0.0
        worker = self.worker
        if worker is None or not self.at_work:
            return min(1.0, self.job.epochs_done / self.job.epochs)
        within = worker.step / worker.steps if worker.steps else 0.0
        return min(1.0, (worker.epoch + within) / self.job.epochs)


class Frame(Struct, frozen=True):
    """The data that every panel draws."""

    snapshot: Snapshot
    rows: tuple[Row, ...]
    attached_to: Attachment | None = None  # the node's process, where that is not this one
    read_only: bool = False  # this screen gives no commands

    @property
    def now(self) -> float:
        return self.snapshot.at_unix_s

    @property
    def pending(self) -> list[Job]:
        """The jobs that wait for the verifier, oldest submission first."""
        waiting = [job for job in self.snapshot.jobs if job.state is JobState.SUBMITTED]
        return sorted(waiting, key=lambda job: job.submitted_at_unix_s or 0.0)

    @property
    def loading(self) -> bool:
        """Whether nothing has been read from the chain yet."""
        return self.snapshot.head is None

    def row_of(self, job: Job) -> Row | None:
        return next((row for row in self.rows if row.job and row.job.job_id == job.job_id), None)


def make_frame(
    snapshot: Snapshot,
    attached_to: Attachment | None = None,
    *,
    series: Series | None = None,
    read_only: bool = False,
) -> Frame:
    """Return the frame of a snapshot, with what the workers did before."""
    return Frame(snapshot, tuple(_rows(snapshot, series)), attached_to, read_only)


def _rows(snapshot: Snapshot, series: Series | None) -> list[Row]:
    """Return each worker with its job; free ones get the jobs that are on no worker now."""
    jobs: dict[str, Job] = {job.job_id: job for job in snapshot.jobs if job.state is not JobState.SUBMITTED}
    held = {worker.job_id for worker in snapshot.workers}
    others = [job for job in jobs.values() if job.job_id not in held]
    waiting = [job for job in others if job.seen_end is None]  # the others need no worker any more
    ending = [job for job in others if job.seen_end is not None]
    gpus = {gpu.device: gpu for gpu in snapshot.gpus}
    held_devices = {device.worker: device for device in snapshot.held}
    forecasts = {forecast.job_id: forecast for forecast in snapshot.forecasts}
    rows = []
    for worker in _by_machine(snapshot):
        job = jobs.get(worker.job_id or "")
        if job is None and waiting:
            job = waiting.pop(0)
        history = series.of(worker.index) if series else None
        forecast = forecasts.get(job.job_id) if job else None
        held_device = held_devices.get(worker.index)
        rows.append(Row(worker, job, gpus.get(worker.device), history, forecast, held_device))
    without = [*waiting, *ending]
    return [*rows, *(Row(None, job, forecast=forecasts.get(job.job_id)) for job in without)]


def _by_machine(snapshot: Snapshot) -> Sequence[WorkerView]:
    """Return the workers of each machine together: this one's first, then in the order of the hosts."""
    if not snapshot.hosts:
        return snapshot.workers
    places = {"": -1, **{host.name: place for place, host in enumerate(snapshot.hosts)}}
    return sorted(snapshot.workers, key=lambda worker: (places.get(worker.host, len(places)), worker.host))


class Outlook(Struct, frozen=True):
    """When a job will end and its deadline, in seconds from now. `slack_s` is the least time between."""

    low_s: float
    high_s: float
    deadline_s: float
    slack_s: float

    @property
    def role(self) -> str:
        """Good while there is time for a quarter more than forecast."""
        if self.slack_s < 0:
            return "bad"
        return "warn" if self.slack_s < max(60.0, self.high_s / 4) else "good"


def outlook(row: Row, now: float) -> Outlook | None:
    """Return the outlook of a row's job; None while nothing is measured, or the job is paused."""
    return None if row.job is None or row.job.paused else outlook_if_resumed(row, now)


def outlook_if_resumed(row: Row, now: float) -> Outlook | None:
    """Return what the outlook would be if the job went on now."""
    if row.job is None or row.forecast is None or not row.forecast.left.measured:
        return None
    left = row.forecast.left
    return Outlook(left.low_s, left.high_s, row.job.deadline_unix_s - now, row.forecast.slack_s)
