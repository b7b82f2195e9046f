"""Why a service of systemd is not installed, shown or removed."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class SystemdMissing(Reason):
    program: str


class SystemdRefused(Reason):
    command: str


class UnitNotThere(Reason):
    path: Path


class UnitUnwritable(Reason):
    path: Path
    detail: ForeignText


class NobodyToRunAs(Reason):
    pass


class NoSuchUser(Reason):
    name: str


class CredentialMissing(Reason):
    name: str
    path: Path


class PasswordNowhere(Reason):
    pass
