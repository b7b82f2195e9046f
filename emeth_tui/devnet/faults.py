"""Storage faults for tests: connections that break, parts that are refused."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emeth_tui.errors import StorageError
from emeth_tui.notices.reasons.local.bots import BreakAskedFor


@dataclass(slots=True)
class Faults:
    """How many of each fault are still to come; counted down as they happen."""

    broken_downloads: int = 0
    break_after_bytes: int = 0  # of a download's body
    refused_uploads: int = 0  # PUTs answered with 503


class FaultyApp:
    """Puts faults between a server and its application."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "PUT" and self._faults.refused_uploads > 0:
            self._faults.refused_uploads -= 1
            await JSONResponse({"error": "try again"}, status_code=503)(scope, receive, send)
            return
        is_download = scope["type"] == "http" and scope["path"].startswith("/objects/")
        if is_download and scope["method"] == "GET" and self._faults.broken_downloads > 0:
            self._faults.broken_downloads -= 1
            await self._app(scope, receive, _Breaking(send, self._faults.break_after_bytes))
            return
        await self._app(scope, receive, send)


class _Breaking:
    """A `send` that breaks the connection once so many bytes of the body have been sent."""

    def __init__(self, send: Send, after_bytes: int) -> None:
        self._send = send
        self._left_bytes = after_bytes

    async def __call__(self, message: Message) -> None:
        body = message.get("body", b"")
        if len(body) <= self._left_bytes or not body:
            self._left_bytes -= len(body)
            await self._send(message)
            return
        await self._send({**message, "body": body[: self._left_bytes], "more_body": True})
        raise StorageError(BreakAskedFor())  # the server then closes it
