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
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class TomlTwice(Reason):
    line: int


@dataclass(frozen=True, slots=True)
class TomlStrayCharacter(Reason):
    line: int
    column: int
    character: str


class TomlBreaksOff(Reason):
    __slots__ = ()


class TomlTooDeep(Reason):
    __slots__ = ()


class TomlNumberTooLong(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NoSuchKey(Reason):
    key: str
    nearest: str


@dataclass(frozen=True, slots=True)
class NoSuchVariable(Reason):
    name: str
    nearest: str


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
class WholeNumberExpected(Reason):
    least: str
    most: str


@dataclass(frozen=True, slots=True)
class NumberExpected(Reason):
    least: str
    most: str


@dataclass(frozen=True, slots=True)
class AmountExpected(Reason):
    least: str
    most: str
    decimals: int


@dataclass(frozen=True, slots=True)
class MinAboveMax(Reason):
    least_key: str
    least: str
    most_key: str
    most: str


@dataclass(frozen=True, slots=True)
class ChoiceExpected(Reason):
    choices: str


@dataclass(frozen=True, slots=True)
class LanguagesExpected(Reason):
    choices: str


class TrueOrFalseExpected(Reason):
    __slots__ = ()


class TextExpected(Reason):
    __slots__ = ()


class BytesNotUtf8(Reason):
    __slots__ = ()


class TextsExpected(Reason):
    __slots__ = ()


class ATableExpected(Reason):
    __slots__ = ()


class NotAPath(Reason):
    __slots__ = ()


class NoHomeDirectory(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class VariableInPath(Reason):
    variable: str


class NotANetworkName(Reason):
    __slots__ = ()


class NotAKey(Reason):
    __slots__ = ()


class NotADevice(Reason):
    __slots__ = ()


class NotAnAddressToListenOn(Reason):
    __slots__ = ()


class MetricsExtraMissing(Reason):
    __slots__ = ()


class NotATimeZone(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NotHours(Reason):
    entry: str


@dataclass(frozen=True, slots=True)
class NotARule(Reason):
    entry: str


@dataclass(frozen=True, slots=True)
class GpuNamedTwice(Reason):
    name: str
    times: int


class NotAnAddress(Reason):
    __slots__ = ()


class WrongChecksum(Reason):
    __slots__ = ()


class NotAUrl(Reason):
    __slots__ = ()


class UrlWithSpace(Reason):
    __slots__ = ()


class UrlWithUser(Reason):
    __slots__ = ()


class UrlWithQuery(Reason):
    __slots__ = ()


class NotAHost(Reason):
    __slots__ = ()


class NotACurrency(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NotABatchSize(Reason):
    most: int


@dataclass(frozen=True, slots=True)
class KeyFileUnreadable(Reason):
    path: Path


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
