"""Errors of validation as reasons: which key, its value, what would be valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from emeth_tui.foreign_text import without_secrets
from emeth_tui.nearest import nearest_of
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import settings as why
from emeth_tui.settings.basics import InvalidSetting

EMT_DECIMALS = 18  # protocol.md §2
_PLAIN: Mapping[object, type[Reason]] = {bool: why.TrueOrFalseExpected, Path: why.NotAPath}


def explain(
    source_of: Callable[[str], str | Reason],
    error: ValidationError,
    model: type[BaseModel],
    tables: Mapping[str, Any],
    prefix: tuple[str, ...] = (),
) -> Reason:
    """Return the first problem: source, key, value, what would be valid. `prefix` leads to `tables`."""
    problem = error.errors(include_url=False)[0]
    location = tuple(str(part) for part in problem["loc"] if part != "[key]")
    source = source_of(".".join((*prefix, *location)[:2]))
    return why.InFile(source, _problem(model, location, dict(problem), tables, prefix))


def _problem(
    model: type[BaseModel],
    location: tuple[str, ...],
    problem: Mapping[str, Any],
    tables: Mapping[str, Any],
    prefix: tuple[str, ...],
) -> Reason:
    key = ".".join((*prefix, *location))
    own = problem.get("ctx", {}).get("error")
    if problem["type"] == "missing":
        return why.KeyMissing(key)
    known = _known_keys(model)
    if problem["loc"][-1] == "[key]" and location[0] == "models":
        languages = (".".join((*prefix, name)) for name in known if name.startswith("models."))
        return why.NoSuchKey(key, why.NearestIs(", ".join(languages)))
    if problem["type"] == "extra_forbidden":
        nearest = _nearest_key(".".join(location), known)
        return why.NoSuchKey(key, hint_at(".".join((*prefix, nearest)) if nearest else None))
    if isinstance(own, InvalidSetting) and isinstance(own.reason, why.MinAboveMax):
        return own.reason  # it is of two keys, and names both
    wanted = own.reason if isinstance(own, InvalidSetting) else _wanted(model, location)
    value = _look_up(tables, location)
    if (isinstance(own, InvalidSetting) and own.secret) or _is_secret(model, location) or _holds_table(value):
        return why.InvalidSecret(key, wanted)
    return why.InvalidValue(key, _shown(value), wanted)


@cache
def _known_keys(model: type[BaseModel], section: str = "") -> Sequence[str]:
    """List the dotted keys of a model, those of its sections among them."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        if field.description or _is_section(field.annotation):
            keys.append(section + name)
        if _is_section(field.annotation):
            keys += _known_keys(field.annotation, f"{section}{name}.")  # type: ignore[arg-type]
    return [*keys, "models.en", "models.ja"] if "models" in keys else keys


def hint_at(nearest: str | None) -> Reason:
    """Return what is said of a name that was probably meant, or of there being none."""
    return why.NoneIsNear() if nearest is None else why.NearestIs(nearest)


def no_such_setting(key: str, known: Sequence[str]) -> Reason:
    """Return what is said of the key of a setting that there is not."""
    from emeth_tui.notices.reasons.command_line import NoSuchSetting

    return NoSuchSetting(key, hint_at(nearest_of(key, known)))


def _nearest_key(key: str, known: Sequence[str]) -> str | None:
    """Return the key that was probably meant: one of that name in another table, else the most alike."""
    elsewhere = [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]]
    as_deep = [name for name in known if name.count(".") == key.count(".")]
    return elsewhere[0] if len(elsewhere) == 1 else nearest_of(key, as_deep or known)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _is_secret(model: type[BaseModel], location: tuple[str, ...]) -> bool:
    """Whether a setting is secret, or a section in which one is."""
    kind = _kind(model.model_fields[location[0]].annotation)
    if not _is_section(kind):
        return kind is SecretStr
    return any(_is_secret(kind, (name,)) for name in location[1:2] or kind.model_fields)


def _holds_table(value: object) -> bool:
    """Whether a value is a table, in which anything may be, or a list with one."""
    return isinstance(value, Mapping) or (isinstance(value, list) and any(map(_holds_table, value)))


def _wanted(model: type[BaseModel], location: tuple[str, ...]) -> Reason:
    """Return what would be valid for a setting, by its type and bounds; an item of a list is as the list."""
    field = model.model_fields[location[0]]
    if len(location) > 1 and _is_section(field.annotation):
        return _wanted(field.annotation, location[1:])  # type: ignore[arg-type]
    kind = _kind(field.annotation)
    if get_origin(kind) is dict and len(location) > 1:
        kind = _kind(get_args(kind)[1])
    least, most = (_bound(field, name) for name in ("ge", "le"))
    if get_origin(kind) is Literal:
        return why.ChoiceExpected(", ".join(f'"{choice}"' for choice in get_args(kind)))
    if kind in {int, float}:
        return (why.WholeNumberExpected if kind is int else why.NumberExpected)(least, most)
    if kind is Decimal:
        return why.AmountExpected(least, most, EMT_DECIMALS)
    if _is_section(kind) or get_origin(kind) is dict:
        return why.ATableExpected()
    if get_origin(kind) in {list, tuple}:
        return why.TextsExpected()
    return _PLAIN.get(kind, why.TextExpected)()


def _kind(annotation: Any) -> Any:
    """Return the type of an annotation without what pydantic adds to it, and without None."""
    if get_origin(annotation) in {Union, UnionType}:
        annotation = next(kind for kind in get_args(annotation) if kind is not NoneType)
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _bound(field: FieldInfo, name: str) -> str:
    limit = next((getattr(part, name) for part in field.metadata if hasattr(part, name)), "")
    return format(Decimal(str(limit)), ",f").removesuffix(".0") if limit != "" else ""


def _look_up(tables: object, location: tuple[str, ...]) -> object:
    for part in location:
        if isinstance(tables, Mapping) and part in tables:
            tables = tables[part]
        elif isinstance(tables, list) and part.isdecimal() and int(part) < len(tables):
            tables = tables[int(part)]
    return tables


def _shown(value: object) -> str:
    """Return a value as TOML writes it, or nearly so; of URLs only what cannot be secret."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, str):
        return repr(without_secrets(value))
    return repr(value) if isinstance(value, (int, float)) else str(value)
