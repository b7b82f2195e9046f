"""What a check finds: a notice that says what, how bad it is, and the remedy for what is bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from emeth_tui.notices.notice import Notice, Reason


class Room(str, Enum):
    """The part of the house that a check belongs to, in the order of the report."""

    SETTINGS = "settings"
    SOFTWARE = "software"
    DEVICES = "devices"
    RPC = "rpc"
    CONTRACTS = "contracts"
    WALLET = "wallet"
    INFO_SERVER = "info server"
    STORAGE = "storage"
    DISK = "disk"
    CLOCK = "clock"
    MODELS = "models"
    TERMINAL = "terminal"
    SERVICE = "service"


class Grade(str, Enum):
    """How bad a finding is, in rising order: a node starts with warnings, and not with errors."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        return list(Grade).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. Its notice's fields hold no secret."""

    grade: Grade
    notice: Notice
    remedy: Reason | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A finding, with the room and the check that it comes from."""

    room: Room
    check: str
    finding: Finding


class Unchecked(Exception):
    """Raised by a check that cannot look: what it needs is missing, which another check reports."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def ok(notice: Notice) -> Finding:
    return Finding(Grade.OK, notice)


def note(notice: Notice, remedy: Reason | None = None) -> Finding:
    return Finding(Grade.NOTE, notice, remedy)


def warning(notice: Notice, remedy: Reason) -> Finding:
    return Finding(Grade.WARNING, notice, remedy)


def error(notice: Notice, remedy: Reason) -> Finding:
    return Finding(Grade.ERROR, notice, remedy)


def worst(results: Sequence[Result]) -> Grade:
    """Return the grade of the worst finding."""
    return max((result.finding.grade for result in results), key=lambda grade: grade.rank, default=Grade.OK)
