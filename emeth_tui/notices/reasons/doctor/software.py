"""What the program runs on."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class PythonFits(Reason):
    version: str


@dataclass(frozen=True, slots=True)
class PythonUntested(Reason):
    version: str
    tested: str


@dataclass(frozen=True, slots=True)
class PackagesFit(Reason):
    packages: int


@dataclass(frozen=True, slots=True)
class PackageMissing(Reason):
    name: str
    wanted: str


@dataclass(frozen=True, slots=True)
class PackageUnfit(Reason):
    name: str
    version: str
    wanted: str


@dataclass(frozen=True, slots=True)
class ExtraThere(Reason):
    extra: str


@dataclass(frozen=True, slots=True)
class ExtraAbsent(Reason):
    extra: str


class NotInstalled(Reason):
    __slots__ = ()
