"""Write what is said of the command line from the program itself: `python -m tools.command_line`.

The fields in docs/command-line.md, and the JSON schema beside it. Tests hold both to the program.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from emeth_tui.listings.documents import DOCUMENTS, json_schema

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "command-line.md"
SCHEMA_FILE = DOCS / "command-line.schema.json"
BEGIN, END = "<!-- fields: written by tools/command_line.py -->\n", "<!-- end of fields -->\n"
_NAMES = {str: "text", int: "number", float: "number", bool: "true or false", dict: "object"}


def main() -> None:
    """Write all of it."""
    PAGE.write_text(page_with_fields(PAGE.read_text("utf-8")), "utf-8")
    SCHEMA_FILE.write_text(schema_text(), "utf-8")


def schema_text() -> str:
    """Return the JSON schema as its file holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def page_with_fields(page: str) -> str:
    """Return the page with its tables of fields as the records have them."""
    before, _begin, rest = page.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{chr(10).join(_tables())}\n{END}{after}"


def _tables() -> Iterator[str]:
    shown: set[type[Any]] = set()
    for document, commands in groupby(DOCUMENTS, DOCUMENTS.__getitem__):
        kind, many = _kind_of(document)
        about = f"an array of these, and one row each with `--csv`: {_about(kind)}" if many else _about(kind)
        yield f"### {', '.join(f'`{command} --json`' for command in commands)}"
        yield f"{about[0].upper()}{about[1:]}"
        yield ""
        if kind in shown:
            yield "Its fields are those above."
            yield ""
        else:
            yield from _fields(kind, shown)


def _fields(kind: type[Any], shown: set[type[Any]]) -> Iterator[str]:
    """Describe a record, and then those in it that no table has described yet."""
    shown.add(kind)
    hints = typing.get_type_hints(kind, include_extras=True)
    yield "| field | is | meaning |"
    yield "| --- | --- | --- |"
    for field in fields(kind):
        type_name, text = _described(hints[field.name])
        yield f"| `{field.name}` | {type_name} | {text} |"
    yield ""
    for inner in _inner(hints.values()):
        if inner not in shown:
            yield f"`{_title(inner)}`: {_about(inner)}"
            yield ""
            yield from _fields(inner, shown)


def _kind_of(document: Any) -> tuple[type[Any], bool]:
    return (typing.get_args(document)[0], True) if typing.get_origin(document) is list else (document, False)


def _described(hint: Any) -> tuple[str, str]:
    """Return the name of a field's type, and what it says of itself."""
    if typing.get_origin(hint) is typing.Annotated:
        base, *notes = typing.get_args(hint)
        name, text = _described(base)
        texts = [note.description for note in notes if note.description]
        titles = [note.title for note in notes if note.title]
        return (titles or [name])[0], "; ".join([*texts, *([text] if text else [])])
    if typing.get_origin(hint) in {types.UnionType, typing.Union}:
        (base,) = (one for one in typing.get_args(hint) if one is not type(None))
        name, text = _described(base)
        return f"{name} or null", text
    if typing.get_origin(hint) is list:
        inner = typing.get_args(hint)[0]
        return (f"array of `{_title(inner)}`" if is_dataclass(inner) else "array of text"), ""
    return (f"`{_title(hint)}`" if is_dataclass(hint) else _NAMES[typing.get_origin(hint) or hint]), ""


def _inner(hints: Any) -> Iterator[type[Any]]:
    for hint in hints:
        base = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
        kind = typing.get_args(base)[0] if typing.get_origin(base) is list else base
        if is_dataclass(kind) and isinstance(kind, type):
            yield kind


def _title(kind: Any) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__.removesuffix("Record")).lower()


def _about(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    main()
