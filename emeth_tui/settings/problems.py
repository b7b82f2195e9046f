"""Errors of validation in one line: which key, its value, what would be valid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


def explain(source: str, error: ValidationError, tables: Mapping[str, Any]) -> str:
    """Return the first problem: key, value, what would be valid."""
    problem = error.errors(include_url=False, include_context=False)[0]
    location = [str(part) for part in problem["loc"] if part != "source"]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        return f"{source}: {key}: there is no such key; `emeth-tui config example` lists them"
    if problem["type"] == "missing":
        return f"{source}: {key}: is missing"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if location and location[-1] == "verification_key":
        return f"{source}: {key}: {message}"
    value = _look_up(tables, location)
    return f"{source}: {key} = {value!r}: {message}"


def _look_up(tables: object, location: list[str]) -> object:
    for part in location:
        if isinstance(tables, Mapping) and part in tables:
            tables = tables[part]
        elif isinstance(tables, list) and part.isdecimal() and int(part) < len(tables):
            tables = tables[int(part)]
    return tables
