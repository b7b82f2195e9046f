"""Whether there is a newer release: PyPI is asked when the owner asks, and never otherwise."""

from __future__ import annotations

import json
import re

from emeth_tui.clients.http.connections import new_http_client
from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, exchange
from emeth_tui.errors import UpdateUnknown
from emeth_tui.foreign_text import endpoint
from emeth_tui.notices.reasons.network.exchange import UnexpectedStatus
from emeth_tui.notices.reasons.network.updates import IndexDown, IndexNotUnderstood, NotReleasedThere

PYPI_URL = "https://pypi.org/pypi/emeth-tui/json"  # https://docs.pypi.org/api/json/
LIMITS = Limits(max_bytes=8_000_000, deadline_s=15.0)
_RELEASE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){1,3}")  # a final release; PyPI names no other as the newest
_NUMBERS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}")


async def newest_version(url: str = PYPI_URL) -> str:
    """Return the newest release that the index lists. Raise UpdateUnknown."""
    where = endpoint(url)
    async with new_http_client() as client:
        try:
            reply = await exchange(client, "GET", url, LIMITS)
        except ExchangeFailed as error:
            raise UpdateUnknown(IndexDown(error.reason)) from error
    if reply.status == 404:
        raise UpdateUnknown(NotReleasedThere(where))
    if reply.status != 200:
        raise UpdateUnknown(IndexDown(UnexpectedStatus(where, reply.status)))
    version = _version_in(reply.body)
    if version is None:
        raise UpdateUnknown(IndexNotUnderstood(where))
    return version


def is_newer(found: str, running: str) -> bool:
    """Whether a release is newer than a version, of which only the numbers at its beginning count."""
    return _numbers(found) > _numbers(running)


def _version_in(body: bytes) -> str | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    info = answer.get("info") if isinstance(answer, dict) else None
    version = info.get("version") if isinstance(info, dict) else None
    return version if isinstance(version, str) and _RELEASE.fullmatch(version) else None


def _numbers(version: str) -> tuple[int, ...]:
    match = _NUMBERS.match(version)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    return tuple([*numbers, 0, 0, 0, 0][:4])
