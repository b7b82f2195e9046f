"""What is wrong with the settings file, an option or an environment variable."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.notices.notice import Reason


class NeedsRestart(Reason):
    key: str
    path: Path


class SetByThisRun(Reason):
    key: str
    origin: Reason


class InFile(Reason):
    source: str | Reason
    problem: Reason


class CommandLine(Reason):
    """Where an option stands."""


class Environment(Reason):
    """Where a variable stands."""


class NoSettingsFile(Reason):
    path: Path


class NotToml(Reason):
    line: int
    column: int


class TomlTwice(Reason):
    line: int


class TomlStrayCharacter(Reason):
    line: int
    column: int
    character: str


class TomlBreaksOff(Reason):
    pass


class TomlTooDeep(Reason):
    pass


class TomlNumberTooLong(Reason):
    pass


class NearestIs(Reason):
    nearest: str


class NoneIsNear(Reason):
    pass


class NoSuchKey(Reason):
    key: str
    hint: Reason


class NoSuchVariable(Reason):
    name: str
    hint: Reason


class KeyMissing(Reason):
    key: str


class NotAnAddressRange(Reason):
    pass


class NameOfBuiltIn(Reason):
    name: str


class InvalidValue(Reason):
    key: str
    value: str
    problem: Reason


class InvalidSecret(Reason):
    key: str
    problem: Reason


class WholeNumberExpected(Reason):
    least: str
    most: str


class NumberExpected(Reason):
    least: str
    most: str


class AmountExpected(Reason):
    least: str
    most: str
    decimals: int


class MinAboveMax(Reason):
    least_key: str
    least: str
    most_key: str
    most: str


class ChoiceExpected(Reason):
    choices: str


class ChoicesExpected(Reason):
    choices: str


class LanguagesExpected(Reason):
    choices: str


class TrueOrFalseExpected(Reason):
    pass


class TextExpected(Reason):
    pass


class BytesNotUtf8(Reason):
    pass


class TextsExpected(Reason):
    pass


class ATableExpected(Reason):
    pass


class NotAPath(Reason):
    pass


class NoHomeDirectory(Reason):
    pass


class VariableInPath(Reason):
    variable: str


class NotANetworkName(Reason):
    pass


class NotAKey(Reason):
    pass


class NotADevice(Reason):
    pass


class NotAnAddressToListenOn(Reason):
    pass


class MetricsExtraMissing(Reason):
    pass


class NotATimeZone(Reason):
    pass


class NotHours(Reason):
    entry: str


class NotEarlierPrices(Reason):
    entry: str


class NotARule(Reason):
    entry: str


class RuleOnWrongSide(Reason):
    entry: str
    figure: str
    side: str


class RuleLimitsReversed(Reason):
    entry: str


class GpuNamedTwice(Reason):
    name: str
    times: int


class NotAnAddress(Reason):
    pass


class WrongChecksum(Reason):
    pass


class NotAUrl(Reason):
    pass


class UrlWithSpace(Reason):
    pass


class UrlWithUser(Reason):
    pass


class UrlWithQuery(Reason):
    pass


class NotAHost(Reason):
    pass


class NotACurrency(Reason):
    pass


class NotASymbol(Reason):
    pass


class DotInName(Reason):
    name: str


class NotABatchSize(Reason):
    most: int


class KeyFileUnreadable(Reason):
    path: Path


class PasswordFileUnreadable(Reason):
    path: Path


class TableExpected(Reason):
    section: str
    key: str


class NotEditable(Reason):
    key: str
    section: str


class UnknownNetwork(Reason):
    name: str
    known: str


class NetworkKeyMissing(Reason):
    network: str
    key: str


class NoSettings(Reason):
    """There is no settings file, and nothing else names a network."""


class DevnetKeyMissing(Reason):
    network: str
    key: str
