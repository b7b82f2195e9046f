"""The stream that front ends read: events in order and never dropped, progress coalesced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.engine.events import EventLog, JobProgress, Subscription
from emeth_tui.engine.service_health import ServiceHealth
from emeth_tui.errors import ChainUnreachable
from emeth_tui.model import ServiceName, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.job import EpochDone, StepsSkipped
from emeth_tui.notices.events.market import Claimed, ClaimsResumed
from emeth_tui.notices.events.node import ServiceLost, ServiceRestored
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.store.database import Store
from emeth_tui.training.reports import Progress
from tests.factories import JOB_ID, OTHER_JOB_ID


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with Store(tmp_path) as store:
        yield EventLog(store.events, lambda: 1_000.0)


def progress(step: int) -> JobProgress:
    return JobProgress(JOB_ID, Progress(1, 30, step, 100, 3.0, 1_000.0))


async def read_all(stream: Subscription) -> list[Event | JobProgress]:
    stream.close()
    return [item async for item in stream]


async def test_a_slow_reader_gets_every_event_and_only_the_newest_progress(log: EventLog) -> None:
    stream = log.subscribe()
    for number in range(2_000):
        log.progress(progress(number))
        if number % 2 == 0:
            log.publish(StepsSkipped(number), job_id=JOB_ID)
    other = JobProgress(OTHER_JOB_ID, progress(5).progress)
    log.progress(other)

    items = await read_all(stream)

    assert [item.body for item in items if isinstance(item, Event)] == [
        StepsSkipped(number) for number in range(0, 2_000, 2)
    ]
    assert [item for item in items if isinstance(item, JobProgress)] == [progress(1_999), other]


async def test_an_event_that_comes_while_the_reader_is_busy_is_not_left_waiting(log: EventLog) -> None:
    stream = log.subscribe()
    log.progress(progress(1))
    reading = stream.__aiter__()
    assert await anext(reading) == progress(1)
    event = log.publish(ClaimsResumed())

    assert await asyncio.wait_for(anext(reading), 5) == event


async def test_a_late_reader_gets_this_runs_events_from_the_start(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        EventLog(store.events, lambda: 900.0).publish(ClaimsResumed())
        log = EventLog(store.events, lambda: 1_000.0)
        first = log.publish(Claimed(1), job_id=JOB_ID)
        late, later = log.subscribe(from_start=True), log.subscribe()
        second = log.publish(Claimed(2), job_id=JOB_ID)

        assert await read_all(late) == [first, second]
        assert await read_all(later) == [second]


async def test_of_a_jobs_epochs_the_newest_is_kept_in_memory_and_all_in_the_store(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        log = EventLog(store.events, lambda: 1_000.0)
        claimed = log.publish(Claimed(1), job_id=JOB_ID)
        other = log.publish(EpochDone(7, 30, 1.0, 2.0, 3.0), job_id=OTHER_JOB_ID)
        epochs = [log.publish(EpochDone(n, 300, 1.0, 2.0, 3.0), job_id=JOB_ID) for n in range(300)]
        assert log.recent() == (claimed, other, epochs[-1])
        assert EventLog(store.events, lambda: 1_000.0).recent() == (claimed,)
        assert await read_all(log.subscribe(from_start=True)) == [claimed, other, epochs[-1]]
        assert len(store.events.recent(1_000)) == 302


async def test_an_event_goes_before_progress_that_waits(log: EventLog) -> None:
    stream = log.subscribe()
    log.progress(progress(1))
    log.progress(JobProgress(OTHER_JOB_ID, progress(5).progress))
    reading = stream.__aiter__()
    await anext(reading)
    event = log.publish(ClaimsResumed())

    assert await anext(reading) == event


async def test_a_closed_stream_is_forgotten(log: EventLog) -> None:
    stream, other = log.subscribe(), log.subscribe()
    stream.close()
    stream.close()
    log.publish(ClaimsResumed())

    assert (stream.backlog, other.backlog) == (0, 1)


async def test_a_waiting_reader_is_woken(log: EventLog) -> None:
    stream = log.subscribe()
    reading = asyncio.ensure_future(read_one(stream))
    await asyncio.sleep(0)

    event = log.publish(Claimed(5), job_id=JOB_ID)

    assert await asyncio.wait_for(reading, 5) == event


async def read_one(stream: Subscription) -> Event | JobProgress:
    async for item in stream:
        return item
    raise AssertionError("the stream ended")


async def test_events_are_kept_for_later_front_ends(log: EventLog) -> None:
    event = log.publish(Claimed(5), severity=Severity.WARNING, job_id=JOB_ID)

    assert log.recent() == (event,)
    assert event == Event(1_000.0, Severity.WARNING, Claimed(5), JOB_ID)


def test_a_lost_link_is_one_event_and_its_return_one(tmp_path: Path) -> None:
    now, reason = [100.0], Foreign("no answer")
    with Store(tmp_path) as store:
        health = ServiceHealth(EventLog(store.events, lambda: now[0]), lambda: now[0])
        health.works(ServiceName.CHAIN)
        for _ in range(5):
            health.broken(ServiceName.CHAIN, ChainUnreachable(reason), again_in_s=5.0)
            now[0] += 10
        assert health.all()[0].broken_since_unix_s == 100.0
        health.works(ServiceName.CHAIN)
        health.works(ServiceName.CHAIN)

        bodies = [event.body for event in store.events.recent(10)]

    assert bodies == [ServiceLost(ServiceName.CHAIN, reason), ServiceRestored(ServiceName.CHAIN, 50)]
