"""Every event of trouble has a topic, or a reason to have none."""

from __future__ import annotations

import pytest

from emeth_tui.alerts.rules import CLAIMING, TOPICS, topic_of
from emeth_tui.model import AlertTopic, Asker, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events import alerts, market, node, schedule
from emeth_tui.notices.notice import EventBody, Reason
from emeth_tui.notices.reasons import disk
from emeth_tui.notices.reasons import market as why
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.chain import EndpointBehind
from emeth_tui.notices.reasons.pauses.by_hand import PausedUntil
from emeth_tui.settings.sections import AlertSettings

SHORT_OF_EMT = why.ShortOfEmt(2, 1)
BY_HAND = (why.PausedByOperator(), why.FinishingFirst(), PausedUntil(1, "x", why.OPERATOR))


def topic(body: EventBody, severity: Severity | None = None) -> AlertTopic | None:
    return topic_of(Event(0.0, severity or body.severity, body))


@pytest.mark.parametrize("kind", [market.ClaimsPaused, market.Idle])
@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (SHORT_OF_EMT, AlertTopic.BALANCE_LOW),
        (why.NoneTaken(3, SHORT_OF_EMT), AlertTopic.BALANCE_LOW),
        (why.ClaimingPaused(EndpointBehind("x", 9)), AlertTopic.ENDPOINT),
        (disk.CacheFull(1, 2, 3), AlertTopic.DISK),
        *((reason, None) for reason in BY_HAND),
    ],
)
def test_why_nothing_is_claimed_decides(
    kind: type[market.Idle], reason: Reason, expected: AlertTopic | None
) -> None:
    assert topic(kind(reason)) is expected


def test_that_claiming_has_stopped_is_an_alert_and_that_nothing_suits_is_none() -> None:
    assert topic(market.ClaimsPaused(why.DepositsKept())) is AlertTopic.CLAIMING_STOPPED
    assert topic(market.ClaimsHeld(Foreign("x"))) is AlertTopic.CLAIMING_STOPPED
    assert topic(market.Idle(why.NoneTaken(3, why.FeeTooLow(1, 2)))) is None


def test_an_error_without_a_topic_of_its_own_is_trouble() -> None:
    assert node.InternalError not in TOPICS
    assert topic(node.InternalError("x", "y")) is AlertTopic.TROUBLE
    assert topic(node.CommandFailed("x", Foreign("y"), Asker(why.OPERATOR.place))) is None


def test_there_are_no_alerts_about_alerts() -> None:
    assert topic(alerts.AlertsNotDelivered("x", Foreign("y")), Severity.ERROR) is None
    assert topic(alerts.AlertsDelivered("x"), Severity.ERROR) is None


def test_each_topic_can_come_up_and_all_but_the_daily_one_are_wanted() -> None:
    from_reasons = {AlertTopic.BALANCE_LOW, AlertTopic.CLAIMING_STOPPED, AlertTopic.TROUBLE}
    assert {*TOPICS.values(), *from_reasons} == set(AlertTopic)
    assert not set(CLAIMING) & set(TOPICS)
    assert topic(schedule.DeviceHeld("cuda:0", Foreign("x"))) is AlertTopic.DEVICE_HELD
    assert {*AlertSettings().topics, "device_held"} == {one.value for one in AlertTopic}
