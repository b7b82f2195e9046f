"""What becomes of the metrics."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.model import Severity
from emeth_tui.notices.notice import EventBody, Reason


@dataclass(frozen=True, slots=True)
class MetricsServed(EventBody):
    address: str


@dataclass(frozen=True, slots=True)
class MetricsExposed(EventBody):
    """They are served beyond this machine."""

    severity = Severity.WARNING

    address: str


@dataclass(frozen=True, slots=True)
class MetricsFailed(EventBody):
    severity = Severity.ERROR

    address: str
    reason: Reason
