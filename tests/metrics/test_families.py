"""The metrics say what the snapshot says, all of it, and in a bounded number of series."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from emeth_tui.engine.gpus.reading import Slowdown
from emeth_tui.engine.machine.reading import MachineReading
from emeth_tui.engine.market.standstill import Standstill
from emeth_tui.engine.pauses.view import Coming, HeldDevice
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.metrics.families import families
from emeth_tui.metrics.server import _Collected
from emeth_tui.model import WEI_PER_TOKEN, JobState, Severity, WorkerPhase
from emeth_tui.notices.reasons.market import NoneTaken, NoOffers
from emeth_tui.notices.reasons.pauses.hours import DeviceStops, TrainingHoursOver
from tests.terminal import ROOT
from tests.tui.screens.far_hosts import FAR_IDS, host
from tests.tui.stand_in import NOW, snapshot

COUNTS = {("verified", Severity.INFO): 3, ("failed", Severity.ERROR): 1}
HELD = HeldDevice(0, TrainingHoursOver(7, "11-29 07:00"), NOW)
NEXT = Coming(NOW + 60, DeviceStops("cuda:0", "11-29 07:00"))

ATTIC = host("attic", FAR_IDS[:2], joined=False, away_s=95.0)


def text_of(picture: Snapshot) -> str:
    collected: Any = _Collected(families(picture, COUNTS))
    return generate_latest(collected).decode()


def samples(picture: Snapshot) -> dict[tuple[str, frozenset[str]], float]:
    """Return every sample by its name and the values of its labels, as Prometheus reads them."""
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text_of(picture))
        for sample in family.samples
    }


def full() -> Snapshot:
    """Return a snapshot in which everything is known and nothing is 0."""
    picture = snapshot(
        held=(HELD,), coming=(NEXT,), standstill=Standstill(NoneTaken(4, NoOffers()), NOW - 60)
    )
    assert picture.deposits is not None
    deposits = replace(picture.deposits, staked_limit_wei=10**20, lost_limit_wei=10**19)
    first = replace(
        picture.gpus[0],
        memory_temperature_c=84,
        margin_c=12,
        fan_percent=55,
        others_bytes=600_000_000,
        energy_mj=5_000_000,
        slowdown=Slowdown.HEAT,
    )
    machine = MachineReading(12.5, 8_000_000_000, 61, on_battery=True)
    return replace(
        picture, deposits=deposits, gpus=(first, *picture.gpus[1:]), machine=machine, hosts=(ATTIC,)
    )


def test_figures_are_those_of_the_snapshot() -> None:
    picture = full()
    found, worker, gpu = samples(picture), picture.workers[0], picture.gpus[0]
    deposits, today, head = picture.deposits, picture.today, picture.head
    assert deposits is not None
    assert today is not None
    assert head is not None
    (forecast,) = [one for one in picture.forecasts if one.job_id == worker.job_id]
    name = (str(worker.index), worker.device)

    expected = {
        ("emeth_chain_head_block", ()): head.number,
        ("emeth_chain_head_timestamp_seconds", ()): head.timestamp_unix_s,
        ("emeth_claims_paused", ()): 0,
        ("emeth_claims_standstill_since_timestamp_seconds", ("none_taken",)): NOW - 60,
        ("emeth_offers_listed", ()): picture.listed,
        ("emeth_offers_suitable", ()): sum(offer.refusal is None for offer in picture.offers),
        ("emeth_schedule_next_change_timestamp_seconds", ()): NOW + 60,
        ("emeth_worker_phase", (*name, worker.phase.value)): 1,
        ("emeth_worker_phase", (*name, WorkerPhase.DOWN.value)): 0,
        ("emeth_worker_held", name): 1,
        ("emeth_worker_tokens_per_second", name): worker.tokens_per_s,
        ("emeth_worker_train_loss", name): worker.train_loss,
        ("emeth_worker_epochs_done", name): worker.epoch,
        ("emeth_worker_epochs", name): worker.epochs,
        ("emeth_worker_share", name): worker.part,
        ("emeth_worker_shares", name): worker.parts,
        ("emeth_worker_epoch_ratio", name): worker.step / worker.steps,
        ("emeth_worker_job_left_seconds", (*name, "high")): forecast.left.high_s,
        ("emeth_worker_job_left_seconds", (*name, "low")): forecast.left.low_s,
        ("emeth_worker_job_slack_seconds", name): forecast.slack_s,
        ("emeth_gpu_temperature_celsius", (gpu.device,)): gpu.temperature_c,
        ("emeth_gpu_power_watts", (gpu.device,)): gpu.power_w,
        ("emeth_gpu_memory_temperature_celsius", (gpu.device,)): 84,
        ("emeth_gpu_temperature_margin_celsius", (gpu.device,)): 12,
        ("emeth_gpu_fan_ratio", (gpu.device,)): 0.55,
        ("emeth_gpu_others_memory_bytes", (gpu.device,)): 600_000_000,
        ("emeth_gpu_energy_joules_total", (gpu.device,)): 5_000,
        ("emeth_gpu_slowed", (gpu.device, "heat")): 1,
        ("emeth_gpu_slowed", (gpu.device, "power_brake")): 0,
        ("emeth_gpu_lost", (gpu.device,)): 0,
        ("emeth_machine_others_cpu_ratio", ()): 0.125,
        ("emeth_machine_memory_available_bytes", ()): 8_000_000_000,
        ("emeth_machine_battery_ratio", ()): 0.61,
        ("emeth_machine_on_battery", ()): 1,
        ("emeth_worker_held_since_timestamp_seconds", (*name, "training_hours_over")): NOW,
        ("emeth_host_joined", ("attic",)): 0,
        ("emeth_host_draining", ("attic",)): 0,
        ("emeth_host_away_seconds", ("attic",)): 95,
        ("emeth_host_disk_free_bytes", ("attic",)): 812_000_000_000,
        ("emeth_host_checkpoint_age_seconds", ("attic",)): 240,
        ("emeth_host_file_bytes_total", ("attic", "out")): 61_000_000,
        ("emeth_host_file_bytes_total", ("attic", "home")): 33_400_000_000,
        ("emeth_jobs", ("training",)): sum(job.state is JobState.TRAINING for job in picture.jobs),
        ("emeth_jobs", ("submitted",)): sum(job.state is JobState.SUBMITTED for job in picture.jobs),
        ("emeth_account_free_emt", ()): deposits.free_wei / WEI_PER_TOKEN,
        ("emeth_deposits_locked_emt", ()): deposits.locked_wei / WEI_PER_TOKEN,
        ("emeth_deposits_lost_limit_emt", ()): 10,
        ("emeth_account_native_balance", ("ALT",)): deposits.native_wei / WEI_PER_TOKEN,
        ("emeth_day_gas", ("own",)): today.share.own_gas,
        ("emeth_day_reward_emt", ()): today.share.own_reward_wei / WEI_PER_TOKEN,
        ("emeth_rewards_waiting_slots", ()): len(today.waiting),
        ("emeth_disk_used_bytes", ()): picture.disk.used_bytes,
        ("emeth_disk_limit_bytes", ()): picture.disk.limit_bytes,
        ("emeth_service_up", ("chain",)): 1,
        ("emeth_events_total", ("failed", "error")): 1,
    }
    of_labels = {(name, frozenset(labels)): value for (name, labels), value in expected.items()}
    assert {key: found.get(key) for key in of_labels} == pytest.approx(of_labels)


def numbers_of(picture: Snapshot) -> Iterator[tuple[str, Snapshot]]:
    """Yield the snapshot with one number of what the panels show changed, each in turn."""
    parts: list[tuple[str, Any, Any]] = [
        ("deposits", picture.deposits, lambda part: replace(picture, deposits=part)),
        ("machine", picture.machine, lambda part: replace(picture, machine=part)),
        ("disk", picture.disk, lambda part: replace(picture, disk=part)),
        ("head", picture.head, lambda part: replace(picture, head=part)),
        ("gpus", picture.gpus[0], lambda part: replace(picture, gpus=(part, *picture.gpus[1:]))),
        ("workers", picture.workers[0], lambda part: replace(picture, workers=(part, *picture.workers[1:]))),
        (
            "share",
            picture.today.share,  # type: ignore[union-attr]
            lambda part: replace(picture, today=replace(picture.today, share=part)),  # type: ignore[type-var]
        ),
    ]
    shown_elsewhere = {"share.slot", "share.own_balance", "workers.index", "workers.pid"}
    for name, part, put in parts:
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            path = f"{name}.{field.name}"
            if (
                isinstance(value, (int, float))
                and not isinstance(value, bool)
                and path not in shown_elsewhere
            ):
                yield path, put(replace(part, **{field.name: value * 2 + 10**18}))
    yield "listed", replace(picture, listed=picture.listed + 1)


def test_every_figure_of_the_panels_is_among_the_metrics() -> None:
    picture = full()
    before, changed = text_of(picture), dict(numbers_of(picture))

    assert len(changed) > 25
    assert [path for path, other in changed.items() if text_of(other) == before] == []


def test_what_is_not_known_yet_has_no_sample() -> None:
    picture = snapshot(head=None, deposits=None, today=None, gpus=(), workers=(), forecasts=(), jobs=())
    names = {name for name, _labels in samples(picture)}

    assert not {name for name in names if name.startswith(("emeth_day", "emeth_gpu", "emeth_worker"))}
    assert "emeth_chain_head_block" not in names
    assert "emeth_jobs" in names


def test_a_hundred_times_the_jobs_are_as_many_series() -> None:
    picture = full()
    many = tuple(replace(job, job_id=f"0x{number:032x}") for number in range(100) for job in picture.jobs)
    assert samples(replace(picture, jobs=(*picture.jobs, *many))).keys() == samples(picture).keys()


def test_rules_and_dashboard_name_metrics_that_there_are() -> None:
    known = {name for name, _labels in samples(full())} | {"emeth_node_info"}
    dashboard = json.loads((ROOT / "contrib" / "grafana" / "emeth-tui.json").read_text("utf-8"))
    shown = re.findall(r"\bemeth_\w+", json.dumps(dashboard))
    alerts = re.findall(r"\bemeth_\w+", (ROOT / "contrib" / "prometheus" / "alerts.yml").read_text("utf-8"))

    assert set(alerts) <= known
    assert set(shown) <= known
    not_drawn = {"emeth_node_clock_timestamp_seconds", "emeth_node_stopping", "emeth_chain_head_block"}
    not_drawn |= {"emeth_host_draining", "emeth_host_disk_free_bytes"}
    not_drawn |= {"emeth_deposits_lost_limit_emt", "emeth_worker_share", "emeth_worker_shares"}
    assert known - set(shown) == not_drawn
