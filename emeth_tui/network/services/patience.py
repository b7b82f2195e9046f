"""HTTP connections with an end to patience: with headers that trickle in, with clients that do not read.

How long a body may take is for the application to say, and once it has answered the rest is not waited for.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_LIMIT_S = 20.0  # from the first byte of a request to the end of its headers; of a new connection, too
LINGER_S = 5.0  # for a body whose request was answered before its end: then its sender may read the answer
UNREAD_LIMIT_S = 60.0  # in which a client has to read some 48 kB of what waits for it


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself waits for ever in all these cases."""

    _headers_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _linger_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._headers_timer = self.loop.call_later(HEADERS_LIMIT_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_headers_timer()
        self._stop_unread_timer()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_within_headers = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not is_within_headers:
            self._stop_headers_timer()
        elif self._headers_timer is None:
            self._headers_timer = self.loop.call_later(HEADERS_LIMIT_S, self.transport.abort)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and self._linger_timer is None:
            self._linger_timer = self.loop.call_later(LINGER_S, self._end_linger)

    def _end_linger(self) -> None:
        self._linger_timer = None
        if self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(UNREAD_LIMIT_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_unread_timer()
        super().resume_writing()

    def _stop_headers_timer(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _stop_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
