"""Errors of validation as reasons: which key, its value, what would be valid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import settings as why
from emeth_tui.notices.reasons.foreign import Foreign

_LIMITS: Mapping[str, tuple[str, type[Reason]]] = {
    "greater_than_equal": ("ge", why.AtLeast),
    "greater_than": ("gt", why.MoreThan),
    "less_than_equal": ("le", why.AtMost),
    "less_than": ("lt", why.LessThan),
}


class InvalidSetting(ValueError):
    """A validator of ours refuses a value, for a reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def explain(source: str, error: ValidationError, tables: Mapping[str, Any]) -> Reason:
    """Return the first problem: file, key, value, what would be valid."""
    problem = error.errors(include_url=False)[0]
    location = [str(part) for part in problem["loc"] if part != "source"]
    return why.InFile(source, _problem(".".join(location), location, dict(problem), tables))


def _problem(key: str, location: list[str], problem: Mapping[str, Any], tables: Mapping[str, Any]) -> Reason:
    if problem["type"] == "extra_forbidden":
        return why.NoSuchKey(key)
    if problem["type"] == "missing":
        return why.KeyMissing(key)
    wanted = _wanted(problem)
    if location and location[-1] == "verification_key":
        return why.InvalidSecret(key, wanted)
    return why.InvalidValue(key, repr(_look_up(tables, location)), wanted)


def _wanted(problem: Mapping[str, Any]) -> Reason:
    """Return what would be valid; in pydantic's words where it is not one of ours."""
    context = problem.get("ctx", {})
    if isinstance(own := context.get("error"), InvalidSetting):
        return own.reason
    if problem["type"] in _LIMITS:
        name, reason = _LIMITS[problem["type"]]
        return reason(str(context[name]))  # type: ignore[call-arg]
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if problem["type"].startswith(("int_", "float_", "decimal_")):
        return why.NumberExpected(message.removeprefix("input should be ").removeprefix("a "))
    return Foreign(message)


def _look_up(tables: object, location: list[str]) -> object:
    for part in location:
        if isinstance(tables, Mapping) and part in tables:
            tables = tables[part]
        elif isinstance(tables, list) and part.isdecimal() and int(part) < len(tables):
            tables = tables[int(part)]
    return tables
