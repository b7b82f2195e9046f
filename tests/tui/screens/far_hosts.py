"""Four other machines with four GPUs each, every one of them with a job; one of them is away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from emeth_tui.engine.hosts.view import HostJob, HostView, VersionDiffers
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.hosts.node.traffic import Traffic
from emeth_tui.model import JobId, WorkerPhase
from emeth_tui.notices.reasons.control import SshFailed
from emeth_tui.notices.reasons.network.host import HostSilent, NotJoined
from emeth_tui.workers.views import WorkerView
from tests.tui.stand_in import forecast, snapshot, training_job, training_worker

HOSTS = ("attic", "barn", "cellar", "machine-in-the-garage")
DEVICES = tuple(f"cuda:{number}" for number in range(4))
NO_ROUTE = SshFailed("cellar.example", "No route to host")
FAR_IDS = [JobId(f"0x{number:04x}{'a' * 24}{number:04x}") for number in range(0x4A01, 0x4A11)]


def host(name: str, jobs: list[JobId], **changes: Any) -> HostView:
    """A host that trains these jobs."""
    ages = (45.0, 240.0, None, 4_000.0)
    values: dict[str, Any] = {
        "name": name,
        "destination": f"me@{name}.example",
        "joined": True,
        "draining": False,
        "devices": DEVICES,
        "version": "0.1.0",
        "python": "3.11.4",
        "torch": "2.4.0",
        "free_bytes": 812_000_000_000,
        "joined_s": 11_500.0,
        "jobs": tuple(map(HostJob, jobs, DEVICES, ages)),
        "traffic": Traffic(61_000_000, 33_400_000_000),
    }
    return HostView(**{**values, **changes})


def hosts() -> tuple[HostView, ...]:
    """One that is well, one whose files move and whose versions differ, one that is away, one that drains."""
    jobs = [FAR_IDS[first : first + 4] for first in range(0, 16, 4)]
    differs = (VersionDiffers("Python", "3.10.12", "3.11.4"), VersionDiffers("torch", "2.3.1", "2.4.0"))
    return (
        host("attic", jobs[0]),
        host(
            "barn",
            jobs[1],
            destination="10.0.0.2:9787",
            transport="tls",
            python="3.10.12",
            torch="2.3.1",
            differs=differs,
            traffic=Traffic(61_000_000, 33_400_000_000, 0.0, 103_000_000.0),
        ),
        host("cellar", jobs[2], joined=False, joined_s=0.0, away_s=95.0, reason=NO_ROUTE),
        host("machine-in-the-garage", jobs[3], draining=True),
    )


def many_hosts(**changes: Any) -> Snapshot:
    """Sixteen workers on four hosts, and two here."""
    here = snapshot()
    silent = HostSilent("cellar", 95, NO_ROUTE)
    workers = tuple(_worker(place, name, device) for place, (name, device) in enumerate(_devices()))
    far = tuple(
        replace(worker, phase=WorkerPhase.AWAY, detail=silent) if worker.host == "cellar" else worker
        for worker in workers
    )
    values: dict[str, Any] = {
        "workers": (*here.workers, *far),
        "jobs": (*here.jobs, *(replace(training_job(), job_id=job_id) for job_id in FAR_IDS)),
        "forecasts": (*here.forecasts, *(forecast(job_id, 2_540, 2_750, 14_540) for job_id in FAR_IDS)),
        "hosts": hosts(),
    }
    return replace(here, **{**values, **changes})


def never_joined() -> Snapshot:
    """A host that was added and has not joined yet."""
    new = HostView(
        "barn",
        "10.0.0.2:9787",
        joined=False,
        draining=False,
        away_s=40.0,
        reason=NotJoined(),
        transport="tls",
    )
    return snapshot(hosts=(new,))


def _devices() -> list[tuple[str, str]]:
    return [(name, device) for name in HOSTS for device in DEVICES]


def _worker(place: int, name: str, device: str) -> WorkerView:
    return training_worker(
        index=2 + place, device=f"{name} · {device}", host=name, job_id=FAR_IDS[place], step=100 + 50 * place
    )
