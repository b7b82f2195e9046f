"""What each device brought and took: the outcomes of its jobs, shared out by the time that it had them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emeth_tui.engine.money.earnings import DayAccount, slot_of
from emeth_tui.job import Job
from emeth_tui.model import JobId
from emeth_tui.store.measurements import DeviceUse


@dataclass(frozen=True, slots=True)
class DeviceAccount:
    """One device over some days. EMT in wei, settled: of the jobs that ended then, with their part of each
    day's reward by gas. `energy_mj` is None where nothing measures the device.
    """

    device: str
    work_ms: int
    energy_mj: int | None
    emt_wei: int


def devices_of(
    uses: Sequence[DeviceUse], jobs: Iterable[Job], days: Iterable[DayAccount]
) -> list[DeviceAccount]:
    """Return each device over some days. `uses` are of all days: a job ends later than it is trained."""
    wanted = {day.slot: day for day in days}
    emt_wei: defaultdict[str, int] = defaultdict(int)
    by_job: defaultdict[JobId, list[DeviceUse]] = defaultdict(list)
    for use in uses:
        by_job[use.job_id].append(use)
    for job in jobs:
        if job.ended_at_unix_s is not None and (day := wanted.get(slot_of(job.ended_at_unix_s))):
            for device, part_wei in _shared_out(_outcome_wei(job, day), by_job[job.job_id]).items():
                emt_wei[device] += part_wei
    then = [use for use in uses if use.slot in wanted]
    names = sorted({use.device for use in then} | emt_wei.keys())
    return [_account(name, [use for use in then if use.device == name], emt_wei[name]) for name in names]


def energy_by_day(uses: Iterable[DeviceUse]) -> dict[int, int]:
    """Return the energy of each UTC day on which any was measured."""
    by_day: defaultdict[int, int] = defaultdict(int)
    for use in uses:
        if use.energy_mj is not None:
            by_day[use.slot] += use.energy_mj
    return dict(by_day)


def _outcome_wei(job: Job, day: DayAccount) -> int:
    """Return what a job came to, with its part of its day's reward."""
    reward_wei = day.reward_wei * job.gas // day.gas if day.gas else 0
    return job.earned_wei - job.lost_wei + reward_wei


def _shared_out(amount_wei: int, uses: Sequence[DeviceUse]) -> dict[str, int]:
    """Share an amount out by time, to the wei: what division leaves is the last device's."""
    by_device: defaultdict[str, int] = defaultdict(int)
    for use in uses:
        by_device[use.device] += use.work_ms
    total_ms, left_wei, parts = sum(by_device.values()), amount_wei, dict[str, int]()
    for device, work_ms in by_device.items():
        parts[device] = left_wei if total_ms == work_ms else left_wei * work_ms // total_ms
        total_ms -= work_ms
        left_wei -= parts[device]
    return parts


def _account(device: str, uses: Sequence[DeviceUse], emt_wei: int) -> DeviceAccount:
    measured = [use.energy_mj for use in uses if use.energy_mj is not None]
    return DeviceAccount(
        device, sum(use.work_ms for use in uses), sum(measured) if measured else None, emt_wei
    )
