"""What is wrong with the settings file, an option or an environment variable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class NeedsRestart(Reason):
    key: str
    path: Path


@dataclass(frozen=True, slots=True)
class SetByThisRun(Reason):
    key: str
    origin: str


@dataclass(frozen=True, slots=True)
class InFile(Reason):
    source: str
    problem: Reason


@dataclass(frozen=True, slots=True)
class NoSettingsFile(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class NotToml(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class NoSuchKey(Reason):
    key: str


@dataclass(frozen=True, slots=True)
class KeyMissing(Reason):
    key: str


@dataclass(frozen=True, slots=True)
class InvalidValue(Reason):
    key: str
    value: str
    problem: Reason


@dataclass(frozen=True, slots=True)
class InvalidSecret(Reason):
    key: str
    problem: Reason


@dataclass(frozen=True, slots=True)
class AtLeast(Reason):
    limit: str


@dataclass(frozen=True, slots=True)
class MoreThan(Reason):
    limit: str


@dataclass(frozen=True, slots=True)
class AtMost(Reason):
    limit: str


@dataclass(frozen=True, slots=True)
class LessThan(Reason):
    limit: str


@dataclass(frozen=True, slots=True)
class NumberExpected(Reason):
    detail: str


@dataclass(frozen=True, slots=True)
class NotAKey(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NotADevice(Reason):
    pass


@dataclass(frozen=True, slots=True)
class GpuNamedTwice(Reason):
    name: str
    times: int


@dataclass(frozen=True, slots=True)
class NotAnAddress(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NotAUrl(Reason):
    pass


@dataclass(frozen=True, slots=True)
class NotABatchSize(Reason):
    most: int


@dataclass(frozen=True, slots=True)
class PasswordFileUnreadable(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class TableExpected(Reason):
    section: str
    key: str


@dataclass(frozen=True, slots=True)
class UnknownNetwork(Reason):
    name: str
    known: str


@dataclass(frozen=True, slots=True)
class NetworkKeyMissing(Reason):
    network: str
    key: str


@dataclass(frozen=True, slots=True)
class DevnetKeyMissing(Reason):
    network: str
    key: str
