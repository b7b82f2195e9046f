"""What becomes of alerts."""

from __future__ import annotations

from emeth_tui.model import Severity
from emeth_tui.notices.notice import EventBody, Reason


class AlertsNotDelivered(EventBody):
    """A channel takes no alerts."""

    severity = Severity.WARNING

    channel: str
    reason: Reason


class AlertsDelivered(EventBody):
    """A channel takes alerts again."""

    channel: str
