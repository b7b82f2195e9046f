"""Alerts over real HTTP: each arrives once, a storm as one digest, and nobody is woken in quiet hours."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from emeth_tui.alerts.alert import Message, alert_of
from emeth_tui.alerts.alerting import Alerting, serve_alerts
from emeth_tui.alerts.channels import open_channels
from emeth_tui.alerts.mailbox import Mailbox
from emeth_tui.alerts.repeats import REPEAT_S
from emeth_tui.alerts.rules import topic_of
from emeth_tui.backoff import Backoff
from emeth_tui.engine.events import EventLog
from emeth_tui.errors import DiskFull, StoreError
from emeth_tui.model import AlertTopic, JobId
from emeth_tui.notices.event import Event
from emeth_tui.notices.events import job, market, node, schedule
from emeth_tui.notices.reasons.disk import DatabaseFull
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.market import NoOffers, PausedByOperator, ShortOfNative
from emeth_tui.notices.reasons.pauses.rules import GpuHot
from emeth_tui.settings import Settings, settings_layers
from emeth_tui.settings.alert_secrets import AlertSecrets, Webhook
from emeth_tui.store.database import Store
from tests.alerts.receiver import SECRET, WAIT_S, Receiver, until

JOB = JobId("0x6f2a" + "0" * 28)
MIDNIGHT = 1_700_006_400.0  # UTC


SOON = Backoff(0.02, 0.05)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.unix_s = MIDNIGHT + 12 * 3_600

    def now(self) -> float:
        return self.unix_s


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with contextlib.closing(Receiver()) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emeth_tui.alerts.courier.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("emeth_tui.alerts.alerting.SAVE_AGAIN_S", 0.01)


def settings_of(text: str = "") -> Settings:
    return settings_layers(environment={}).combine(
        f"[alerts]\ngather_s = 0\n{text}\n[schedule]\ntime_zone='UTC'"
    )


@asynccontextmanager
async def alerting(
    store: Store,
    receiver: Receiver,
    clock: Clock,
    settings: Settings | None = None,
    *,
    settle_s: float = 0.0,
    backoff: Backoff = SOON,
) -> AsyncIterator[EventLog]:
    """Follow a node's events as a node does."""
    chosen = settings or settings_of()
    secrets = AlertSecrets(Webhook(SecretStr(receiver.url), SecretStr(SECRET)))
    events = EventLog(store.events, clock.now)
    async with open_channels(secrets, chosen.alerts, address="0xabc", network="devnet") as channels:
        following = Alerting(
            lambda: chosen,
            channels,
            events,
            store,
            clock.now,
            settle_s=settle_s,
            backoff=backoff,
        )
        running = asyncio.create_task(following.run())
        try:
            yield events
        finally:
            following.close()
            with anyio.fail_after(WAIT_S):
                await running


def kinds(receiver: Receiver) -> list[str]:
    return sorted(alert["event"] for alert in receiver.alerts)


async def test_what_matters_arrives_signed_and_nothing_else(
    tmp_path: Path, receiver: Receiver, clock: Clock
) -> None:
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock) as events:
            events.publish(node.ScreenLeft())
            events.publish(market.ClaimsPaused(PausedByOperator()))
            events.publish(market.Idle(NoOffers()))
            events.publish(job.Failed(lost_wei=7), job_id=JOB)
            await receiver.until(messages=1)

    ((message),) = receiver.seen.values()
    ((alert),) = message["alerts"]
    assert (message["type"], message["node"], message["network"], message["count"]) == (
        "alert",
        "0xabc",
        "devnet",
        1,
    )
    assert (alert["topic"], alert["event"], alert["job_id"], alert["level"], alert["fields"]) == (
        "verification_failed",
        "failed",
        JOB,
        "error",
        {"lost_wei": "7"},
    )


async def test_a_receiver_that_was_down_gets_each_alert_once(
    tmp_path: Path, receiver: Receiver, clock: Clock
) -> None:
    receiver.down = 503
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock) as events:
            events.publish(job.Failed(lost_wei=1), job_id=JOB)
            await receiver.until(refused=3)
            for lost_wei in range(2, 6):
                events.publish(job.Failed(lost_wei=lost_wei), job_id=JOB)
            await receiver.until(refused=5)
            receiver.down = None
            await receiver.until(messages=2)
        reports = [event.kind for event in events.recent() if event.kind.startswith("alerts")]

    assert sorted(alert["fields"]["lost_wei"] for alert in receiver.alerts) == ["1", "2", "3", "4", "5"]
    assert len({alert["id"] for alert in receiver.alerts}) == 5
    assert len({post["id"] for post in receiver.posts}) == 2  # however often they were sent
    assert [message["type"] for message in receiver.seen.values()] == ["alert", "digest"]
    assert reports == ["alerts_not_delivered", "alerts_delivered"]


async def test_what_waits_outlives_the_node_and_its_id_stays(
    tmp_path: Path, receiver: Receiver, clock: Clock
) -> None:
    receiver.down = 500
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock) as events:
            events.publish(job.Failed(lost_wei=1), job_id=JOB)
            await receiver.until(refused=1)
            events.publish(job.Timeout(lost_wei=2), job_id=JOB)
    before = {post["id"] for post in receiver.posts}
    with Store(tmp_path) as store:  # the node dies before it has looked at this one
        EventLog(store.events, clock.now).publish(job.Lost(), job_id=JOB)
    receiver.down = None
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock):
            await receiver.until(messages=2)

    assert kinds(receiver) == ["failed", "lost", "timeout"]
    assert before <= {post["id"] for post in receiver.seen.values()}
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock) as events:
            events.publish(job.Failed(lost_wei=9), job_id=JOB)
            await receiver.until(messages=3)
    assert kinds(receiver) == ["failed", "failed", "lost", "timeout"]


async def test_a_device_that_is_held_again_and_again_is_one_alert_in_six_hours_whoever_restarts(
    tmp_path: Path, receiver: Receiver, clock: Clock
) -> None:
    settings = settings_of('topics = ["device_held"]')

    def held(temperature_c: int, since: str, device: str = "cuda:0") -> schedule.DeviceHeld:
        return schedule.DeviceHeld(device, GpuHot(temperature_c, 75, since))

    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock, settings) as events:
            events.publish(held(90, "11-29 12:00"))
            events.publish(held(91, "11-29 12:10"))
            await receiver.until(messages=1)
    with Store(tmp_path) as store:
        clock.unix_s += REPEAT_S - 60
        async with alerting(store, receiver, clock, settings) as events:
            events.publish(held(92, "11-29 17:50"))
            events.publish(held(92, "11-29 17:50", device="cuda:1"))
            await receiver.until(messages=2)
            clock.unix_s += 120
            events.publish(held(93, "11-29 18:10"))
            await receiver.until(messages=3)

    told = [(alert["fields"]["device"], alert["fields"]["reason"]["now_c"]) for alert in receiver.alerts]
    assert told == [("cuda:0", 90), ("cuda:1", 92), ("cuda:0", 93)]


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_node_sends_alerts_where_its_settings_name_a_way(
    tmp_path: Path, receiver: Receiver, clock: Clock, wanted: bool
) -> None:
    webhook = Webhook(SecretStr(receiver.url), SecretStr(SECRET)) if wanted else None
    with Store(tmp_path) as store:
        events = EventLog(store.events, clock.now)
        async with serve_alerts(
            AlertSecrets(webhook),
            settings_of,
            address="0xabc",
            network="devnet",
            events=events,
            store=store,
            now=clock.now,
        ):
            events.publish(job.Failed(lost_wei=1), job_id=JOB)
        # What had only just happened when the node ended is not left for the next start.

    assert kinds(receiver) == (["failed"] if wanted else [])


async def test_a_database_that_cannot_be_read_silences_no_alert(
    tmp_path: Path, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path) as store:
        table: Any = store.events

        def unreadable(*_arguments: object) -> None:
            raise StoreError(Foreign("database disk image is malformed"))

        async with alerting(store, receiver, clock) as events:
            events.publish(job.Failed(lost_wei=1), job_id=JOB)
            await receiver.until(messages=1)
            monkeypatch.setattr(type(table), "last_id", unreadable)
            events.publish(node.NotWritten(Foreign("malformed")))
            await receiver.until(messages=2)
            events.publish(job.Lost(), job_id=JOB)
            await receiver.until(messages=3)
            monkeypatch.undo()

    assert kinds(receiver) == ["failed", "lost", "not_written"]


async def test_a_bug_costs_one_alert_and_is_an_event(
    tmp_path: Path, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(event: Event) -> AlertTopic | None:
        if isinstance(event.body, job.Timeout):
            raise KeyError("weather")
        return topic_of(event)

    monkeypatch.setattr("emeth_tui.alerts.alerting.topic_of", broken)
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock) as events:
            events.publish(job.Timeout(lost_wei=1), job_id=JOB)
            events.publish(job.Failed(lost_wei=2), job_id=JOB)
            await until(lambda: len(receiver.alerts) == 2)

    assert kinds(receiver) == ["failed", "internal_error"]


class Broken:
    """A channel of a library that raises what it likes, which may name a secret."""

    key = name = "broken"
    keeps_trying = True

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.failures = 2

    async def deliver(self, message: Message) -> None:
        if self.failures:
            self.failures -= 1
            raise LookupError(f"no such URL: {SECRET}")
        self.delivered.append(message.id)


async def test_a_channel_that_breaks_is_tried_again_and_shows_no_secret(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with Store(tmp_path) as store:
        events, channel = EventLog(store.events, clock.now), Broken()
        following = Alerting(settings_of, [channel], events, store, clock.now, settle_s=0.0, backoff=SOON)
        running = asyncio.create_task(following.run())
        events.publish(job.Failed(lost_wei=1), job_id=JOB)
        await until(lambda: bool(channel.delivered) or running.done())
        following.close()
        await running
        reports = [event for event in events.recent() if event.kind.startswith("alerts")]

    assert len(channel.delivered) == 1
    assert [report.kind for report in reports] == ["alerts_not_delivered", "alerts_delivered"]
    assert "LookupError" in str(reports)
    assert SECRET not in caplog.text + str(reports)


class Slow:
    """A channel that takes a while, and has sent a message though nobody waits for it any more."""

    key = name = "slow"
    keeps_trying = True

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.goes_on = asyncio.Event()

    async def deliver(self, message: Message) -> None:
        self.sent.append(message.id)
        await self.goes_on.wait()


async def test_what_is_on_its_way_when_the_node_ends_is_sent_once(tmp_path: Path, clock: Clock) -> None:
    with Store(tmp_path) as store:
        events, channel = EventLog(store.events, clock.now), Slow()
        following = Alerting(settings_of, [channel], events, store, clock.now, settle_s=0.0)
        running = asyncio.create_task(following.run())
        events.publish(job.Failed(lost_wei=1), job_id=JOB)
        await until(lambda: bool(channel.sent))
        following.close()
        await asyncio.sleep(0)
        channel.goes_on.set()
        await running
        kept = store.key_values.get("alerts") or ""

    assert len(channel.sent) == 1
    assert channel.sent[0] not in kept


class Watching:
    """A channel that looks at the store while a message is on its way."""

    key = name = "watching"
    keeps_trying = True

    def __init__(self, store: Store) -> None:
        self._store = store
        self.kept: list[bool] = []

    async def deliver(self, message: Message) -> None:
        self.kept.append(message.id in (self._store.key_values.get("alerts") or ""))


async def test_an_id_is_kept_before_anybody_sees_it(tmp_path: Path, clock: Clock) -> None:
    with Store(tmp_path) as store:
        events, channel = EventLog(store.events, clock.now), Watching(store)
        following = Alerting(settings_of, [channel], events, store, clock.now, settle_s=0.0)
        running = asyncio.create_task(following.run())
        events.publish(job.Failed(lost_wei=1), job_id=JOB)
        await until(lambda: bool(channel.kept))
        following.close()
        await running

    assert channel.kept == [True]


async def test_a_storm_is_one_digest(tmp_path: Path, receiver: Receiver, clock: Clock) -> None:
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock, settle_s=0.2) as events:
            for number in range(150):
                events.publish(job.Failed(lost_wei=number), job_id=JOB)
            events.publish(node.NotWritten(Foreign("no space")))
            await receiver.until(messages=1)

    ((message),) = receiver.seen.values()
    assert message["type"] == "digest"
    assert message["count"] == 151
    assert message["topics"] == {"verification_failed": 150, "disk": 1}
    assert len(message["alerts"]) == 100


async def test_a_trouble_that_lasts_is_told_once(tmp_path: Path, receiver: Receiver, clock: Clock) -> None:
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock) as events:
            for balance_wei in range(5):
                events.publish(market.Idle(ShortOfNative(9, balance_wei, 1, 1, 1.0, "ALT")))
                events.publish(market.Idle(NoOffers()))
            await receiver.until(messages=1)
            clock.unix_s += 7 * 3_600
            events.publish(market.Idle(ShortOfNative(9, 1, 1, 1, 1.0, "ALT")))
            await receiver.until(messages=2)

    assert [alert["topic"] for alert in receiver.alerts] == ["balance_low", "balance_low"]


async def test_nobody_is_woken_but_for_what_is_urgent(
    tmp_path: Path, receiver: Receiver, clock: Clock
) -> None:
    quiet = settings_of('quiet_hours = ["22:00-07:00"]\nurgent = ["job_at_risk"]')
    clock.unix_s = MIDNIGHT + 3_600
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock, quiet) as events:
            events.publish(job.Failed(lost_wei=1), job_id=JOB)
            events.publish(job.RunningLate(1, 2, 3), job_id=JOB)
            events.publish(node.NotWritten(Foreign("no space")))
            await receiver.until(messages=1)
            assert kinds(receiver) == ["running_late"]
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock, quiet) as events:
            clock.unix_s = MIDNIGHT + 7 * 3_600
            await receiver.until(messages=2)

    assert kinds(receiver) == ["failed", "not_written", "running_late"]
    assert [message["type"] for message in receiver.seen.values()] == ["alert", "digest"]


async def test_what_is_urgent_does_not_wait_behind_what_is_not(
    tmp_path: Path, receiver: Receiver, clock: Clock
) -> None:
    quiet = settings_of('quiet_hours = ["22:00-07:00"]\nurgent = ["job_at_risk"]')
    clock.unix_s = MIDNIGHT - 3 * 3_600
    receiver.down = 503

    def begin_the_night() -> None:
        clock.unix_s = MIDNIGHT + 3_600
        receiver.down = None

    receiver.when_refused = begin_the_night  # with the first message on its way
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock, quiet) as events:
            events.publish(job.Failed(lost_wei=1), job_id=JOB)
            await receiver.until(refused=1)
            events.publish(job.RunningLate(1, 2, 3), job_id=JOB)
            await receiver.until(messages=1)
            assert kinds(receiver) == ["running_late"]
    first = receiver.posts[0]["id"]
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock, quiet):
            clock.unix_s = MIDNIGHT + 7 * 3_600
            await receiver.until(messages=2)

    assert kinds(receiver) == ["failed", "running_late"]
    assert first in receiver.seen  # under the id of before


def test_a_storm_at_night_buries_nothing_urgent() -> None:
    mailbox = Mailbox(settle_s=0.0)
    for number in range(150):
        mailbox.put(alert_of(failed(number), AlertTopic.VERIFICATION_FAILED), 0.0)
    mailbox.put(alert_of(failed(150), AlertTopic.JOB_AT_RISK), 0.0)
    urgent = mailbox.due(1.0, quiet=True, urgent=["job_at_risk"])

    assert urgent is not None
    assert (urgent.topics, urgent.more) == ({AlertTopic.JOB_AT_RISK: 1}, 0)
    mailbox.note_delivered(1.0, 0.0)
    rest = mailbox.due(2.0, quiet=False, urgent=[])
    assert rest is not None
    assert len(rest.alerts) + rest.more == rest.topics[AlertTopic.VERIFICATION_FAILED] == 150


def failed(lost_wei: int) -> Event:
    return Event(0.0, job.Failed.severity, job.Failed(lost_wei), JOB)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [(200, {"Content-Encoding": "gzip"}, b"x"), (202, {}, b"x" * 1_000_000), (204, {}, b"")],
)
async def test_the_status_alone_says_that_a_message_has_arrived(
    receiver: Receiver, status: int, headers: dict[str, str], body: bytes
) -> None:
    receiver.answer = status, headers, body
    async with open_channels(
        AlertSecrets(Webhook(SecretStr(receiver.url), SecretStr(SECRET))),
        settings_of().alerts,
        address="0xabc",
        network="devnet",
    ) as (webhook,):
        await webhook.deliver(Message("1"))

    assert list(receiver.seen) == ["1"]


async def test_a_full_disk_silences_no_alert_and_is_tried_again(
    tmp_path: Path, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.down = 503
    with Store(tmp_path) as store:
        table: Any = store.key_values
        write = type(table).set

        tried: list[None] = []

        def full(*_arguments: object) -> None:
            tried.append(None)
            raise DiskFull(DatabaseFull("database or disk is full"))

        monkeypatch.setattr(type(table), "set", full)
        async with alerting(store, receiver, clock, backoff=Backoff(600.0, 600.0)) as events:
            events.publish(job.Failed(lost_wei=1), job_id=JOB)
            await receiver.until(refused=1)
            await until(lambda: len(tried) > 10)  # more often than anything happened
            monkeypatch.setattr(type(table), "set", write)
            await until(lambda: "failed" in (store.key_values.get("alerts") or ""))
            receiver.down = None  # it is tried once more when the node ends

    assert kinds(receiver) == ["failed"]


async def test_no_secret_is_in_any_output(
    tmp_path: Path, receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.down = 404
    with Store(tmp_path) as store:
        async with alerting(store, receiver, clock) as events:
            events.publish(job.Failed(lost_wei=1), job_id=JOB)
            await receiver.until(refused=1)
        told = [repr(event) for event in events.recent()]
        kept = store.key_values.get("alerts")
    secrets = AlertSecrets(Webhook(SecretStr(receiver.url), SecretStr(SECRET)))

    for text in (*told, repr(secrets), caplog.text, str(receiver.posts), str(kept)):
        assert SECRET not in text
        assert "s3cret-path" not in text
