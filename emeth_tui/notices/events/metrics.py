"""What becomes of the metrics."""

from __future__ import annotations

from emeth_tui.model import Severity
from emeth_tui.notices.notice import EventBody, Reason


class MetricsServed(EventBody):
    address: str


class MetricsExposed(EventBody):
    """They are served beyond this machine."""

    severity = Severity.WARNING

    address: str


class MetricsFailed(EventBody):
    severity = Severity.ERROR

    address: str
    reason: Reason
