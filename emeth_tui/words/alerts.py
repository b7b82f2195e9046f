"""Alerts for people: titles and lines."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.model import AlertTopic
from emeth_tui.words.translation import _


def topic_name(topic: AlertTopic) -> str:
    """Name a topic in the interface's language."""
    return {
        AlertTopic.JOB_AT_RISK: _("job at risk"),
        AlertTopic.VERIFICATION_FAILED: _("job lost or rejected"),
        AlertTopic.DEPOSIT_KEPT: _("deposit not returned"),
        AlertTopic.CLAIMING_STOPPED: _("claiming stopped"),
        AlertTopic.DEVICE_LOST: _("device lost"),
        AlertTopic.DEVICE_HELD: _("device held"),
        AlertTopic.ENDPOINT: _("endpoint or service"),
        AlertTopic.DISK: _("disk"),
        AlertTopic.BALANCE_LOW: _("balance low"),
        AlertTopic.DAY_RESULT: _("the day's result"),
        AlertTopic.TROUBLE: _("error"),
    }[topic]


def digest_title(topics: Mapping[AlertTopic, int]) -> str:
    """Return the title of many alerts: how many of each topic."""
    parts = _(", ").join(f"{topic_name(topic)} ×{count}" for topic, count in topics.items())
    return _("{count} alerts: {parts}").format(count=sum(topics.values()), parts=parts)


def more_alerts(count: int) -> str:
    """Return the line that stands for alerts that are not shown."""
    return _("and {count} more; `emeth-tui events` shows them all").format(count=count)


def test_title() -> str:
    return _("a test")


def test_text() -> str:
    return _("This is a test: alerts arrive here.")
