"""Reading the info server's list piece by piece: strangers wrote it, and it may hold a hundred thousand.

A piece is cut where one object ends and the next begins. Such a place may also lie inside a text or a nested
list; then the piece does not parse, and goes on to the next place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from emeth_tui.errors import InfoServerError
from emeth_tui.foreign_text import one_line
from emeth_tui.notices.reasons.network.info_server import NotJobJson, NotJobList
from emeth_tui.protocol.info_api import MAX_UINT256, ListEntry

PIECE_BYTES = 262_144  # parsed in a few milliseconds
MAX_CUTS = 64  # places in a row that turn out to be inside something: nobody lists jobs like that
_BETWEEN_OBJECTS = re.compile(rb"\}\s{0,64},\s{0,64}(?=\{)")
_SPACES = b" \t\r\n"
_ENTRIES = msgspec.json.Decoder(list[ListEntry], strict=False)  # fees are decimal strings
_ENTRY = msgspec.json.Decoder(ListEntry, strict=False)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def parse_list(where: str, body: bytes) -> Iterator[tuple[list[ListEntry], dict[str, str]]]:
    """Yield a list piece by piece: its valid entries, and what is wrong with the others, by name.

    Raise InfoServerError when it is not a list.
    """
    body = body.strip(_SPACES)
    if not (body.startswith(b"[") and body.endswith(b"]") and len(body) > 1):
        try:
            msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise InfoServerError(NotJobJson(where)) from error
        raise InfoServerError(NotJobList(where))
    start, end = 1, len(body) - 1
    while start < end:
        start, entries, bad_entries = _next_piece(where, body, start, end)
        yield entries, bad_entries


def _next_piece(where: str, body: bytes, start: int, end: int) -> tuple[int, list[ListEntry], dict[str, str]]:
    """Parse about PIECE_BYTES from `start`; return where the next piece starts, too."""
    after = start + PIECE_BYTES
    for _attempt in range(MAX_CUTS):
        place = _BETWEEN_OBJECTS.search(body, after, end) if after < end else None
        cut, following = (end, end) if place is None else (place.start() + 1, place.end())
        try:
            return following, *_parse(b"[" + body[start:cut] + b"]")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            if place is None:
                raise InfoServerError(NotJobJson(where)) from error
            after = place.end()
    raise InfoServerError(NotJobJson(where))


def _parse(piece: bytes) -> tuple[list[ListEntry], dict[str, str]]:
    """Return a piece's entries. Raise DecodeError, RecursionError or UnicodeDecodeError for no JSON."""
    try:
        entries = _ENTRIES.decode(piece)
    except msgspec.ValidationError:
        return _one_by_one(piece)
    if any(entry.fee_wei > MAX_UINT256 or entry.deadline_unix_s > MAX_UINT256 for entry in entries):
        return _one_by_one(piece)
    return entries, {}


def _one_by_one(piece: bytes) -> tuple[list[ListEntry], dict[str, str]]:
    entries: list[ListEntry] = []
    bad_entries: dict[str, str] = {}
    for raw in _RAWS.decode(piece):
        try:
            entry = _ENTRY.decode(raw)
        except (msgspec.ValidationError, UnicodeDecodeError) as error:
            bad_entries[_name(raw)] = one_line(error)
            continue
        if max(entry.fee_wei, entry.deadline_unix_s) > MAX_UINT256:
            bad_entries[_name(raw)] = "a number is larger than any of the contract's"
        else:
            entries.append(entry)
    return entries, bad_entries


def _name(raw: msgspec.Raw) -> str:
    try:
        entry = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return "without a name"
    return one_line(entry.get("id"), 40) if isinstance(entry, dict) else one_line(type(entry).__name__)
