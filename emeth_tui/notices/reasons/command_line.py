"""Why a command from another shell is not done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class NoNodeRuns(Reason):
    directory: Path


@dataclass(frozen=True, slots=True)
class InvalidPrefix(Reason):
    text: str


@dataclass(frozen=True, slots=True)
class NoJobBegins(Reason):
    prefix: str
    remedy: Reason


@dataclass(frozen=True, slots=True)
class SeveralJobsBegin(Reason):
    prefix: str
    candidates: str


class ListJobs(Reason):
    __slots__ = ()


class ListOpenJobs(Reason):
    __slots__ = ()


class ListMarket(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NoSuchSetting(Reason):
    key: str
    nearest: str


@dataclass(frozen=True, slots=True)
class NotConfirmedHere(Reason):
    command: str


class AnsweredNo(Reason):
    __slots__ = ()
