"""An HTTP service on a port, run inside somebody else's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Generator
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emeth_tui.errors import ServiceError
from emeth_tui.foreign_text import system_text
from emeth_tui.network.services.patience import PatientProtocol
from emeth_tui.notices.reasons.local.serving import CannotListen, NoFreePort, NoPort, ServiceDidNotStart

LOOPBACK = "127.0.0.1"
STOP_GRACE_S = 1  # how long open requests may continue when a service stops


def bind_loopback(preferred_port: int = 0) -> socket.socket:
    """Bind a listening port on the loopback interface: the preferred one if free, else any."""
    for port in (preferred_port, 0):
        # Named as TCP: asyncio sets TCP_NODELAY on such sockets only, and without it each answer takes 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError as error:
            listener.close()
            if port == 0:
                raise ServiceError(NoPort(system_text(error))) from error
            continue
        return listener
    raise ServiceError(NoFreePort())


def bind(host: str, port: int) -> socket.socket:
    """Bind a listening port of this address alone. Raise ServiceError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named as TCP: see above
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServiceError(CannotListen(f"{host}:{port}", system_text(error))) from error
    return listener


class HttpService:
    """Serves an ASGI application until stopped; leaves signals to the program around it."""

    def __init__(
        self,
        name: str,
        app: ASGIApp,
        *,
        preferred_port: int = 0,
        listener: socket.socket | None = None,
        grace_s: int = STOP_GRACE_S,
    ) -> None:
        """With a `listener` that is bound already, there it listens."""
        self._name = name
        self._listener = listener
        self._grace_s = grace_s
        self._host = LOOPBACK
        self._app = app
        self._preferred_port = preferred_port
        self._port = 0
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The bound port; 0 before `start`."""
        return self._port

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Bind the port and start to serve. Raise ServiceError when the service does not come up."""
        listener = self._listener or bind_loopback(self._preferred_port)
        self._host, self._port = listener.getsockname()[:2]
        config = uvicorn.Config(
            dated(self._app),
            http=PatientProtocol,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            proxy_headers=False,  # uvicorn would believe whoever connects from this machine
            date_header=False,  # uvicorn sets its own in the loop that is replaced below
            timeout_graceful_shutdown=self._grace_s,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(
            self._server.serve(sockets=[listener]), name=f"devnet {self._name} service"
        )
        answering = asyncio.create_task(self._server.answering.wait())
        await asyncio.wait({answering, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            answering.cancel()
            listener.close()
            raise ServiceError(ServiceDidNotStart(self._name)) from self._task.exception()

    async def stop(self) -> None:
        """Finish open requests, as long as the grace lasts, and close the port."""
        if self._server is None or self._task is None:
            return
        self._server.stopping.set()
        await self._task
        self._server = self._task = None


def dated(app: ASGIApp) -> ASGIApp:
    """Have an application say in each answer what time it is, as servers do."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(time.time(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
            await send(message)

        await app(scope, receive, send_dated)

    return answer


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = asyncio.Event()
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # SIGINT and SIGTERM are the program's

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()

    async def main_loop(self) -> None:
        await self.stopping.wait()  # uvicorn's own loop polls ten times a second
