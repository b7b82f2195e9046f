"""Pauses, on a clock that the test moves: what begins and ends them, and that none costs a deadline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from emeth_tui.engine.context import LiveSettings
from emeth_tui.engine.disk import DiskBudget, job_needs_bytes, shared_job_needs_bytes
from emeth_tui.engine.estimates.durations import Duration, Phase, PhaseTime
from emeth_tui.engine.estimates.forecasts import Forecasts, Measurements
from emeth_tui.engine.estimates.ranges import exactly
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.machine.sensors import Sample
from emeth_tui.engine.pauses.pauses import Pauses
from emeth_tui.engine.pauses.rules import DeviceRules
from emeth_tui.engine.pauses.schedule import Schedule
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.errors import JobError, SettingsError
from emeth_tui.job import Job
from emeth_tui.model import OPERATOR, JobId, JobState, Language
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.job import DatasetUnusable, TooLateToFinish
from emeth_tui.notices.reasons.pauses.by_hand import PausedUntil
from emeth_tui.notices.reasons.pauses.hours import (
    ClaimingHoursOver,
    ClaimingStops,
    DeviceStarts,
    DeviceStops,
    JobGoesOn,
    TrainingHoursOver,
)
from emeth_tui.protocol.contracts import ROUND_3_2_RATES
from emeth_tui.protocol.replay import kept_epochs
from emeth_tui.settings import Network, Settings
from emeth_tui.store import key_values
from emeth_tui.store.database import Store
from emeth_tui.store.measurements import Gauge, Measurement, Quantity
from emeth_tui.workers.job_files import FilesUsage
from tests.engine.quick_worker import QuickWorker, Script
from tests.factories import JOB_ID, make_job

ZONE = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 7, 1, 12, tzinfo=ZONE).timestamp()  # a Wednesday
HOUR_S = 3_600
MODEL = "devnet-small"
TOKENS_PER_S = 1_000.0


class House:
    """A node's pauses and what they touch; the jobs' tasks are written down."""

    def __init__(self, store: Store, names: tuple[str, ...] = ("cpu",), **schedule: Any) -> None:
        self.now = NOON
        self.live = LiveSettings(Settings())
        self.set(time_zone="Europe/Berlin", **schedule)
        self.events = EventLog(store.events, self.clock)
        self.scripts = [Script() for _name in names]
        workers: Any = [QuickWorker(n, device, self.scripts[n]) for n, device in enumerate(names)]
        self.leases = WorkerLeases(workers)
        self.schedule = Schedule(lambda: self.live.now.schedule, self.clock)
        measurements = Measurements(store.measurements, self.clock)
        for device in set(names):
            gauge = Gauge(Quantity.TRAINING, device, MODEL, batch=8)
            measurements.keep([Measurement(gauge, TOKENS_PER_S * 1_000, 1_000.0)] * 8)
        measurements.keep([Measurement(Gauge(Quantity.TOKENS, "", MODEL, "en"), 1_000.0, 1_000.0)] * 8)
        self.book = JobBook(store.jobs, self.clock)
        self.calls: list[tuple[str, JobId]] = []
        self.claims_go_on = 0
        cache: Any = SimpleNamespace(usage=lambda: FilesUsage({}, 1_000_000_000_000))
        self.context: Any = SimpleNamespace(
            clock=SimpleNamespace(now_unix_s=self.clock),
            settings=None,
            network=Network(name="test", chain_id=1, models={}, safety_margin_s=600),
            rates=ROUND_3_2_RATES,
            store=store,
            book=self.book,
            events=self.events,
            leases=self.leases,
            schedule=self.schedule,
            disk=DiskBudget(cache, 1_000_000_000),
            forecasts=Forecasts(measurements, self.leases, "storage", self.schedule.as_scheduled),
        )
        self.context.settings = self.live.now
        tasks: Any = SimpleNamespace(
            pause=lambda job_id: self.calls.append(("pause", job_id)),
            resume=lambda job_id: self.calls.append(("resume", job_id)),
        )
        self.sample = Sample()
        sensors: Any = SensorsHeld(self)
        rules = DeviceRules(lambda: self.live.now.rules.hold, sensors, self.schedule.local)
        self.pauses = Pauses(
            self.context, tasks, rules, decline=self._decline, end_claims_pause=self._end_claims_pause
        )

    def clock(self) -> float:
        return self.now

    async def heated(self, temperature_c: int | None, *, seconds: int, device: str = "cuda:0") -> None:
        """Look every second for a while at a GPU that has a temperature."""
        self.sample = Sample(gpus=(GpuReading(device, 97, 8, temperature_c, 251.0),))
        await self.looking(seconds)

    async def looking(self, seconds: int) -> None:
        for _second in range(seconds):
            self.now += 1
            await self.pauses.look()

    def rule(self, *rules: str) -> None:
        """Set the rules, checked as in a settings file."""
        self.live.now = Settings.model_validate(
            {"schedule": self.live.now.schedule.model_dump(), "rules": {"hold": list(rules)}}
        )
        self.context.settings = self.live.now

    def set(self, **schedule: Any) -> None:
        """Change the schedule, checked as in a settings file."""
        before = self.live.now.schedule.model_dump()
        self.live.now = Settings.model_validate({"schedule": {**before, **schedule}})
        if hasattr(self, "context"):
            self.context.settings = self.live.now

    async def at(self, hours: float) -> None:
        """Look at a time, in hours after noon."""
        self.now = NOON + hours * HOUR_S
        await self.pauses.look()

    def add(self, *, work_s: float, deadline_h: float, **changes: Any) -> Job:
        """Add a job under way that needs some seconds of training at the expected speed."""
        epochs = changes.pop("epochs", 30)
        job = make_job(
            job_id=changes.pop("job_id", JOB_ID),
            state=JobState.TRAINING,
            language=Language.EN,
            model=MODEL,
            epochs=epochs,
            dataset_bytes=int(work_s * TOKENS_PER_S / epochs),
            deadline_unix_s=int(NOON + deadline_h * HOUR_S),
        )
        self.book.add(replace(job, **changes))
        return self.book.get(job.job_id)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events.recent()]

    async def _decline(self, job_id: JobId) -> None:
        self.calls.append(("decline", job_id))

    def _end_claims_pause(self) -> None:
        self.claims_go_on += 1


class SensorsHeld:
    """Sensors whose sample and clock the house has."""

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def now_s(self) -> float:
        return self._house.now

    def latest(self) -> Sample:
        return self._house.sample


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


async def test_a_device_rests_outside_its_hours_and_goes_on_within_them(store: Store) -> None:
    house = House(store, training=["22:00-06:00"])
    job = house.add(work_s=60, deadline_h=72)
    async with house.leases.lend(job.job_id):
        await house.at(0)
        assert house.scripts[0].paused
        (held,) = house.pauses.held
        assert (held.worker, held.since_unix_s, held.finishing) == (0, NOON, None)
        assert held.reason == TrainingHoursOver(round(NOON + 10 * HOUR_S), "07-01 22:00 CEST")

        await house.at(9.99)
        assert house.scripts[0].paused
        await house.at(10)
        assert not house.scripts[0].paused

    assert house.pauses.held == ()
    assert house.kinds() == ["device_held", "device_let_go"]


async def test_a_held_device_is_lent_to_nobody_before_its_hours(store: Store) -> None:
    house = House(store, training=["22:00-06:00"])
    job = house.add(work_s=60, deadline_h=72)
    await house.at(0)

    assert house.leases.free == []
    assert house.leases.resting == list(house.leases.workers)
    await house.at(10)
    assert house.leases.free == list(house.leases.workers)
    async with house.leases.lend(job.job_id) as worker:
        assert worker is house.leases.workers[0]


async def test_devices_have_hours_of_their_own(store: Store) -> None:
    house = House(store, ("cuda:0", "cuda:1"), training=["22:00-06:00"], devices=["cuda:1 00:00-24:00"])
    await house.at(0)

    assert [held.worker for held in house.pauses.held] == [0]
    assert [worker.device for worker in house.leases.free] == ["cuda:1"]


async def test_a_job_that_the_hours_would_make_late_is_finished_first(store: Store) -> None:
    house = House(store, training=["22:00-12:30"])
    job = house.add(work_s=1.5 * HOUR_S, deadline_h=8)
    async with house.leases.lend(job.job_id):
        await house.at(0.4)
        assert house.pauses.held == ()
        await house.at(0.5)
        await house.at(0.6)
        assert not house.scripts[0].paused
        assert [held.finishing for held in house.pauses.held] == [job.job_id]
        assert house.kinds().count("finishes_first") == 1
        assert house.context.forecasts.left(job).expected_s < 2 * HOUR_S

        await house.at(10)
        assert not house.leases.is_exempt(job.job_id)


async def test_a_job_that_would_be_late_gets_a_held_device_after_a_restart(store: Store) -> None:
    house = House(store, training=["22:00-06:00"])
    job = house.add(work_s=HOUR_S, deadline_h=8)
    await house.at(0)

    assert house.leases.free == []
    async with house.leases.lend(job.job_id) as worker:
        assert worker.index == 0


async def test_a_job_that_has_time_for_the_pause_is_paused(store: Store) -> None:
    house = House(store, training=["22:00-12:30"])
    job = house.add(work_s=HOUR_S, deadline_h=14)
    async with house.leases.lend(job.job_id):
        await house.at(0.5)
        assert house.scripts[0].paused
    assert "finishes_first" not in house.kinds()


async def test_a_job_that_is_late_in_any_case_is_no_reason_to_train_at_night(store: Store) -> None:
    house = House(store, training=["22:00-06:00"])
    job = house.add(work_s=9 * HOUR_S, deadline_h=2)
    async with house.leases.lend(job.job_id):
        await house.at(0)
        assert house.scripts[0].paused
    assert house.kinds() == ["device_held"]


async def test_a_job_at_risk_is_given_back_once_where_the_owner_wants_that(store: Store) -> None:
    house = House(store, training=["22:00-06:00"], job_at_risk="decline")
    job = house.add(work_s=HOUR_S, deadline_h=8)
    async with house.leases.lend(job.job_id):
        await house.at(0)
        await house.at(0.01)
        for task in list(house.pauses._declining.values()):
            await task
        assert house.calls == [("decline", job.job_id)]
    assert house.kinds().count("given_back_before_pause") == 1


async def test_a_job_at_risk_is_held_where_the_owner_wants_that_and_it_is_said_once(store: Store) -> None:
    house = House(store, training=["22:00-06:00"], job_at_risk="hold")
    job = house.add(work_s=HOUR_S, deadline_h=8)
    async with house.leases.lend(job.job_id):
        await house.at(0)
        await house.at(0.01)
        assert house.scripts[0].paused
    assert house.kinds().count("paused_at_risk") == 1
    (event,) = [event for event in house.events.recent() if event.kind == "paused_at_risk"]
    assert event.severity.value == "error"


async def test_a_pause_by_hand_ends_at_its_time(store: Store) -> None:
    house = House(store)
    job = house.add(work_s=60, deadline_h=72)
    house.pauses.pause_job(job, house.schedule.pause_end(2 * HOUR_S, ""), OPERATOR)
    assert house.calls == [("pause", job.job_id)]

    await house.at(1.99)
    assert house.book.get(job.job_id).paused
    await house.at(2)

    assert house.calls[1:] == [("resume", job.job_id)]
    assert not JobBook(store.jobs, house.clock).get(job.job_id).paused
    assert house.kinds() == ["job_paused_until", "job_resumed"]


async def test_a_pause_by_hand_that_would_cost_the_deadline_is_refused_or_the_job_given_back(
    store: Store,
) -> None:
    house = House(store)
    job = house.add(work_s=HOUR_S, deadline_h=4)

    with pytest.raises(JobError, match="not paused but finished first"):
        house.pauses.pause_job(job, NOON + 3 * HOUR_S, OPERATOR)
    house.set(job_at_risk="decline")
    with pytest.raises(JobError, match="not paused but given back"):
        house.pauses.pause_job(job, NOON + 3 * HOUR_S, OPERATOR)
    house.set(job_at_risk="hold")
    house.pauses.pause_job(job, NOON + 3 * HOUR_S, OPERATOR)

    assert house.book.get(job.job_id).paused


async def test_a_forgotten_pause_ends_while_there_is_time(store: Store) -> None:
    house = House(store)
    job = house.add(work_s=HOUR_S, deadline_h=6)
    house.pauses.pause_job(job, None, OPERATOR)
    latest_h = 6 - house.context.forecasts.work_left(job).high_s / HOUR_S

    await house.at(latest_h - 0.01)
    assert house.book.get(job.job_id).paused
    await house.at(latest_h + 0.01)

    assert not house.book.get(job.job_id).paused
    assert house.kinds() == ["job_paused", "finishes_first", "job_resumed"]


async def test_a_forgotten_pause_ends_whatever_trouble_the_job_once_had(store: Store) -> None:
    house = House(store)
    job = house.add(work_s=HOUR_S, deadline_h=6, error=Foreign("the storage did not answer"))
    house.pauses.pause_job(job, None, OPERATOR)

    for hours in (4, 4.5, 4.9, 5.5):
        await house.at(hours)

    assert not house.book.get(job.job_id).paused
    assert house.kinds() == ["job_paused", "finishes_first", "job_resumed"]


async def test_a_job_taken_up_too_late_to_finish_stays_held_for_its_owner(store: Store) -> None:
    house = House(store)
    late = TooLateToFinish(Foreign("no device is fast enough"))
    job = house.add(work_s=HOUR_S, deadline_h=6, paused=True, error=late)

    for hours in (4, 4.5, 4.9, 5.5):
        await house.at(hours)

    assert house.book.get(job.job_id).paused
    assert house.kinds() == []


async def test_the_margin_before_the_deadline_is_kept_by_a_job_that_has_begun(store: Store) -> None:
    house = House(store)
    job = house.add(work_s=HOUR_S, deadline_h=6, epochs_done=29)
    house.pauses.pause_job(job, None, OPERATOR)
    left = house.context.forecasts.work_left(job)
    margin_s = house.context.network.safety_margin_s
    assert left.high_s < left.expected_s + margin_s
    latest_h = 6 - (left.expected_s + margin_s) / HOUR_S

    await house.at(latest_h - 0.01)
    assert house.book.get(job.job_id).paused
    await house.at(latest_h + 0.01)

    assert not house.book.get(job.job_id).paused


SET_ASIDE = DatasetUnusable(Foreign("a worker's mistake"))


@pytest.mark.parametrize(("verification", "parts"), [("chain", 1), ("replay", 1), ("chain", 3)])
async def test_a_job_that_was_set_aside_has_room_reserved_when_it_is_tried_again(
    store: Store, verification: Any, parts: int
) -> None:
    house = House(store)
    house.context.network = house.context.network.model_copy(update={"verification": verification})
    job = house.add(work_s=60, deadline_h=6, error=SET_ASIDE, reserved_bytes=0, parts=parts)
    if parts > 1:
        needed_bytes = shared_job_needs_bytes(job.dataset_bytes, MODEL, parts)
    else:
        states = len(kept_epochs(job.epochs)) if verification == "replay" else 0
        needed_bytes = job_needs_bytes(job.dataset_bytes, MODEL, states=states)

    house.pauses.resume_job(job, OPERATOR)

    resumed = house.book.get(job.job_id)
    assert (resumed.error, resumed.reserved_bytes) == (None, needed_bytes)
    assert house.calls == [("resume", job.job_id)]


async def test_a_job_that_was_set_aside_is_not_tried_again_without_room_for_it(store: Store) -> None:
    house = House(store)
    job = house.add(work_s=60, deadline_h=6, error=SET_ASIDE, reserved_bytes=0)
    house.context.disk.limit_bytes = 1_000

    with pytest.raises(JobError, match="the cache has room for"):
        house.pauses.resume_job(job, OPERATOR)

    assert house.book.get(job.job_id) == job
    assert house.calls == []
    assert house.kinds() == []


async def test_a_pause_ends_at_its_time_also_of_a_job_that_stays_set_aside(store: Store) -> None:
    house = House(store)
    house.context.disk.limit_bytes = 1_000
    pause = {"paused": True, "paused_until_unix_s": NOON + HOUR_S}
    job = house.add(work_s=60, deadline_h=6, error=SET_ASIDE, reserved_bytes=0, **pause)

    await house.at(1)

    ended = house.book.get(job.job_id)
    assert (ended.paused, ended.paused_until_unix_s, ended.error) == (False, None, SET_ASIDE)
    assert house.calls == []


async def test_claiming_goes_on_when_its_pause_is_over(store: Store) -> None:
    house = House(store)
    reason = PausedUntil(round(NOON + HOUR_S), house.schedule.local(NOON + HOUR_S))
    store.key_values.set_reason(key_values.CLAIMS_PAUSED, reason)

    await house.at(0.99)
    assert house.claims_go_on == 0
    await house.at(1)
    assert house.claims_go_on == 1


async def test_what_comes_next_is_in_order_and_by_the_owners_clock(store: Store) -> None:
    house = House(
        store,
        ("cuda:0", "cuda:1"),
        claims=["08:00-18:00"],
        devices=["cuda:0 08:00-13:00", "cuda:1 20:00-07:00"],
    )
    job = house.add(work_s=60, deadline_h=72)
    house.pauses.pause_job(job, NOON + 2 * HOUR_S, OPERATOR)

    coming = [(change.at_unix_s - NOON, change.what) for change in house.pauses.coming()]

    assert [(after_s / HOUR_S, type(what)) for after_s, what in coming] == [
        (1, DeviceStops),
        (2, JobGoesOn),
        (6, ClaimingStops),
        (8, DeviceStarts),
    ]
    assert coming[0][1] == DeviceStops("cuda:0", "07-01 13:00 CEST")


async def test_no_jobs_are_taken_outside_the_hours_for_it(store: Store) -> None:
    house = House(store, claims=["22:00-06:00"])

    assert house.schedule.why_no_claims() == ClaimingHoursOver(round(NOON + 10 * HOUR_S), "07-01 22:00 CEST")
    house.now = NOON + 11 * HOUR_S
    assert house.schedule.why_no_claims() is None


async def test_a_pause_until_a_time_of_day_is_by_the_owners_clock(store: Store) -> None:
    house = House(store)

    assert house.schedule.pause_end(None, "07:00") == NOON + 19 * HOUR_S
    assert house.schedule.pause_end(None, "") is None
    with pytest.raises(SettingsError, match="25:00"):
        house.schedule.pause_end(None, "25:00")


async def test_a_forecast_counts_the_hours_that_work_waits(store: Store) -> None:
    house = House(store, training=["22:00-06:00"])
    job = house.add(work_s=9 * HOUR_S, deadline_h=90)

    left, work = house.context.forecasts.left(job), house.context.forecasts.work_left(job)

    # Ten hours until 22:00, eight of work, sixteen until 22:00 again, and the rest.
    assert left.expected_s - work.expected_s == pytest.approx(26 * HOUR_S, abs=1)
    assert left.low_s <= left.expected_s <= left.high_s


async def test_transfers_wait_for_no_hours(store: Store) -> None:
    house = House(store, training=["22:00-06:00"])
    phases = (PhaseTime(Phase.DOWNLOAD, exactly(600)), PhaseTime(Phase.UPLOAD, exactly(1_200)))

    house.now = NOON + 9.5 * HOUR_S
    late = house.schedule.as_scheduled(Duration(3_600, 3_600, 3_600, phases=phases), "cpu")
    house.now = NOON + 17.5 * HOUR_S
    uploading = house.schedule.as_scheduled(Duration(3_600, 3_600, 3_600, phases=phases), "cpu")
    house.now = NOON
    only_upload = house.schedule.as_scheduled(Duration(1_200, 1_200, 1_200, phases=phases[1:]), "cpu")

    assert late.expected_s == 1_800 + 1_800 + 1_200  # the download fits before 22:00, training begins then
    assert uploading.expected_s == 1_800 + 16 * HOUR_S + 600 + 1_200  # 1,200 s of work fit before 06:00
    assert only_upload.expected_s == 1_200


async def test_of_two_devices_the_one_that_is_done_first_is_chosen_and_not_the_fastest(store: Store) -> None:
    house = House(store, ("cuda:0", "cuda:1"), devices=["cuda:0 22:00-06:00"])
    job = house.add(work_s=HOUR_S, deadline_h=90, state=JobState.CLAIMED)
    await house.at(0)

    assert house.context.forecasts.choose(job)(house.leases.workers).device == "cuda:1"


async def test_no_two_jobs_are_planned_on_the_device_that_opens_first(store: Store) -> None:
    house = House(store, ("cuda:0", "cuda:1"), devices=["cuda:0 22:00-06:00", "cuda:1 Mon 08:00-20:00"])
    jobs = [
        house.add(work_s=HOUR_S, deadline_h=200, state=JobState.CLAIMED, job_id=JobId(f"0x{number:032x}"))
        for number in range(2)
    ]
    await house.at(0)
    left: list[Duration] = []
    for job in jobs:
        assert house.leases.free == []
        house.context.forecasts.keep_worker(job)
        left.append(house.context.forecasts.left(job))

    places = [house.leases.place_of(job.job_id) for job in jobs]
    assert [place.device for place in places if place is not None] == ["cuda:0", "cuda:1"]
    assert left[0].low_s > 10 * HOUR_S
    assert left[1].low_s > 4 * 24 * HOUR_S
