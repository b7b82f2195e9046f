"""Records as CSV (RFC 4180): amounts in tokens exact to the wei, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_type_hints

from emeth_tui.listings import making, records
from emeth_tui.listings.texts import exact_decimal, harmless
from emeth_tui.model import NO_PRICES

if TYPE_CHECKING:
    from emeth_tui.engine.money.earnings import DayAccount
    from emeth_tui.job import Job
    from emeth_tui.model import Prices

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_ROWS_OF_THEIR_OWN = (list, dict)  # in JSON alone


def csv_text(kind: type[Any], rows: Iterable[Any]) -> str:
    """Write records of one class, one a row; `fee_wei` becomes `fee_emt`, `fee_native_wei` `fee_native`."""
    names = _names(kind)
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(columns_of(kind))
    writer.writerows([_cell(name, getattr(row, name)) for name in names] for row in rows)
    return output.getvalue()


def jobs_csv(jobs: Iterable[Job]) -> str:
    """Write jobs, one a row."""
    return csv_text(records.JobRecord, map(making.job, jobs))


def days_csv(days: Iterable[DayAccount], prices: Prices = NO_PRICES) -> str:
    """Write days, one a row, at the owner's prices."""
    return csv_text(records.DayRecord, (making.day(day, prices) for day in days))


def columns_of(kind: type[Any]) -> Sequence[str]:
    """Return the columns of a class of records."""
    return [_column(name) for name in _names(kind)]


def _names(kind: type[Any]) -> list[str]:
    hints = get_type_hints(kind)
    return [
        field.name
        for field in fields(kind)
        if getattr(hints[field.name], "__origin__", hints[field.name]) not in _ROWS_OF_THEIR_OWN
    ]


def _column(name: str) -> str:
    if name.endswith("_native_wei"):
        return name.removesuffix("_wei")
    return name.removesuffix("_wei") + "_emt" if name.endswith("_wei") else name


def _cell(name: str, value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return value
    if name.endswith("_wei"):
        return exact_decimal(int(value))
    return value if _NUMBER.fullmatch(value) else harmless(value)
