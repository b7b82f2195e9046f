"""Why the info server's list cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class InfoServerDown(Reason):
    cause: Reason


@dataclass(frozen=True, slots=True)
class NotJobList(Reason):
    where: str


@dataclass(frozen=True, slots=True)
class NotJobJson(Reason):
    where: str
