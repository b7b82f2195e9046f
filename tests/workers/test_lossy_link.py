"""The worker behind a bad network: nothing is applied twice, and no job is lost or silently trained twice."""

from __future__ import annotations

import asyncio
import hashlib
import random
from pathlib import Path

import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.model import WorkerPhase
from emeth_tui.training import reports
from emeth_tui.workers.supervisor import Limits, Worker, WorkerPool
from tests.workers import virtual_time
from tests.workers.jobs import Listener, in_directories, make_request
from tests.workers.lossy import DIGEST, Site, Weather, sometimes

pytestmark = pytest.mark.slow
EPOCHS = 6
SEEDS = 150
LIMITS = Limits(
    start_s=20.0,
    preparing_s=30.0,
    first_step_s=30.0,
    training_s=20.0,
    saving_s=40.0,
    deaths=10_000,
    restart=Backoff(0.1, 1.0),
    device=Backoff(0.1, 1.0),
)
WEATHERS = {
    "fair": Weather(),
    "loss": Weather(lost=0.04),
    "delay and disorder": Weather(delay_s=3.0),
    "doubles": Weather(doubled=0.5, delay_s=1.0),
    "deaths": Weather(deaths=0.15),
    "all at once": Weather(lost=0.03, doubled=0.3, delay_s=2.0, deaths=0.1),
}


def hash_for(digest: str, epochs: int) -> str:
    return hashlib.sha256(f"{digest} {epochs}".encode()).hexdigest()


def new_worker(site: Site, tmp_path: Path) -> tuple[WorkerPool, Worker]:
    pool = WorkerPool(["cpu"], in_directories(tmp_path), limits=LIMITS, open_link=site.open_link)
    return pool, pool.workers[0]


def check(site: Site, listener: Listener) -> None:
    """Hold what reached the node against what the processes did."""
    heard = iter(listener.heard)
    for link in site.links:
        assert link.taken == link.process.sent[: len(link.taken)], "each once, in order, none left out"
        assert link.process.jobs <= 1, "a request that came twice is one job"
    for life in range(len(site.links)):
        epochs = [epoch for of_life, epoch in site.disk.trained if of_life == life]
        assert epochs == list(range(min(epochs, default=0), max(epochs, default=-1) + 1)), "none twice"
    assert all(message is next(heard) for link in site.links for message in link.taken if _of_job(message))
    done: list[int] = []
    for message in listener.heard:
        if isinstance(message, reports.Prepared):
            done = list(range(1, message.resumed_epoch + 1))  # what is trained again was announced
        elif isinstance(message, reports.EpochDone):
            done.append(message.epoch)
            assert done == list(range(1, len(done) + 1))


def _of_job(message: object) -> bool:
    return isinstance(message, reports.Event)


@pytest.mark.parametrize("weather", WEATHERS.values(), ids=WEATHERS)
def test_a_job_gets_through(weather: Weather, tmp_path: Path) -> None:
    for seed in range(SEEDS):
        site = Site(random.Random(seed), weather)
        pool, worker = new_worker(site, tmp_path)
        listener = Listener()

        async def job(
            site: Site = site, pool: WorkerPool = pool, worker: Worker = worker, listener: Listener = listener
        ) -> str:
            disturbing = asyncio.create_task(sometimes(site.chance, worker.pause, worker.resume))
            request = make_request(tmp_path, epochs=EPOCHS)
            training = asyncio.create_task(worker.train(request, hash_for=hash_for, on_message=listener))
            await asyncio.wait([training], timeout=200.0)
            disturbing.cancel()
            worker.resume()
            result = await training
            await pool.close(5.0)
            return result.name

        assert virtual_time.run(job()) == "checkpoint.pt"
        check(site, listener)
        assert site.disk.hash_hex == hash_for(DIGEST, EPOCHS)
        assert not site.disk.at_work
        if weather == Weather():
            assert len(site.links) == 1, "a job that stalled for long was given up"


@pytest.mark.parametrize("weather", WEATHERS.values(), ids=WEATHERS)
def test_a_cancelled_job_trains_no_more_and_goes_on_later(weather: Weather, tmp_path: Path) -> None:
    for seed in range(SEEDS):
        site = Site(random.Random(seed), weather)
        pool, worker = new_worker(site, tmp_path)

        async def job(
            seed: int = seed, site: Site = site, pool: WorkerPool = pool, worker: Worker = worker
        ) -> None:
            request = make_request(tmp_path, epochs=EPOCHS)
            training = asyncio.create_task(worker.train(request, hash_for=hash_for, on_message=Listener()))
            await asyncio.wait([training], timeout=random.Random(seed).uniform(0.0, 15.0))
            if training.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await training
            assert not site.disk.at_work, "it trains on although nobody wants it"
            assert worker.view.phase in {WorkerPhase.IDLE, WorkerPhase.DOWN}
            await worker.train(request, hash_for=hash_for, on_message=Listener())
            await pool.close(5.0)

        virtual_time.run(job())
        assert site.disk.hash_hex == hash_for(DIGEST, EPOCHS)
