"""How long jobs will take on this node's devices, by measurements that outlive restarts."""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from emeth_tui.engine.estimates.durations import (
    ASSUMED,
    AT_HOST,
    TEXT_QUANTITIES,
    Duration,
    Remaining,
    Task,
    at_host,
    by_formula,
    by_measurement,
    device_at,
    gauge_for,
    on_device_s,
    shared_left,
    shared_out,
)
from emeth_tui.engine.estimates.meters import LEAST_TRANSFER_BYTES, TrainingMeter, TransferMeter
from emeth_tui.engine.estimates.ranges import NOTHING, Range, exactly, figure, spanning
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.errors import EmethError, JobError
from emeth_tui.job import Job
from emeth_tui.model import Averaging, JobId, JobState, Language
from emeth_tui.notices.notice import Reason
from emeth_tui.protocol.parameters import MIN_EPOCHS, JobParameters, epochs_to_train, parse_parameters
from emeth_tui.store.measurements import KEPT_MEASUREMENTS, Gauge, Measurement, MeasurementTable, Quantity
from emeth_tui.workers.supervisor import Worker

logger = logging.getLogger(__name__)
_TRAINED_NOW = frozenset({JobState.PREPARING, JobState.TRAINING})
_NOT_TRAINED_YET = frozenset({JobState.CLAIMING, JobState.CLAIMED, JobState.DOWNLOADING})


class Measurements:
    """This node's measurements, in memory and in the store, and the figures made from them."""

    def __init__(self, table: MeasurementTable, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now
        self._kept: defaultdict[Gauge, deque[Measurement]] = defaultdict(
            lambda: deque(maxlen=KEPT_MEASUREMENTS)
        )
        self._figures: dict[Gauge, Range] = {}
        self._places: set[str] = set()
        self._remember(table.all())

    def keep(self, measurements: Sequence[Measurement]) -> None:
        """Store measurements."""
        if not measurements:
            return
        self._remember(measurements)
        try:
            self._table.add(measurements, at_unix_s=self._now())
        except EmethError as error:  # no job stops because its speed cannot be stored
            logger.error("measurements could not be stored: %s", error)

    def figure(self, gauge: Gauge, newer: Sequence[Measurement] = ()) -> Range | None:
        """Return a figure, with `newer` measurements included; None while there are no measurements."""
        if newer:
            return figure([*self._kept.get(gauge, ()), *newer])
        if gauge not in self._figures and gauge in self._kept:
            self._figures[gauge] = figure(self._kept[gauge])
        return self._figures.get(gauge)

    def figure_of_equals(self, gauge: Gauge, kind: str) -> Range | None:
        """Return the figure of an equal device: of this machine's, or else all that hosts' figures span.

        `kind` is "" for what depends on no device. A host may be wrong about what it has, and about how fast
        it is: what it says is taken last.
        """
        if (own := self.figure(replace(gauge, place=kind))) is not None:
            return own
        places = (place for place in self._places if not kind or place.startswith(kind + AT_HOST))
        spans = [span for place in places if (span := self.figure(replace(gauge, place=place)))]
        return spanning(spans) if spans else None

    def _remember(self, measurements: Iterable[Measurement]) -> None:
        for one in measurements:
            self._places.add(one.gauge.place)
            self._kept[one.gauge].append(one)
            self._figures.pop(one.gauge, None)


@dataclass(slots=True)
class _Track:
    """What is being measured for one job."""

    transfer: TransferMeter | None = None
    training: TrainingMeter | None = None


AsScheduled = Callable[[Duration, str, float | None], Duration]  # see `Schedule.as_scheduled`


def at_any_hour(needed: Duration, _device: str, _start: float | None = None) -> Duration:
    """Wait for no hours."""
    return needed


def lacks_nothing(_worker: Worker, _task: Task) -> Reason | None:
    """Take every worker to be ready for any job."""
    return None


def unknown_power(_device: str) -> float | None:
    """Know of no device what it takes."""
    return None


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a job would take, waiting for the device's hours included, and on which worker."""

    duration: Duration
    worker: Worker


class Forecasts:
    """Estimates jobs before they are claimed and while they run, and measures them for the next estimate."""

    def __init__(
        self,
        measurements: Measurements,
        leases: WorkerLeases,
        storage_host: str,
        as_scheduled: AsScheduled = at_any_hour,
        power_w: Callable[[str], float | None] = unknown_power,
        host_refusal: Callable[[Worker, Task], Reason | None] = lacks_nothing,
    ) -> None:
        """`power_w` is what a device takes at work, `host_refusal` why a worker's host takes no such job."""
        self._measurements = measurements
        self._leases = leases
        self._host = storage_host
        self._as_scheduled = as_scheduled
        self._power_w = power_w
        self._host_refusal = host_refusal
        self._tracks: defaultdict[JobId, _Track] = defaultdict(_Track)

    # -- measuring

    def transfer(self, job_id: JobId, quantity: Quantity, *, fresh: bool = True) -> TransferMeter:
        """Start measuring a download or an upload; `transferred` ends it."""
        meter = TransferMeter(quantity, self._host, fresh=fresh)
        self._tracks[job_id].transfer = meter
        return meter

    def transferred(self, job_id: JobId, size_bytes: int) -> None:
        """Store the measurement of a complete transfer."""
        meter, self._tracks[job_id].transfer = self._tracks[job_id].transfer, None
        if meter is not None:
            self._measurements.keep(meter.finished(size_bytes))

    def training(self, job: Job, worker: Worker) -> None:
        """Start measuring a job's training on a worker; `left_training` ends it."""
        self._tracks[job.job_id].training = TrainingMeter(
            Task.of(job), device_at(worker.kind, worker.host), parts=job.parts
        )

    def heard(self, job_id: JobId, message: object) -> None:
        """Handle a message from the job's worker."""
        if meter := self._tracks[job_id].training:
            self._measurements.keep(meter.take(message))

    def left_training(self, job_id: JobId) -> None:
        """Store the measurements of the training so far, finished or not."""
        meter, self._tracks[job_id].training = self._tracks[job_id].training, None
        if meter is not None:
            self._measurements.keep(meter.close())

    def moved(self, host: str, quantity: Quantity, size_bytes: int, seconds: float) -> None:
        """Store how long a file took on its way to a host or from there."""
        if size_bytes >= LEAST_TRANSFER_BYTES and seconds > 0.0:
            self._measurements.keep([Measurement(Gauge(quantity, host), size_bytes, seconds)])

    def averaged(self, job: Job, seconds: float) -> None:
        """Store how long an epoch's average took."""
        amount = job.parts * Task.of(job).result_bytes
        self._measurements.keep([Measurement(_averaging(job.averaging), amount, max(seconds, 1e-3))])

    def forget(self, job_id: JobId) -> None:
        """Forget a job that is no longer worked on."""
        self._tracks.pop(job_id, None)

    # -- estimating

    def plan(self, task: Task) -> Plan:
        """Estimate a job that is not ours yet, on the free worker that would take it."""
        return self._best_of(self._candidates(task), task, Remaining.all_of(task))

    def listed(
        self,
        dataset_bytes: int,
        param: str | None,
        models: Callable[[Language], str],
        batch_sizes: Callable[[str, int], int],
    ) -> Duration:
        """Estimate a job as the info server lists it, assuming the worst for what is not listed."""
        try:
            parameters = [parse_parameters(param or "")]
        except JobError:
            parameters = [JobParameters(language, MIN_EPOCHS) for language in Language]
        tasks = [
            Task(dataset_bytes, epochs_to_train(one), one.language, model, batch_sizes(model, dataset_bytes))
            for one in parameters
            for model in (models(one.language),)
        ]
        return max((self.plan(task).duration for task in tasks), key=lambda needed: needed.high_s)

    def keep_worker(self, job: Job) -> None:
        """Reserve the worker by which a job was judged, until the job has been trained or is lost."""
        task = Task.of(job)
        if workers := self.able(self._leases.free, task) or self.able(self._leases.resting, task):
            self._leases.keep(job.job_id, self.choose(job)(workers))

    def choose(self, job: Job) -> Callable[[Sequence[Worker]], Worker]:
        """Return the function that chooses among free workers for a job of ours."""
        return lambda workers: self._best_of(workers, Task.of(job), self._remaining(job)).worker

    def left(self, job: Job, *, resumes_unix_s: float | None = None) -> Duration:
        """Estimate the time until an open job of ours is submitted, if it continued now, or at another time.

        It waits for its device's hours, unless it is finished first.
        """
        if resumes_unix_s is None and job.paused:
            resumes_unix_s = job.paused_until_unix_s
        worker = self._leases.place_of(job.job_id)
        if worker is None and _is_shared_now(job):  # another part has it, or all wait
            worker = next(iter(self._leases.members_of(job.job_id) or self._candidates(Task.of(job))), None)
        if worker is None:
            needed = self._best_of(
                self._candidates(Task.of(job)),
                Task.of(job),
                self._remaining(job),
                self._waiting(job, resumes_unix_s),
            ).duration
            return _later(needed, self._until_free(Task.of(job))) if job.state in _TRAINED_NOW else needed
        return self._waiting(job, resumes_unix_s)(self.work_left(job), worker.device)

    def work_left(self, job: Job) -> Duration:
        """Estimate how long an open job of ours would take if no pause held it up."""
        task, remaining = Task.of(job), self._remaining(job)
        worker = self._leases.place_of(job.job_id)
        if _is_shared_now(job):
            return self._left_of_shared(job)
        if worker is None:
            return self._best_of(self._candidates(task), task, remaining, _no_waiting).duration
        return self._work_of(worker, task, remaining, self._meter_of(job))

    def together(self, job: Job, workers: Sequence[Worker], averaging: Averaging = "fp32") -> Duration:
        """Estimate what is left of a job if these workers share it out; with one, if it has it to itself.

        `averaging` is what they would hand over.
        """
        task, remaining = Task.of(job), self._remaining(job)
        each = [self._work_of(worker, task, remaining) for worker in workers]
        slowest = max(each, key=lambda duration: duration.expected_s)
        if len(workers) == 1:
            return slowest
        return shared_out(slowest, task, len(workers), self._averaging_rate(averaging))

    def delivery(self, job: Job) -> Duration:
        """Estimate the way of a trained job's result to the storage, from the host where it is if any."""
        task = Task.of(job)
        remaining = Remaining(upload_bytes=task.result_bytes, fetch_bytes=task.result_bytes)
        worker = next(iter(self._leases.members_of(job.job_id) or self._candidates(task)))
        return self._work_of(worker, task, remaining)

    def _until_free(self, task: Task) -> Range:
        """Estimate when the first worker that may take a job is done with its own; 0 where nobody knows."""
        leases = self._leases
        if self.able(leases.free, task) or self.able(leases.resting, task):
            return NOTHING
        waits = [self._until_done(worker) for worker in self.able(leases.usable, task)]
        return min(waits, key=lambda wait: wait.expected, default=NOTHING)

    def _until_done(self, worker: Worker) -> Range:
        job_id = self._leases.job_on(worker)
        track = None if job_id is None else self._tracks.get(job_id)
        if track is None or (training := track.training) is None:
            return NOTHING
        remaining = replace(training.remaining(), upload_bytes=0.0)
        return self._work_of(worker, training.task, remaining, training).span

    def _left_of_shared(self, job: Job) -> Duration:
        """Estimate what is left of a job that is shared out, over the workers that it has or may take."""
        task, remaining = Task.of(job), self._remaining(job)
        workers = [*self._leases.members_of(job.job_id), *self._leases.free]
        rounds = -(-job.parts // max(1, min(len(workers), job.parts)))
        first, training = self._leases.place_of(job.job_id), self._meter_of(job)
        share, candidates = 1 / job.parts, workers[: job.parts] or self._candidates(task)
        if first is not None and training is not None:  # which says what is left of its part
            share, candidates = 1.0, [first]
        each = [self._work_of(worker, task, remaining, training) for worker in candidates]
        alone = max(each, key=lambda duration: duration.expected_s)
        weights = exactly(remaining.epochs * job.parts * task.result_bytes)
        loading = self._measurements.figure(
            gauge_for(Quantity.LOADING, task, device=device_at(candidates[0].kind, candidates[0].host))
        )
        starts = remaining.epochs * rounds if rounds > 1 else 0.0
        return shared_left(
            alone,
            share,
            weights.at_rate(self._averaging_rate(job.averaging)),
            (loading or ASSUMED[Quantity.LOADING]).times(starts),
            rounds,
        )

    def _meter_of(self, job: Job) -> TrainingMeter | None:
        return self._tracks[job.job_id].training if job.job_id in self._tracks else None

    def _averaging_rate(self, averaging: Averaging) -> Range:
        """Return at how many bytes of weights a second members average; until measured, as in full."""
        known = (self._measurements.figure(_averaging(way)) for way in (averaging, "fp32"))
        return next((figure for figure in known if figure), ASSUMED[Quantity.AVERAGING])

    def begun_elsewhere(self, job: Job, epochs_kept: int) -> Duration:
        """Estimate a job of ours on a free worker, going on from a checkpoint of `epochs_kept` epochs."""
        task = Task.of(job)
        epochs = max(0, task.epochs - epochs_kept)
        remaining = replace(
            Remaining.all_of(task),
            download_bytes=0.0,
            epochs=epochs,
            validations=epochs,
            send_bytes=task.dataset_bytes + (task.checkpoint_bytes if epochs_kept else 0),
        )
        return self._best_of(self._candidates(task), task, remaining).duration

    def able(self, workers: Sequence[Worker], task: Task) -> list[Worker]:
        """Return those of some workers whose host, if they have one, lacks nothing for a job."""
        one_of = {worker.host: worker for worker in workers}  # what a host lacks, each of its devices lacks
        lacking = {host for host, worker in one_of.items() if self._host_refusal(worker, task) is not None}
        return [worker for worker in workers if worker.host not in lacking]

    def _candidates(self, task: Task) -> Sequence[Worker]:
        """Return the workers that may take a job: those that are free, else those that rest, else any."""
        free, resting = self._leases.free, self._leases.resting
        able = self.able(free, task) or self.able(resting, task)
        return able or free or resting or self._leases.workers

    def _waiting(self, job: Job, resumes_unix_s: float | None) -> Callable[[Duration, str], Duration]:
        """Return what adds a job's waiting to its work."""
        if self._leases.is_exempt(job.job_id) and resumes_unix_s is None:
            return _no_waiting
        return lambda work, device: self._as_scheduled(work, device, resumes_unix_s)

    def _remaining(self, job: Job) -> Remaining:
        task = Task.of(job)
        everything = Remaining.all_of(task)
        track = self._tracks.get(job.job_id, _Track())
        moved_bytes = track.transfer.done_bytes if track.transfer else 0
        if job.state in _NOT_TRAINED_YET:
            return replace(everything, download_bytes=max(0, task.dataset_bytes - moved_bytes))
        if job.state in _TRAINED_NOW:
            if track.training is not None:
                return track.training.remaining()
            epochs = task.epochs - job.epochs_done
            return replace(everything, download_bytes=0.0, epochs=epochs, validations=epochs)
        if job.state is JobState.UPLOADING:
            return Remaining(upload_bytes=max(0, task.result_bytes - moved_bytes))
        return Remaining()

    def _best_of(
        self,
        workers: Sequence[Worker],
        task: Task,
        remaining: Remaining,
        waiting: Callable[[Duration, str], Duration] | None = None,
    ) -> Plan:
        """Return the measured worker that is done first, or if none is measured the first to be done."""
        waiting = waiting or (lambda work, device: self._as_scheduled(work, device, None))
        unalike = _unalike(workers)
        measured = [
            self._plan(self._with_transfers(work, worker, remaining), worker, waiting)
            for worker in unalike
            if (work := self._on(worker, task, remaining))
        ]
        if not measured:
            work = self._unmeasured(task, remaining)
            measured = [
                self._plan(self._with_transfers(work, worker, remaining), worker, waiting)
                for worker in unalike
            ]
        return min(measured, key=lambda plan: plan.duration.expected_s)

    def _plan(self, work: Duration, worker: Worker, waiting: Callable[[Duration, str], Duration]) -> Plan:
        """Return how long work takes on a worker with its waiting, and what the device takes meanwhile."""
        power_w = self._power_w(worker.device)
        energy_j = None if power_w is None else power_w * on_device_s(work)
        return Plan(replace(waiting(work, worker.device), energy_j=energy_j), worker)

    def _on(
        self, worker: Worker, task: Task, remaining: Remaining, training: TrainingMeter | None = None
    ) -> Duration | None:
        place = device_at(worker.kind, worker.host)

        def figure_of(gauge: Gauge) -> Range | None:
            is_of_text = gauge.quantity in TEXT_QUANTITIES
            if gauge.place != place and not is_of_text:
                return self._measurements.figure(gauge)
            is_own = training is not None and gauge == gauge_for(gauge.quantity, task, device=place)
            samples = training.samples(gauge.quantity) if training is not None and is_own else ()
            own = self._measurements.figure(gauge, samples)
            return own or self._measurements.figure_of_equals(gauge, "" if is_of_text else worker.kind)

        return by_measurement(task, remaining, device=place, host=self._host, figures=figure_of)

    def _work_of(
        self, worker: Worker, task: Task, remaining: Remaining, training: TrainingMeter | None = None
    ) -> Duration:
        work = self._on(worker, task, remaining, training) or self._unmeasured(task, remaining)
        return self._with_transfers(work, worker, remaining)

    def _with_transfers(self, work: Duration, worker: Worker, remaining: Remaining) -> Duration:
        if not worker.host:
            return work
        return at_host(work, remaining, worker.host, self._measurements.figure)

    def _unmeasured(self, task: Task, remaining: Remaining) -> Duration:
        """Estimate for a device that never trained this: by the formula, and no faster than our slowest."""
        formula = by_formula(task, remaining)
        known = [
            duration.span
            for worker in _unalike(self._leases.workers)
            if (duration := self._on(worker, task, remaining))
        ]
        if not known:
            return formula
        slowest = max(known, key=lambda span: span.high)
        return Duration.of(slowest.worse(formula.span), measured=False)


def _is_shared_now(job: Job) -> bool:
    return job.parts > 1 and job.state in _TRAINED_NOW


def _averaging(way: Averaging) -> Gauge:
    return Gauge(Quantity.AVERAGING, "" if way == "fp32" else way)


def _later(needed: Duration, wait: Range) -> Duration:
    """Return what begins after a wait; its phases are work, and waiting is none."""
    span = needed.span + wait
    return replace(needed, low_s=span.low, expected_s=span.expected, high_s=span.high)


def _no_waiting(work: Duration, _device: str) -> Duration:
    return work


def _unalike(workers: Sequence[Worker]) -> list[Worker]:
    """Return one worker of each kind and device: others take as long."""
    unalike = {(worker.kind, worker.device): worker for worker in reversed(workers)}
    return list(unalike.values())[::-1]
