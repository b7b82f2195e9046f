"""Why an answer of the first settings is not accepted."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class FileNeeded(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NotANumberOfGb(Reason):
    text: str


@dataclass(frozen=True, slots=True)
class DiskTooSmall(Reason):
    free_bytes: int


@dataclass(frozen=True, slots=True)
class PasswordEmpty(Reason):
    pass


@dataclass(frozen=True, slots=True)
class PasswordsNotTheSame(Reason):
    pass


@dataclass(frozen=True, slots=True)
class DeviceNeeded(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NotAChoice(Reason):
    value: str
    known: str


@dataclass(frozen=True, slots=True)
class NoAnswerWithin(Reason):
    where: str
    limit_s: int
