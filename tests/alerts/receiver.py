"""A webhook's receiver: a real HTTP server, which can be down, and checks what it gets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio

SECRET = "correct-horse-battery"
WAIT_S = 60.0  # bounds a hang


async def until(happened: Callable[[], bool]) -> None:
    """Wait until something is so."""
    with anyio.fail_after(WAIT_S):
        while not happened():  # noqa: ASYNC110 - it happens in another thread
            await asyncio.sleep(0.01)


class Receiver(ThreadingHTTPServer):
    """Takes messages at `url`. While `down` is set it answers with that status, whatever it has read."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.down: int | None = None
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")  # to what it takes
        self.taking = threading.Lock()  # held while a message is looked at
        self.refused = 0
        self.when_refused: Callable[[], None] = lambda: None  # called before the other side hears of it
        self.posts: list[dict[str, Any]] = []  # every one, also those that it said it did not take
        self.seen: dict[str, dict[str, Any]] = {}  # the messages by their ids
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook/s3cret-path"

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Every alert of every message, each once."""
        return [alert for message in self.seen.values() for alert in message["alerts"]]

    async def until(self, messages: int = 0, refused: int = 0) -> None:
        """Wait for so many messages, and for so many refusals."""
        await until(lambda: len(self.seen) >= messages and self.refused >= refused)

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.taking:
            self._take(body)

    def _take(self, body: bytes) -> None:
        parts = dict(part.split("=") for part in self.headers["Emeth-Signature"].split(","))
        signed = f"{parts['t']}.".encode() + body
        expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        message = json.loads(body)
        status = self.server.down or (200 if hmac.compare_digest(expected, parts["v1"]) else 401)
        self.server.posts.append(message)
        if status == 200:
            assert self.headers["Emeth-Id"] == message["id"]
            self.server.seen[message["id"]] = message
        else:
            self.server.when_refused()
            self.server.refused += 1
        status, headers, answer = self.server.answer if status == 200 else (status, {}, b"")
        self.send_response(status)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # who asked may have heard enough
            self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
