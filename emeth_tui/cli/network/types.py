"""The types of values that the commands of a network take."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import click

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_MOST_PERCENT = 1_000


class Name(click.ParamType[str]):
    """A network's name in settings."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _NAME.fullmatch(value):
            self.fail(f"{value!r} is not a name of letters, digits, - and _", param, ctx)
        return str(value)


class Address(click.ParamType[str]):
    """An account's address, with its checksum where it has capitals and small letters."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from eth_utils.address import is_checksum_address, to_checksum_address  # late: --help needs none

        text = str(value).strip()
        if not _ADDRESS.fullmatch(text):
            self.fail(f"{value!r} is not an address of 0x and 40 hex digits", param, ctx)
        digits = text[2:]
        if digits not in {digits.lower(), digits.upper()} and not is_checksum_address(text):
            self.fail(f"{value!r} has a wrong checksum: a digit may be mistyped", param, ctx)
        return str(to_checksum_address(text))


class Percent(click.ParamType[int]):
    """A share as the contract holds it: 100,000 is all of it."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            rate = Decimal(str(value).removesuffix("%").strip()) * 1_000
            whole = int(rate)
        except (ArithmeticError, ValueError):
            whole, rate = -1, Decimal(0)
        if whole != rate or not 0 <= whole <= _MOST_PERCENT * 1_000:
            self.fail(f"{value!r} is not a share such as 25 or 12.5, with three decimals at most", param, ctx)
        return whole


NAME = Name()
ADDRESS = Address()
PERCENT = Percent()
