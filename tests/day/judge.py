"""What must hold of a day that is over, by the chain, the node's own records and the receiver of alerts."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone

from emeth_tui.alerts.repeats import REPEAT_S
from emeth_tui.alerts.rules import topic_of
from emeth_tui.model import SECONDS_PER_DAY, JobState, token_to_wei
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.node import DayClosed
from emeth_tui.notices.events.schedule import DeviceHeld, DeviceLetGo
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store.database import Store
from tests.day.world import DayWorld
from tests.faults.judge import Books, moved_wei

Told = tuple[str, str | None, str]  # an event as an alert shows it: kind, job, when


async def check_jobs(world: DayWorld, refused: int) -> None:
    """Every job was submitted before its deadline, and all but the refused ones were verified."""
    jobs = list((await world.parties.jobs()).values())
    assert [job.node for job in jobs] == [world.operator] * len(world.parties.offers)
    late = [job for job in jobs if not 0 < job.submitted_at_unix_s <= job.deadline_unix_s]
    assert late == []
    ends = Counter(job.status for job in jobs)
    assert ends == Counter({JobStatus.VERIFIED: len(jobs) - refused, JobStatus.FAILED: refused})


async def check_money(world: DayWorld, store: Store) -> None:
    """The node's books explain the balance, and the day's result the jobs that ended on it."""
    books = Books.of(store.path)
    assert books.booked_wei == await moved_wei(world)
    (closed,) = (event.body for event in stored(store) if isinstance(event.body, DayClosed))
    ended = [
        job
        for job in store.jobs.all()
        if job.ended_at_unix_s is not None and job.ended_at_unix_s // SECONDS_PER_DAY == closed.slot
    ]
    assert closed.verified == sum(job.state is JobState.VERIFIED for job in ended) > 0
    assert (closed.earned_wei, closed.lost_wei) == (token_to_wei(10), token_to_wei(15))
    assert closed.earned_wei == sum(job.earned_wei for job in ended)
    assert closed.lost_wei == sum(job.lost_wei for job in ended)
    withdrawn_wei = sum(row.amount_wei for row in store.movements.after(0) if row.kind.value == "withdraw")
    assert closed.reward_wei == withdrawn_wei > 0


def check_rests(world: DayWorld, store: Store) -> None:
    """Whenever a worker began to rest, an event had said why a device is held."""
    changes = [event for event in stored(store) if isinstance(event.body, (DeviceHeld, DeviceLetGo))]
    ledger = world.layout.root / "node-0.ledger"
    rests = [line for line in map(json.loads, ledger.read_text().splitlines()) if line["kind"] == "rests"]
    assert rests
    for rest in rests:
        held: set[str] = set()
        for event in changes:
            if event.at_unix_s <= rest["at"]:
                is_held = isinstance(event.body, DeviceHeld)
                (held.add if is_held else held.discard)(event.body.device)
        assert held, rest


def check_alerts(world: DayWorld, store: Store) -> None:
    """What somebody should hear of arrived once, whatever happened to the receiver and to the node."""
    alerts = world.receiver.alerts
    assert len({alert["id"] for alert in alerts}) == len(alerts)
    told = Counter((alert["event"], alert["job_id"], alert["at"]) for alert in alerts)
    expected = Counter(_worth_telling(stored(store)))
    assert (told - expected, expected - told) == (Counter(), Counter())
    assert all(message["count"] == len(message["alerts"]) for message in world.receiver.seen.values())
    assert world.receiver.refused > 0


def stored(store: Store) -> list[Event]:
    """Return every event, the oldest first."""
    return list(store.events.between(0, store.events.last_id(), since_unix_s=0.0))


def _worth_telling(events: list[Event]) -> list[Told]:
    """Return what there must be alerts of: of a device that is held for the same, one in six hours."""
    told, held = [], {}
    for event in events:
        if topic_of(event) is None:
            continue
        if isinstance(event.body, DeviceHeld):
            of = event.body.device, event.body.reason.kind
            if event.at_unix_s - held.get(of, 0.0) < REPEAT_S:
                continue
            held[of] = event.at_unix_s
        told.append((event.kind, event.job_id, _shown(event.at_unix_s)))
    return told


def _shown(unix_s: float) -> str:
    at = datetime.fromtimestamp(unix_s, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
