"""One real HTTP server for a whole test run: each test mounts its application under a path of its own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from emeth_tui.backoff import Backoff
from emeth_tui.clients.http.retry import Retry
from emeth_tui.network.services.http_service import LOOPBACK, bind_loopback

QUICK_RETRY = Retry(backoff=Backoff(0.001, 0.001))


class LocalServer:
    """uvicorn on a loopback port, in a thread; to start and stop one a test takes longer than the test."""

    def __init__(self) -> None:
        self._apps: dict[str, ASGIApp] = {}
        self._numbers = itertools.count()
        self._listener = bind_loopback()
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(
            self._route,
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), name="test server")

    def start(self) -> None:
        self._listener.listen()  # connections wait in the backlog until uvicorn takes over
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    @contextmanager
    def mounted(self, app: ASGIApp) -> Iterator[str]:
        """Serve an application; yield its URL, without a trailing slash."""
        name = f"test{next(self._numbers)}"
        self._apps[name] = app
        yield f"http://{LOOPBACK}:{self.port}/{name}"
        del self._apps[name]

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, name, *rest = scope["path"].split("/", 2)
        app = self._apps.get(name)
        if app is None:
            await send({"type": "http.response.start", "status": 410, "headers": []})
            await send({"type": "http.response.body", "body": b"this test is over"})
            return
        path = "/" + "".join(rest)
        await app({**scope, "path": path, "raw_path": path.encode(), "root_path": ""}, receive, send)
