"""The kinds of values that settings have, each with its check. A refusal is a reason (problems.py)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from emeth_tui.device_rules.rule import LimitsReversed, WrongSide, rules_of
from emeth_tui.model import AlertTopic, EarlierPrices, Language
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import settings as why
from emeth_tui.schedule.week import WeekHours
from emeth_tui.schedule.zone import offset_in
from emeth_tui.settings.basics import CONTROL_CHARACTER, NETWORK_NAME, InvalidSetting, user_path
from emeth_tui.settings.key_names import as_several, checked_key
from emeth_tui.settings.problems import EMT_DECIMALS

MAX_PORT = 65_535
MAX_EARLIER_PRICES = 1_000
_BEFORE = re.compile(
    r"before (\d{4}-\d{2}-\d{2})((?: (?:emt|native|energy) \d{1,9}(?:\.\d{1,8})?)+)", re.ASCII
)
MAX_BATCH_SIZE = 1_024
PRICE_DECIMALS = 12
MAX_SYMBOL_CHARS = 16
_CURRENCY = re.compile(r"[A-Za-z]{2,8}")
_DEVICE = re.compile(r"cpu|cuda:(0|[1-9][0-9]{0,2})")
_ADDRESS = re.compile(r"0x[0-9A-Fa-f]{40}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


def _path_text(value: object) -> object:
    if value == "" or (isinstance(value, str) and CONTROL_CHARACTER.search(value)):
        raise InvalidSetting(why.NotAPath())
    return value


def _model_name(value: str) -> str:
    user_path(Path(value))  # it may be a directory's
    return value


def _not_a_truth_value(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


def _device(value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise InvalidSetting(why.NotADevice())
    return value


def _each_gpu_once(devices: list[str]) -> list[str]:
    for name in devices:
        if name != "cpu" and devices.count(name) > 1:
            raise InvalidSetting(why.GpuNamedTwice(name, devices.count(name)))
    return devices


def _time_zone(value: str) -> str:
    try:
        offset_in(value)
    except ValueError:
        raise InvalidSetting(why.NotATimeZone()) from None
    return value


def split_listen(value: str) -> tuple[str, int]:
    """Return host and port of `host:port`, with the brackets of an IPv6 address taken off."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(listen: str) -> bool:
    """Whether an address to listen on is of this machine alone."""
    host, _port = split_listen(listen)
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(value: str) -> str:
    host, separator, port = value.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and int(port) <= MAX_PORT
    is_bare = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if value and not (separator and is_port and _HOST.fullmatch(host.strip("[]")) and not is_bare):
        raise InvalidSetting(why.NotAnAddressToListenOn())
    return value


def _hours(entries: list[str]) -> list[str]:
    try:
        WeekHours.of(entries)
    except ValueError as error:
        raise InvalidSetting(why.NotHours(str(error))) from None
    return entries


def _device_hours(entries: list[str]) -> list[str]:
    for entry in entries:
        device, _, hours = entry.partition(" ")
        _device(device)
        _hours([hours])
    return entries


def _hold_rules(entries: list[str]) -> list[str]:
    try:
        rules_of(entries)
    except WrongSide as error:
        raise InvalidSetting(why.RuleOnWrongSide(str(error), error.figure.value, error.side)) from None
    except LimitsReversed as error:
        raise InvalidSetting(why.RuleLimitsReversed(str(error))) from None
    except ValueError as error:
        raise InvalidSetting(why.NotARule(str(error))) from None
    return entries


def read_earlier(entries: Iterable[str]) -> tuple[EarlierPrices, ...]:
    """Read entries, the earliest date first. Raise ValueError with the first one that is invalid."""
    earlier = [_earlier(entry) for entry in entries]
    if len(earlier) > MAX_EARLIER_PRICES:
        raise ValueError(f"{len(earlier)} > {MAX_EARLIER_PRICES}")
    return tuple(sorted(earlier, key=lambda one: one.before_unix_s))


def _earlier(entry: str) -> EarlierPrices:
    match = _BEFORE.fullmatch(" ".join(entry.lower().split()))
    try:
        if match is None:
            raise ValueError(entry)
        before = datetime.strptime(match[1], "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        raise ValueError(entry) from None
    words = match[2].split()
    prices = dict(zip(words[::2], map(Decimal, words[1::2]), strict=True))
    if len(prices) * 2 != len(words):  # one of them twice
        raise ValueError(entry)
    return EarlierPrices(before.timestamp(), prices.get("emt"), prices.get("native"), prices.get("energy"))


def _earlier_prices(entries: list[str]) -> list[str]:
    try:
        read_earlier(entries)
    except ValueError as error:
        raise InvalidSetting(why.NotEarlierPrices(str(error))) from None
    return entries


def _network_name(value: str) -> str:
    if not NETWORK_NAME.fullmatch(value):
        raise InvalidSetting(why.NotANetworkName())
    return value


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise InvalidSetting(why.NotAnAddress())
    return value


def _url(value: str) -> str:
    problem = _problem_of_url(value)
    if problem is not None:  # what has no scheme may be a provider's key alone
        raise InvalidSetting(problem, secret="://" not in value)
    parts = urlsplit(value)
    return value if parts.query or parts.fragment else value.rstrip("/")


def _problem_of_url(value: str) -> Reason | None:
    authority = (value.partition("://")[2] or value).partition("/")[0]
    if "@" in authority:
        return why.UrlWithUser()
    if any(character.isspace() for character in value):
        return why.UrlWithSpace()
    try:
        parts = urlsplit(value)
        well_formed = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        return why.NotAUrl()
    printable = value.isascii() and value.isprintable() and "\\" not in value
    if well_formed and printable and _HOST.fullmatch(parts.hostname or ""):
        return None
    return why.NotAUrl()


def _base_url(value: str) -> str:
    if "?" in value or "#" in value:
        raise InvalidSetting(why.UrlWithQuery())
    return value


def _host(value: str) -> str:
    name = value.strip("[]").lower()
    if not _HOST.fullmatch(name):
        raise InvalidSetting(why.NotAHost())
    return name


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _symbol(value: str) -> str:
    if not 1 <= len(value) <= MAX_SYMBOL_CHARS or not value.isprintable() or " " in value:
        raise InvalidSetting(why.NotASymbol())
    return value


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise InvalidSetting(why.NotACurrency())
    return value.upper()


def _languages(names: list[str]) -> list[str]:
    known = [language.value for language in Language]
    if not names or not set(names) <= set(known):
        raise InvalidSetting(why.LanguagesExpected(", ".join(f'"{name}"' for name in known)))
    return list(dict.fromkeys(names))


def _some_of(known: Sequence[str]) -> Callable[[list[str]], list[str]]:
    """Return a check that a list holds known names alone; one that comes twice counts once."""

    def check(names: list[str]) -> list[str]:
        if not set(names) <= set(known):
            raise InvalidSetting(why.ChoicesExpected(", ".join(known)))
        return list(dict.fromkeys(names))

    return check


def _secret_url(value: SecretStr) -> SecretStr:
    try:
        return SecretStr(_url(value.get_secret_value()))
    except InvalidSetting as error:
        raise InvalidSetting(error.reason, secret=True) from None


def _batch_size(value: object) -> object:
    blocks = int(value) if isinstance(value, str) and value.isdecimal() else value
    if blocks == "auto" or (type(blocks) is int and 1 <= blocks <= MAX_BATCH_SIZE):
        return blocks
    raise InvalidSetting(why.NotABatchSize(MAX_BATCH_SIZE))


# Numbers need their bounds in the field: `Field(ge=…, le=…)`.
Whole = Annotated[int, BeforeValidator(_not_a_truth_value)]
Number = Annotated[float, BeforeValidator(_not_a_truth_value)]
Emt = Annotated[Decimal, BeforeValidator(_not_a_truth_value), Field(decimal_places=EMT_DECIMALS)]

Price = Annotated[Decimal, BeforeValidator(_not_a_truth_value), Field(decimal_places=PRICE_DECIMALS)]
Verification = Literal["chain", "loss", "replay"]  # docs/verification.md
Currency = Annotated[str, AfterValidator(_currency)]
Symbol = Annotated[str, AfterValidator(_symbol)]

Device = Annotated[str, AfterValidator(_device)]
Devices = Annotated[list[Device], BeforeValidator(_comma_separated), AfterValidator(_each_gpu_once)]
Listen = Annotated[str, AfterValidator(_listen)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
HoursOfWeek = Annotated[list[str], BeforeValidator(_comma_separated), AfterValidator(_hours)]
DeviceHours = Annotated[list[str], BeforeValidator(_comma_separated), AfterValidator(_device_hours)]
PricesBefore = Annotated[list[str], BeforeValidator(_comma_separated), AfterValidator(_earlier_prices)]
HoldRules = Annotated[list[str], BeforeValidator(_comma_separated), AfterValidator(_hold_rules)]
BatchSize = Annotated[int | Literal["auto"], BeforeValidator(_batch_size)]
NetworkName = Annotated[str, AfterValidator(_network_name)]
Address = Annotated[str, AfterValidator(_address)]
Url = Annotated[str, AfterValidator(_url)]
Urls = Annotated[list[Url], BeforeValidator(_comma_separated)]
Hosts = Annotated[list[Annotated[str, AfterValidator(_host)]], BeforeValidator(_comma_separated)]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]  # a part of the path may be a key
BaseUrl = Annotated[Url, AfterValidator(_base_url)]
Languages = Annotated[list[str], BeforeValidator(_comma_separated), AfterValidator(_languages)]
AlertTopics = Annotated[
    list[str],
    BeforeValidator(_comma_separated),
    AfterValidator(_some_of([topic.value for topic in AlertTopic])),
]
TerminalAlerts = Annotated[
    list[str],
    BeforeValidator(_comma_separated),
    AfterValidator(_some_of(["bell", "osc9", "osc777", "title"])),
]
ModelName = Annotated[str, AfterValidator(_model_name)]
Keys = Annotated[
    tuple[Annotated[str, AfterValidator(checked_key)], ...], BeforeValidator(as_several), Field(min_length=1)
]
UserPath = Annotated[Path, BeforeValidator(_path_text), AfterValidator(user_path)]
