"""How long a snapshot of the node takes on the event loop, with a full cache and a long history."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from emeth_tui.engine.clock import ChainClock
from emeth_tui.engine.disk import MEASURE_EVERY_S, DiskBudget
from emeth_tui.engine.estimates.forecasts import Forecasts, Measurements
from emeth_tui.engine.events import RECENT_EVENTS, EventLog
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.machine.sensors import Sensors
from emeth_tui.engine.service_health import ServiceHealth
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.engine.view.series import SeriesRecorder
from emeth_tui.engine.view.snapshot_maker import SnapshotMaker
from emeth_tui.model import JobId, JobState, TransactionState
from emeth_tui.notices.events.job import EpochDone
from emeth_tui.settings import Settings
from emeth_tui.store.database import Store
from emeth_tui.workers.job_files import LocalJobFiles
from tests.factories import make_job, make_transaction
from tests.tui.stand_in import StandInWorker, snapshot

JOBS = 5_000
FILES = 1_000
OPEN_JOBS = 8
FILES_A_JOB = 10
_TRANSACTIONS_A_JOB = 3


def measure_snapshot(pictures: int = 40) -> list[float]:
    """Make snapshots at the screen's pace; return the seconds that each took on the event loop."""
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as place:
        return asyncio.run(_measure(Path(place), pictures))


@contextmanager
def old_node(place: Path) -> Iterator[tuple[SnapshotMaker, EventLog, Store]]:
    """Yield what makes the snapshots of a node with a long history, its events and its store."""
    with Store(place / "state") as store:
        store._connection.execute("PRAGMA synchronous = OFF")  # filling it is not measured
        _fill(store, time.time())
        _fill_cache(place / "jobs")
        events = EventLog(store.events, time.time)
        yield _maker(store, place / "jobs", events), events, store


async def _measure(place: Path, pictures: int) -> list[float]:
    with old_node(place) as (maker, _events, _store):
        maker.make(stopping="")
        times_s = []
        for _ in range(pictures):
            began = time.perf_counter()
            maker.make(stopping="")
            times_s.append(time.perf_counter() - began)
            await asyncio.sleep(MEASURE_EVERY_S / 8)
        return times_s


def _fill(store: Store, now: float) -> None:
    for number in range(JOBS):
        job_id = JobId(f"0x{number:032x}")
        is_open = number >= JOBS - OPEN_JOBS
        ended_at = None if is_open else now - 60.0 * (JOBS - number)
        state = JobState.TRAINING if is_open else JobState.VERIFIED
        job = make_job(job_id=job_id, state=state, created_at_unix_s=now - 60.0 * (JOBS - number))
        store.jobs.save(replace(job, ended_at_unix_s=ended_at), at_unix_s=now, state_changed=True)
        for part in range(_TRANSACTIONS_A_JOB):
            store.journal.add(
                make_transaction(
                    job_id=job_id,
                    nonce=number * _TRANSACTIONS_A_JOB + part,
                    tx_hash=f"0x{number:060x}{part:04x}",
                    state=TransactionState.MINED,
                    gas_used=90_000,
                    fee_wei=90_000 * 10**9,
                    created_at_unix_s=now,
                )
            )


def _fill_cache(jobs_dir: Path) -> None:
    for number in range(FILES // FILES_A_JOB):
        folder = jobs_dir / f"0x{JOBS - 1 - number:032x}"
        folder.mkdir(parents=True)
        for part in range(FILES_A_JOB):
            (folder / f"part-{part}").write_bytes(b"x")


def _maker(store: Store, jobs_dir: Path, events: EventLog) -> SnapshotMaker:
    """Assemble the parts that a snapshot is made from, with a stand-in for the chain."""
    clock = ChainClock()
    picture = snapshot()
    worker: Any = StandInWorker(picture.workers[0])
    leases = WorkerLeases([worker] * OPEN_JOBS)
    for number in range(RECENT_EVENTS):
        events.publish(EpochDone(number, RECENT_EVENTS, 63.1, 2.5, 2.6))
    assert picture.today is not None
    assert picture.deposits is not None
    context: Any = SimpleNamespace(
        schedule=SimpleNamespace(zone_name="UTC"),
        temporary_state=False,
        network=SimpleNamespace(
            name="round3-2",
            chain_id=60_001,
            native_symbol="ALT",
            verification=picture.verification,
        ),
        address=picture.address,
        rates=picture.rates,
        settings=Settings(),
        store=store,
        book=JobBook(store.jobs, clock.now_unix_s),
        disk=DiskBudget(LocalJobFiles(jobs_dir), 10**12),
        events=events,
        clock=clock,
        health=ServiceHealth(events, clock.now_unix_s),
        forecasts=Forecasts(Measurements(store.measurements, clock.now_unix_s), leases, "storage"),
    )
    balances = SimpleNamespace(emt_wei=picture.deposits.free_wei, native_wei=picture.deposits.native_wei)
    view = SimpleNamespace(head=picture.head, share=picture.today.share, balances=balances)
    return SnapshotMaker(
        context,
        leases=leases,
        market=_part(offers=picture.offers, listed=picture.listed, paused=None, standstill=None),
        rewards=_part(waiting=(), days=picture.today.days),
        watcher=_part(view=view),
        pauses=_part(held=(), coming=lambda: ()),
        series=SeriesRecorder(),
        sensors=Sensors(lambda: ()),
        hosts=_part(views=()),
    )


def _part(**shown: Any) -> Any:
    """Stand in for a part of the engine with what a snapshot shows of it."""
    return SimpleNamespace(**shown)
