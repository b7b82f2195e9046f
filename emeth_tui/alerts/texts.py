"""Messages for people: a title, and a text with a line for each alert."""

from __future__ import annotations

from emeth_tui.alerts.alert import Alert, Message
from emeth_tui.protocol.job_ids import short
from emeth_tui.words import alerts as words

SHOWN = 10  # alerts of a message; the others are counted


def title_of(message: Message) -> str:
    """Return a message's title, in the interface's language."""
    if message.kind == "test":
        return f"emeth-tui: {words.test_title()}"
    if message.kind == "alert":
        return f"emeth-tui: {words.topic_name(message.alerts[0].topic)}"
    return f"emeth-tui: {words.digest_title(message.topics)}"


def body_of(message: Message, *, with_remedy: bool = True) -> str:
    """Return a message's text, in the interface's language; of a single alert also what to do."""
    if message.kind == "test":
        return words.test_text()
    lines = [_line(alert) for alert in message.alerts[:SHOWN]]
    if left := len(message.alerts) + message.more - len(lines):
        lines.append(words.more_alerts(left))
    if with_remedy and message.kind == "alert" and (remedy := message.alerts[0].remedy):
        lines.append(f"→ {remedy}")
    return "\n".join(lines)


def _line(alert: Alert) -> str:
    return f"{short(alert.job_id)}: {alert.text}" if alert.job_id else alert.text
