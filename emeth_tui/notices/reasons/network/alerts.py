"""Why an alert is not delivered, or cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


class NotifyExtraMissing(Reason):
    __slots__ = ()


class NoNotifySend(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DesktopRefused(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class ServiceUrlUnknown(Reason):
    """An apprise URL that apprise has no service for; nothing of it is shown."""

    line: int
    path: Path


@dataclass(frozen=True, slots=True)
class ServiceRefused(Reason):
    service: str


@dataclass(frozen=True, slots=True)
class WebhookNeedsSecret(Reason):
    variable: str


@dataclass(frozen=True, slots=True)
class SecretFileUnreadable(Reason):
    key: str
    path: Path


class NoAlertChannel(Reason):
    __slots__ = ()
