"""The clocks of servers, by the Date headers of their answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

import httpx

from emeth_tui.model import ServiceName

_SENT = "emeth_tui.sent_unix_s"
OnDate = Callable[[ServiceName, float, float, float], None]  # which, its time, when we asked, when we heard


def listen_for_dates(client: httpx.AsyncClient, services: Mapping[str, ServiceName], on_date: OnDate) -> None:
    """Call `on_date` with the time of each answer from one of these hosts; times in unix seconds."""

    async def note_request(request: httpx.Request) -> None:
        request.extensions[_SENT] = time.time()

    async def note_answer(response: httpx.Response) -> None:
        service = services.get(response.url.netloc.decode("ascii", "replace"))
        date_unix_s = _unix_s(response.headers.get("date", ""))
        sent_unix_s = response.request.extensions.get(_SENT)
        if service is not None and date_unix_s is not None and sent_unix_s is not None:
            on_date(service, date_unix_s, sent_unix_s, time.time())

    client.event_hooks["request"].append(note_request)
    client.event_hooks["response"].append(note_answer)


def _unix_s(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
