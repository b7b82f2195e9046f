"""Why an alert is not delivered, or cannot be."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class NotifyExtraMissing(Reason):
    pass


class NoNotifySend(Reason):
    pass


class DesktopRefused(Reason):
    detail: ForeignText


class ServiceUrlUnknown(Reason):
    """An apprise URL that apprise has no service for; nothing of it is shown."""

    line: int
    path: Path


class ServiceRefused(Reason):
    service: str


class WebhookNeedsSecret(Reason):
    variable: str


class SecretFileUnreadable(Reason):
    key: str
    path: Path


class NoAlertChannel(Reason):
    pass
