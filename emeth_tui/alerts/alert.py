"""An alert, and the message that one or many of them become."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from emeth_tui import __version__
from emeth_tui.model import AlertTopic, JobId, Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.notice import field_data
from emeth_tui.words.remedies import remedy_of
from emeth_tui.words.sentences import english, text_of

SCHEMA = 1  # of the webhook's JSON; rises when a field goes or changes its meaning


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that happened and that somebody should hear of."""

    id: str
    at_unix_s: float
    topic: AlertTopic
    severity: Severity
    kind: str
    job_id: JobId | None
    message: str  # in English, as in the JSON log
    text: str  # in the owner's language
    fields: dict[str, Any]
    remedy: str | None = None  # what to do, in the owner's language


@dataclass(frozen=True, slots=True)
class Message:
    """What is delivered at once, under one id however often it is sent. Without alerts it is a test."""

    id: str
    alerts: tuple[Alert, ...] = ()
    more: int = 0  # further alerts, of which only the number is kept
    topics: dict[AlertTopic, int] = field(default_factory=dict)  # how many of each, all counted

    @property
    def kind(self) -> str:
        if not self.alerts:
            return "test"
        return "alert" if len(self.alerts) == 1 and not self.more else "digest"


def new_id() -> str:
    return uuid.uuid4().hex


def alert_of(event: Event, topic: AlertTopic) -> Alert:
    """Make an alert of an event, in the language that is spoken now."""
    return Alert(
        id=new_id(),
        at_unix_s=event.at_unix_s,
        topic=topic,
        severity=event.severity,
        kind=event.kind,
        job_id=event.job_id,
        message=english(event.body),
        text=text_of(event.body),
        fields=field_data(event.body),
        remedy=remedy_of(event),
    )


def message_json(message: Message, node: str, network: str) -> bytes:
    """Return a message as the webhook sends it. `node` is the account's address."""
    document = {
        "schema": SCHEMA,
        "id": message.id,
        "type": message.kind,
        "node": node,
        "network": network,
        "version": __version__,
        "count": len(message.alerts) + message.more,
        "topics": {topic.value: count for topic, count in message.topics.items()},
        "alerts": [_alert_data(alert) for alert in message.alerts],
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _alert_data(alert: Alert) -> dict[str, Any]:
    at = datetime.fromtimestamp(alert.at_unix_s, tz=timezone.utc)
    return {
        "id": alert.id,
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "topic": alert.topic.value,
        "level": alert.severity.value,
        "event": alert.kind,
        "job_id": alert.job_id,
        "message": alert.message,
        "text": alert.text,
        "remedy": alert.remedy,
        "fields": alert.fields,
    }
