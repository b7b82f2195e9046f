"""A snapshot as metrics, named by the conventions of Prometheus: base units, and a label for what is counted.

Labels are bounded: workers, devices, hosts, states, services and kinds of reasons; no label is a job's id.
Amounts of tokens are floats here: a rounded figure on a graph decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from emeth_tui import __version__
from emeth_tui.engine.gpus.reading import GpuReading, Slowdown
from emeth_tui.engine.hosts.view import HostView
from emeth_tui.engine.machine.reading import MachineReading
from emeth_tui.engine.view.snapshot import Deposits, Forecast, Snapshot, TodaysShare
from emeth_tui.model import WEI_PER_TOKEN, JobState, Severity, WorkerPhase
from emeth_tui.workers.views import WorkerView

EventCounts = Mapping[tuple[str, Severity], int]
_OPEN = tuple(state for state in JobState if not state.is_final)
_ENDED = tuple(state for state in JobState if state.is_final)


def families(snapshot: Snapshot, events: EventCounts) -> Iterator[Metric]:
    """Yield every metric of a node; what is not known yet has no sample."""
    yield from _node(snapshot)
    yield from _claiming(snapshot)
    yield from _workers(snapshot)
    yield from _gpus(snapshot.gpus)
    yield from _machine(snapshot.machine)
    yield from _hosts(snapshot.hosts)
    yield from _jobs(snapshot)
    if snapshot.deposits is not None:
        yield from _deposits(snapshot.deposits, snapshot.native_symbol)
    if snapshot.today is not None:
        yield from _today(snapshot.today)
    yield from _disk(snapshot)
    yield from _services(snapshot)
    yield _events(events)


def _one(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


def _each(
    name: str, text: str, labels: Iterable[str], values: Iterable[tuple[Iterable[str], float | None]]
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=list(labels))
    for of, value in values:
        if value is not None:
            family.add_metric(list(of), value)
    return family


def _emt(amount_wei: int | None) -> float | None:
    return None if amount_wei is None else amount_wei / WEI_PER_TOKEN


def _node(snapshot: Snapshot) -> Iterator[Metric]:
    facts = {
        "version": __version__,
        "network": snapshot.network,
        "chain_id": str(snapshot.chain_id),
        "address": snapshot.address,
    }
    yield InfoMetricFamily("emeth_node", "Program, network and account of the node.", facts)
    yield _one("emeth_node_clock_timestamp_seconds", "Time by which the node judges.", snapshot.at_unix_s)
    yield _each(
        "emeth_node_stopping",
        "Whether the node drains or stops.",
        ["how"],
        [([how], float(snapshot.stopping == how)) for how in ("draining", "stopping")],
    )
    head = snapshot.head
    yield _one("emeth_chain_head_block", "Number of the newest block.", head.number if head else None)
    seen = head.timestamp_unix_s if head else None
    yield _one("emeth_chain_head_timestamp_seconds", "Timestamp of the newest block.", seen)


def _claiming(snapshot: Snapshot) -> Iterator[Metric]:
    standstill = snapshot.standstill
    paused = float(snapshot.claims_paused is not None)
    yield _one("emeth_claims_paused", "Whether claiming is paused.", paused)
    yield _each(
        "emeth_claims_standstill_since_timestamp_seconds",
        "Since when no job is taken, by the kind of the reason.",
        ["reason"],
        [([standstill.reason.kind], standstill.since_unix_s)] if standstill else [],
    )
    yield _one("emeth_offers_listed", "Jobs that the last look at the market listed.", snapshot.listed)
    suitable = sum(offer.refusal is None for offer in snapshot.offers)
    yield _one("emeth_offers_suitable", "Jobs on offer that would be taken.", suitable)
    soonest = snapshot.coming[0].at_unix_s if snapshot.coming else None
    yield _one(
        "emeth_schedule_next_change_timestamp_seconds", "When hours or a timed pause change next.", soonest
    )


def _workers(snapshot: Snapshot) -> Iterator[Metric]:
    names = {worker.index: (str(worker.index), worker.device) for worker in snapshot.workers}
    labels = ["worker", "device"]
    yield _each(
        "emeth_worker_phase",
        "What each worker is doing: 1 for its phase, 0 for the others.",
        [*labels, "phase"],
        [
            ((*names[worker.index], phase.value), float(worker.phase is phase))
            for worker in snapshot.workers
            for phase in WorkerPhase
        ],
    )
    held = {device.worker: device for device in snapshot.held}
    yield _each(
        "emeth_worker_held",
        "Whether a worker's device is held, by its hours for example.",
        labels,
        [(names[worker.index], float(worker.index in held)) for worker in snapshot.workers],
    )
    yield _each(
        "emeth_worker_held_since_timestamp_seconds",
        "Since when a worker's device is held, by the kind of the reason.",
        [*labels, "reason"],
        [
            ((*names[index], device.reason.kind), device.since_unix_s)
            for index, device in held.items()
            if index in names
        ],
    )
    at_work = [worker for worker in snapshot.workers if worker.job_id is not None]
    for name, text, value in _OF_WORKERS:
        yield _each(name, text, labels, [(names[worker.index], value(worker)) for worker in at_work])
    yield from _outlooks(snapshot, names, at_work)


def _part(worker: WorkerView) -> float:
    return worker.step / worker.steps if worker.steps else 0.0


_OF_WORKERS = (
    ("emeth_worker_tokens_per_second", "Speed of training.", lambda worker: worker.tokens_per_s),
    ("emeth_worker_train_loss", "Training loss in nats per token.", lambda worker: worker.train_loss),
    ("emeth_worker_valid_loss", "Validation loss in nats per token.", lambda worker: worker.valid_loss),
    ("emeth_worker_epochs_done", "Whole epochs of the job that are done.", lambda worker: worker.epoch),
    ("emeth_worker_epochs", "Epochs of the job.", lambda worker: worker.epochs),
    ("emeth_worker_share", "Which share of the job it trains, from 1.", lambda worker: worker.part),
    ("emeth_worker_shares", "Shares of the job, one worker each.", lambda worker: worker.parts),
    ("emeth_worker_epoch_ratio", "Part of the running epoch that is trained.", _part),
)


def _outlooks(
    snapshot: Snapshot, names: Mapping[int, tuple[str, str]], at_work: Iterable[WorkerView]
) -> Iterator[Metric]:
    """Yield when the workers' jobs will be done and have to be done."""
    of_job: dict[str, Forecast] = {one.job_id: one for one in snapshot.forecasts if one.left.measured}
    deadlines = {str(job.job_id): float(job.deadline_unix_s) for job in snapshot.jobs}
    labels = ["worker", "device"]
    forecasts = [(names[worker.index], of_job.get(worker.job_id or "")) for worker in at_work]
    yield _each(
        "emeth_worker_job_left_seconds",
        "Time until the worker's job is submitted: the ends of the forecast and what is expected.",
        [*labels, "bound"],
        [
            ((*name, bound), value)
            for name, one in forecasts
            if one is not None
            for bound, value in (
                ("low", one.left.low_s),
                ("expected", one.left.expected_s),
                ("high", one.left.high_s),
            )
        ],
    )
    yield _each(
        "emeth_worker_job_slack_seconds",
        "Least time that is then left until the deadline; below 0 the job may be late.",
        labels,
        [(name, one.slack_s) for name, one in forecasts if one is not None],
    )
    yield _each(
        "emeth_worker_job_deadline_timestamp_seconds",
        "Deadline of the worker's job.",
        labels,
        [(names[worker.index], deadlines.get(worker.job_id or "")) for worker in at_work],
    )


def _gpus(gpus: Iterable[GpuReading]) -> Iterator[Metric]:
    gpus = tuple(gpus)
    figures = (
        ("emeth_gpu_utilization_ratio", "Load of the GPU.", lambda gpu: _ratio(gpu.load_percent)),
        ("emeth_gpu_memory_used_bytes", "Memory of the GPU in use.", lambda gpu: gpu.memory_used_bytes),
        ("emeth_gpu_temperature_celsius", "Temperature of the GPU.", lambda gpu: gpu.temperature_c),
        (
            "emeth_gpu_memory_temperature_celsius",
            "Temperature of the GPU's memory.",
            lambda gpu: gpu.memory_temperature_c,
        ),
        (
            "emeth_gpu_temperature_margin_celsius",
            "Temperature left until the GPU slows down.",
            lambda gpu: gpu.margin_c,
        ),
        ("emeth_gpu_power_watts", "Power that the GPU draws.", lambda gpu: gpu.power_w),
        ("emeth_gpu_fan_ratio", "Speed of the GPU's fan.", lambda gpu: _ratio(gpu.fan_percent)),
        ("emeth_gpu_others_memory_bytes", "Memory in other programs' hands.", lambda gpu: gpu.others_bytes),
        (
            "emeth_gpu_lost",
            "Whether the driver does not reach the GPU any more.",
            lambda gpu: float(gpu.lost),
        ),
    )
    for name, text, value in figures:
        yield _each(name, text, ["device"], [([gpu.device], value(gpu)) for gpu in gpus])
    energy = CounterMetricFamily(
        "emeth_gpu_energy_joules", "Taken since the GPU's driver was loaded.", labels=["device"]
    )
    for gpu in gpus:
        if gpu.energy_mj is not None:
            energy.add_metric([gpu.device], gpu.energy_mj / 1_000)
    yield energy
    yield _each(
        "emeth_gpu_slowed",
        "Whether the GPU runs slower than it could, by cause.",
        ["device", "cause"],
        [
            ((gpu.device, cause.name.lower()), float(gpu.slowdown is cause))
            for gpu in gpus
            for cause in Slowdown
        ],
    )


def _machine(machine: MachineReading) -> Iterator[Metric]:
    others = machine.others_cpu_percent
    yield _one(
        "emeth_machine_others_cpu_ratio",
        "Part of all cores that other programs use.",
        None if others is None else others / 100,
    )
    yield _one(
        "emeth_machine_memory_available_bytes", "Memory that programs can have.", machine.free_memory_bytes
    )
    yield _one("emeth_machine_battery_ratio", "Charge of the battery.", _ratio(machine.battery_percent))
    yield _one(
        "emeth_machine_on_battery",
        "Whether the machine runs on its battery.",
        None if machine.on_battery is None else float(machine.on_battery),
    )


def _hosts(hosts: Iterable[HostView]) -> Iterator[Metric]:
    hosts = tuple(hosts)
    for name, text, value in _OF_HOSTS:
        yield _each(name, text, ["host"], [([host.name], value(host)) for host in hosts])
    moved = CounterMetricFamily(
        "emeth_host_file_bytes",
        "Files that went to the host and came home since the node started.",
        labels=["host", "direction"],
    )
    for host in hosts:
        moved.add_metric([host.name, "out"], host.traffic.out_bytes)
        moved.add_metric([host.name, "home"], host.traffic.home_bytes)
    yield moved


_OF_HOSTS = (
    ("emeth_host_joined", "Whether the host is reached.", lambda host: float(host.joined)),
    ("emeth_host_draining", "Whether the host gets no new jobs.", lambda host: float(host.draining)),
    ("emeth_host_away_seconds", "For how long the host has not been reached.", lambda host: host.away_s),
    (
        "emeth_host_disk_free_bytes",
        "Free on the host's disk when it last joined.",
        lambda host: host.free_bytes,
    ),
    (
        "emeth_host_checkpoint_age_seconds",
        "Age of what the node has of the host's jobs, of the oldest one.",
        lambda host: host.checkpoint_age_s,
    ),
)


def _ratio(percent: int | None) -> float | None:
    return None if percent is None else percent / 100


def _jobs(snapshot: Snapshot) -> Iterator[Metric]:
    yield _each(
        "emeth_jobs",
        "Jobs of the node that have not ended, by state.",
        ["state"],
        [([state.value], sum(job.state is state for job in snapshot.jobs)) for state in _OPEN],
    )
    yield _one("emeth_jobs_paused", "Open jobs that are paused.", sum(job.paused for job in snapshot.jobs))
    stopped = sum(job.error is not None for job in snapshot.jobs)
    yield _one("emeth_jobs_in_trouble", "Open jobs that have stopped with an error.", stopped)
    yield _each(
        "emeth_jobs_ended_today",
        "Jobs that ended since 00:00 UTC, by state.",
        ["state"],
        [([state.value], sum(job.state is state for job in snapshot.ended_today)) for state in _ENDED],
    )
    slacks = [one.slack_s for one in snapshot.forecasts if one.left.measured]
    least = min(slacks, default=None)
    yield _one("emeth_jobs_least_slack_seconds", "Slack of the job that is nearest to being late.", least)
    waiting = [job for job in snapshot.jobs if job.state is JobState.SUBMITTED]
    oldest = min((job.submitted_at_unix_s for job in waiting if job.submitted_at_unix_s), default=None)
    yield _one(
        "emeth_jobs_oldest_submission_timestamp_seconds",
        "When the result was submitted that waits longest for the verifier.",
        oldest,
    )


def _deposits(deposits: Deposits, native_symbol: str) -> Iterator[Metric]:
    amounts = (
        ("emeth_account_free_emt", "EMT of the account.", deposits.free_wei),
        ("emeth_deposits_locked_emt", "Deposits that the contract holds.", deposits.locked_wei),
        ("emeth_deposits_at_risk_emt", "Loss if every open job ended badly.", deposits.at_risk_wei),
        ("emeth_deposits_returned_today_emt", "Returned since 00:00 UTC.", deposits.returned_today_wei),
        ("emeth_deposits_lost_today_emt", "Lost since 00:00 UTC.", deposits.lost_today_wei),
        ("emeth_deposits_locked_limit_emt", "The owner's limit of deposits.", deposits.staked_limit_wei),
        ("emeth_deposits_lost_limit_emt", "The owner's limit of a day's losses.", deposits.lost_limit_wei),
    )
    for name, text, amount_wei in amounts:
        yield _one(name, text, _emt(amount_wei))
    symbol = [native_symbol]
    yield _each(
        "emeth_account_native_balance",
        "Native token of the account, which pays for transactions.",
        ["symbol"],
        [(symbol, _emt(deposits.native_wei))],
    )
    yield _each(
        "emeth_transaction_native_cost",
        "Recent average cost of a transaction in the native token.",
        ["symbol"],
        [(symbol, _emt(deposits.native_per_transaction_wei or None))],
    )


def _today(today: TodaysShare) -> Iterator[Metric]:
    share = today.share
    yield _each(
        "emeth_day_gas",
        "Gas of the day: this node's and everyone's.",
        ["whose"],
        [(["own"], share.own_gas), (["all"], share.total_gas)],
    )
    yield _one("emeth_day_reward_emt", "Reward if the day ended now.", _emt(share.own_reward_wei))
    yield _one("emeth_day_ends_timestamp_seconds", "When the day ends.", today.ends_at_unix_s)
    waiting_wei = sum(closed.withdrawable_wei for closed in today.waiting)
    yield _one("emeth_rewards_waiting_emt", "Rewards of closed days to withdraw.", _emt(waiting_wei))
    yield _one("emeth_rewards_waiting_slots", "Closed days with a reward to withdraw.", len(today.waiting))


def _disk(snapshot: Snapshot) -> Iterator[Metric]:
    disk = snapshot.disk
    yield _one("emeth_disk_used_bytes", "Used by jobs.", disk.used_bytes)
    yield _one("emeth_disk_committed_bytes", "Used by jobs, or reserved for them.", disk.committed_bytes)
    yield _one("emeth_disk_limit_bytes", "The owner's limit for jobs.", disk.limit_bytes)
    yield _one("emeth_disk_free_bytes", "Free on the file system.", disk.free_bytes)


def _services(snapshot: Snapshot) -> Iterator[Metric]:
    yield _each(
        "emeth_service_up",
        "Whether a service that the node needs answers.",
        ["service"],
        [([one.name.value], float(one.broken_since_unix_s is None)) for one in snapshot.services],
    )


def _events(events: EventCounts) -> Metric:
    family = CounterMetricFamily(
        "emeth_events", "Events since the node started, by kind.", labels=["kind", "severity"]
    )
    for (kind, severity), count in sorted(events.items()):
        family.add_metric([kind, severity.value], count)
    return family
