"""Estimates on a real network: by formula first, then by what a job has shown, on the device it gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.engine.estimates.durations import Phase, Remaining, Task, by_formula, gauge_for
from emeth_tui.engine.estimates.forecasts import Forecasts, Measurements
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.errors import DiskFull
from emeth_tui.model import Averaging, JobId, JobState, Language
from emeth_tui.notices.events.market import Idle
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import NoneTaken
from emeth_tui.notices.reasons.network.host import NotAskedYet
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store.database import Store
from emeth_tui.store.measurements import Gauge, Measurement, Quantity
from emeth_tui.words.sentences import english
from tests.engine.harness import Harness, RunningNode
from tests.engine.quick_worker import EPOCH_TOKENS, QuickWorker, Script
from tests.factories import make_job

MODEL = "devnet-small"
BATCH = 8  # blocks, as in `make_job`
TASK = Task(dataset_bytes=1_000_000, epochs=30, language=Language.EN, model=MODEL, batch_size=BATCH)


async def job_done(network: Harness, node: RunningNode, **job: Any) -> None:
    job_id = await network.post(**job)
    await node.event("submitted", job_id)
    await network.verify(job_id)
    await node.event("verified", job_id)


@pytest.mark.slow
async def test_after_one_job_the_next_claim_is_judged_by_measurement(network: Harness) -> None:
    # Fast enough for what the formula refuses: 183 s, whatever the size.
    script = Script(tokens_per_s=100_000.0)
    refused = await network.post(fee_emt=25, lifetime_s=250)
    async with network.node(script=script, claims__safety_margin_s=100) as node:
        await node.event("idle")
        measured = await network.post(fee_emt=20)
        await node.event("submitted", measured)
        await node.event("submitted", refused)

        idle = [english(event.body) for event in node.seen if event.kind == "idle"]
        kept = {one.gauge.quantity for one in node.store.measurements.all()}
    assert "by the reference's formula" in idle[0]
    # Small, quick, alone, and here.
    others = {Quantity.DOWNLOAD, Quantity.UPLOAD, Quantity.WRITING, Quantity.AVERAGING}
    others |= {Quantity.SENDING, Quantity.FETCHING}
    assert kept == set(Quantity) - others


@pytest.mark.slow
async def test_what_the_formula_would_accept_is_refused_by_measurement_across_a_restart(
    network: Harness,
) -> None:
    # 30 epochs of 1,000 tokens take 5,000 s and more; the formula says 183 s at the most.
    script = Script(tokens_per_s=6.0)
    async with network.node(script=script) as node:
        await job_done(network, node, lifetime_s=7_200)
        await node.stop()

    late = await network.post(fee_emt=29, lifetime_s=5_000)
    async with network.node(script=script) as node:
        idle = await node.event("idle")
        (offer,) = node.node.snapshot().offers

    assert "as measured here" in english(idle.body)
    assert offer.needed.measured
    assert offer.needed.low_s < 30 * EPOCH_TOKENS / 6.0 < offer.needed.high_s
    assert idle.body == Idle(NoneTaken(1, offer.refusal))
    assert (await network.job(late)).status is JobStatus.REQUESTED


@pytest.mark.slow
async def test_a_running_job_tells_what_is_left_and_its_slack(network: Harness) -> None:
    script = Script(tokens_per_s=100.0, hold_before_epoch=21)
    async with network.node(script=script) as node:
        job_id = await network.post(lifetime_s=7_200)
        while (await node.event("epoch_done", job_id)).body.epoch != 20:
            pass
        snapshot = node.node.snapshot()
        (forecast,) = snapshot.forecasts
        script.go_on.set()
        await node.event("submitted", job_id)
        afterwards = node.node.snapshot().forecasts

    (job,) = snapshot.jobs
    assert forecast.job_id == job_id
    assert forecast.left.measured
    # 10 of 30 epochs of 1,000 tokens, and of 100 to validate, at 100 a second; the upload is a guess
    assert forecast.left.low_s < 110.0 < forecast.left.high_s < 200.0
    assert forecast.slack_s == pytest.approx(job.deadline_unix_s - snapshot.at_unix_s - forecast.left.high_s)
    assert afterwards == ()


@pytest.mark.slow
async def test_a_job_that_turns_late_is_one_warning(network: Harness) -> None:
    script = Script(tokens_per_s=2.0, hold_before_epoch=4)  # 15,000 s, and the deadline is in 7,200
    async with network.node(script=script) as node:
        job_id = await network.post(lifetime_s=7_200)
        late = await node.event("running_late", job_id)
        script.go_on.set()
        await node.event("submitted", job_id)

        warnings = [event for event in node.node.snapshot().events if event.kind == "running_late"]
    assert late.body.low_s > late.body.deadline_s
    assert len(warnings) == 1


@pytest.mark.slow
async def test_a_kept_worker_is_let_go_with_its_job(network: Harness) -> None:
    async with network.node(devices=2, script=Script(hold_before_epoch=1)) as node:
        first, second = await network.post(fee_emt=25), await network.post(fee_emt=20)
        await node.events(("training", first), ("training", second))
        await node.node.decline_job(first)
        third = await network.post(fee_emt=15)
        await node.event("training", third)

        assert [job.state for job in node.node.snapshot().jobs] == [JobState.TRAINING] * 2


# -- which device an estimate is for


def trained(device: str, tokens_per_s: float) -> list[Measurement]:
    tokens = gauge_for(Quantity.TOKENS, TASK, device=device)
    return [
        Measurement(Gauge(Quantity.TRAINING, device, MODEL, batch=BATCH), tokens_per_s * 100.0, 100.0),
        Measurement(tokens, 25_000.0, 100_000.0),
    ]


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    with Store(tmp_path) as store:
        yield Measurements(store.measurements, lambda: 1.0)


def forecasts(kept: Measurements, *devices: str) -> tuple[Forecasts, WorkerLeases]:
    workers: Any = [QuickWorker(index, device, Script()) for index, device in enumerate(devices)]
    leases = WorkerLeases(workers)
    return Forecasts(kept, leases, "storage.example"), leases


def test_a_job_is_judged_by_the_free_device_that_will_take_it(kept: Measurements) -> None:
    estimates, leases = forecasts(kept, "cpu", "gpu")
    kept.keep([*trained("cpu", 1_000.0), *trained("gpu", 50_000.0)])
    job = make_job(dataset_bytes=TASK.dataset_bytes, model=MODEL)

    fast = estimates.plan(TASK)
    estimates.keep_worker(job)
    slow = estimates.plan(TASK)

    assert (fast.worker.device, slow.worker.device) == ("gpu", "cpu")
    assert slow.duration.expected_s > 20 * fast.duration.expected_s
    assert leases.place_of(job.job_id) is fast.worker
    assert estimates.left(job) == fast.duration


@pytest.mark.parametrize(("devices", "rounds"), [(4, 1), (3, 1), (2, 2), (1, 3)])
def test_with_fewer_workers_than_parts_an_epoch_takes_more_rounds(
    kept: Measurements, devices: int, rounds: int
) -> None:
    kept.keep([*trained("gpu", 50_000.0), Measurement(Gauge(Quantity.LOADING, "gpu", MODEL), 4.0, 1.0)])
    job = make_job(
        dataset_bytes=TASK.dataset_bytes,
        model=MODEL,
        batch_size=BATCH,
        state=JobState.TRAINING,
        epochs=30,
        epochs_done=10,
        parts=3,
    )
    alone = forecasts(kept, "gpu")[0].left(replace(job, parts=1))

    left = forecasts(kept, *["gpu"] * devices)[0].left(job)

    seconds = {each.phase: each.seconds.expected for each in left.phases}
    alone_s = {each.phase: each.seconds.expected for each in alone.phases}
    assert seconds[Phase.TRAIN] == pytest.approx(alone_s[Phase.TRAIN] / 3 * rounds)
    assert seconds[Phase.VALIDATE] == pytest.approx(alone_s[Phase.VALIDATE] * rounds)
    starts_s = 4.0 * 20 * rounds if rounds > 1 else 0.0
    assert seconds[Phase.START] - alone_s[Phase.START] == pytest.approx(starts_s)
    assert seconds[Phase.SAVE] > alone_s[Phase.SAVE]  # the averages


def test_averages_in_bytes_are_measured_for_themselves(kept: Measurements) -> None:
    estimates, leases = forecasts(kept, "gpu", "gpu")
    kept.keep(trained("gpu", 50_000.0))
    job = make_job(dataset_bytes=TASK.dataset_bytes, model=MODEL, state=JobState.TRAINING, parts=2)
    ways: tuple[Averaging, ...] = ("fp32", "int8")

    estimates.averaged(job, 8.0)
    as_long = [estimates.together(job, leases.workers, way).expected_s for way in ways]
    estimates.averaged(replace(job, averaging="int8"), 2.0)
    shorter = [estimates.together(job, leases.workers, way).expected_s for way in ways]

    assert as_long[0] == as_long[1] == shorter[0]  # not measured yet: as in full
    assert shorter[0] - shorter[1] == pytest.approx(6.0 * job.epochs)


def test_a_job_that_waits_for_a_worker_begins_when_the_first_one_is_done(kept: Measurements) -> None:
    estimates, leases = forecasts(kept, "gpu", "cpu")
    kept.keep([*trained("gpu", 50_000.0), *trained("cpu", 1_000.0)])
    training = {"dataset_bytes": TASK.dataset_bytes, "model": MODEL, "state": JobState.TRAINING}
    jobs = [make_job(job_id=JobId(f"0x{number:032x}"), **training) for number in range(3)]
    alone = estimates.left(jobs[2])
    for job, worker in zip(jobs, leases.workers, strict=False):
        leases.keep(job.job_id, worker)
        leases._lent.add(job.job_id)
        estimates.training(job, worker)

    waits = estimates.left(jobs[2])

    busy_s = estimates.left(jobs[0]).expected_s
    assert busy_s < waits.expected_s < alone.expected_s + busy_s < estimates.left(jobs[1]).expected_s
    assert waits.low_s > alone.low_s
    assert waits.measured


def test_a_device_alike_needs_no_measurement_of_its_own(kept: Measurements) -> None:
    estimates, leases = forecasts(kept, "gpu", "gpu")
    kept.keep(trained("gpu", 50_000.0))
    leases.keep(make_job().job_id, leases.workers[0])

    assert estimates.plan(TASK).duration.measured


def test_a_device_that_never_trained_is_taken_for_no_faster_than_the_slowest(kept: Measurements) -> None:
    estimates, leases = forecasts(kept, "gpu", "new")
    kept.keep(trained("gpu", 50_000.0))
    measured = estimates.plan(TASK)
    leases.keep(make_job().job_id, measured.worker)

    guess = estimates.plan(TASK)

    assert guess.worker.device == "new"
    assert not guess.duration.measured
    assert guess.duration.high_s >= max(measured.duration.high_s, 183.0)


def at_host(estimates: Forecasts, leases: WorkerLeases, host: str, kind: str) -> Any:
    """Add a device of a host."""
    worker: Any = QuickWorker(len(leases.workers), f"{host} · {kind}", Script())
    worker.host, worker.kind = host, kind
    leases.add(worker)
    return worker


def test_an_equal_device_of_a_host_needs_no_measurement_of_its_own(kept: Measurements) -> None:
    estimates, leases = forecasts(kept, "gpu")
    kept.keep(trained("gpu", 50_000.0))
    here = estimates.plan(TASK)
    far = at_host(estimates, leases, "b", "gpu")
    leases.keep(make_job().job_id, here.worker)

    there = estimates.plan(TASK)

    assert there.worker is far
    assert there.duration.measured
    transfers = [one for one in there.duration.phases if one.phase in {Phase.SEND, Phase.FETCH}]
    assert [one.seconds.high for one in transfers] == [1.0, TASK.result_bytes / 1e6]  # before any is measured
    added = sum(one.seconds.expected for one in transfers)
    assert there.duration.expected_s == pytest.approx(here.duration.expected_s + added)


def test_transfers_are_as_quick_as_they_were_with_that_host(kept: Measurements) -> None:
    estimates, leases = forecasts(kept, "gpu")
    kept.keep(trained("gpu", 50_000.0))
    leases.keep(make_job().job_id, leases.workers[0])
    at_host(estimates, leases, "b", "gpu")
    estimates.moved("c", Quantity.FETCHING, 10**9, 1.0)  # another host
    estimates.moved("b", Quantity.FETCHING, 1_000, 10.0)  # too little to say anything
    before = estimates.plan(TASK).duration
    estimates.moved("b", Quantity.SENDING, 10**8, 1.0)
    estimates.moved("b", Quantity.FETCHING, 10**8, 1.0)
    after = estimates.plan(TASK).duration

    seconds = {one.phase: one.seconds.expected for one in after.phases}
    assert (seconds[Phase.SEND], seconds[Phase.FETCH]) == (0.01, TASK.result_bytes / 10**8)
    assert before.high_s > after.high_s


def test_without_measurements_the_formula_and_the_transfers_count(kept: Measurements) -> None:
    estimates, leases = forecasts(kept)
    at_host(estimates, leases, "b", "gpu")

    needed = estimates.plan(TASK).duration

    assert not needed.measured
    assert needed.high_s == by_formula(TASK, Remaining.all_of(TASK)).high_s + (1e6 + TASK.result_bytes) / 1e6


def test_what_a_host_measured_changes_nothing_for_a_device_with_figures_of_its_own(
    kept: Measurements,
) -> None:
    estimates, leases = forecasts(kept, "gpu")
    kept.keep(trained("gpu", 50_000.0))
    before = estimates.plan(TASK)
    far = at_host(estimates, leases, "b", "gpu")
    kept.keep(trained("gpu · b", 1e12))
    leases.keep(make_job().job_id, far)

    assert estimates.plan(TASK) == before


def test_a_device_without_figures_goes_by_all_that_equal_ones_at_hosts_have_shown(kept: Measurements) -> None:
    estimates, _leases = forecasts(kept, "gpu")
    assert not estimates.plan(TASK).duration.measured
    kept.keep([*trained("gpu · b", 50_000.0), *trained("gpu · c", 5_000.0), *trained("gpu2 · c", 1.0)])

    seconds = {one.phase: one.seconds for one in estimates.plan(TASK).duration.phases}

    assert seconds[Phase.TRAIN].low < 30 * 250_000 / 50_000.0
    assert 30 * 250_000 / 5_000.0 < seconds[Phase.TRAIN].high < 30 * 250_000 / 2_500.0


def test_a_host_that_lacks_something_is_no_candidate(kept: Measurements) -> None:
    workers: Any = [QuickWorker(0, "cpu", Script())]
    leases = WorkerLeases(workers)
    lacking: list[Any] = []
    estimates = Forecasts(
        kept,
        leases,
        "storage.example",
        host_refusal=lambda worker, _task: NotAskedYet() if worker in lacking else None,
    )
    far = at_host(estimates, leases, "b", "gpu")
    kept.keep([*trained("cpu", 1_000.0), *trained("gpu · b", 50_000.0)])
    job = make_job(dataset_bytes=TASK.dataset_bytes, model=MODEL)
    assert estimates.plan(TASK).worker is far

    lacking.append(far)

    assert estimates.plan(TASK).worker is workers[0]
    estimates.keep_worker(job)
    assert leases.place_of(job.job_id) is workers[0]
    estimates.keep_worker(make_job(job_id=JobId("0x" + "1" * 32)))
    assert leases.free == [far]


def test_another_language_of_the_same_model_is_not_measured_yet(kept: Measurements) -> None:
    estimates, _leases = forecasts(kept, "gpu")
    kept.keep(trained("gpu", 50_000.0))
    japanese = Task(TASK.dataset_bytes, 30, Language.JA, MODEL, BATCH)

    assert estimates.plan(TASK).duration.measured
    assert not estimates.plan(japanese).duration.measured


def test_what_a_listing_leaves_out_is_taken_at_its_worst(kept: Measurements) -> None:
    estimates, _leases = forecasts(kept, "gpu")
    kept.keep([*trained("gpu", 50_000.0), Measurement(Gauge(Quantity.TOKENS, "", MODEL, "ja"), 9e4, 1e5)])
    told = '{"language": "en", "epoch": 60}'

    needed = {
        param: estimates.listed(
            TASK.dataset_bytes, param, lambda _language: MODEL, lambda _model, _bytes: BATCH
        ).high_s
        for param in (None, "nonsense", told)
    }

    worst = estimates.plan(Task(TASK.dataset_bytes, 30, Language.JA, MODEL, BATCH)).duration.high_s
    assert needed[None] == needed["nonsense"] == worst
    assert (
        needed[told]
        == estimates.plan(Task(TASK.dataset_bytes, 60, Language.EN, MODEL, BATCH)).duration.high_s
    )


def test_measurements_outlive_a_restart_and_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path) as store:
        before = Measurements(store.measurements, lambda: 1.0)
        before.keep(trained("gpu", 50_000.0))
        gauge = Gauge(Quantity.TRAINING, "gpu", MODEL, batch=BATCH)
        first = before.figure(gauge)
        with monkeypatch.context() as broken:

            def refuse(*_args: object, **_options: object) -> None:
                raise DiskFull(Foreign("no room"))

            broken.setattr(store.measurements, "add", refuse)
            before.keep(trained("gpu", 10_000.0))
        changed = before.figure(gauge)
        again = Measurements(store.measurements, lambda: 1.0)

        assert again.figure(gauge) == first != changed
