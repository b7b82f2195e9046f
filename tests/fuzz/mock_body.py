"""The body of an answer that comes from no network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx


class Body(httpx.AsyncByteStream):
    """A body in one piece, as a connection would bring it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content
