"""Serves a node's metrics: threads of its own speak HTTP, write the text and ask the loop for a snapshot."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import socketserver
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import TimeoutError as FutureTimeout  # another class before Python 3.11
from contextlib import asynccontextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from emeth_tui.engine.events import EventLog, Subscription
from emeth_tui.engine.view.snapshot import Snapshot
from emeth_tui.foreign_text import system_text
from emeth_tui.model import Severity
from emeth_tui.notices.event import Event
from emeth_tui.notices.events.metrics import MetricsExposed, MetricsFailed, MetricsServed
from emeth_tui.notices.notice import EventBody, all_kinds
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.settings import MetricsExtraMissing
from emeth_tui.settings.values import is_loopback, split_listen

logger = logging.getLogger(__name__)
PATH = "/metrics"
SNAPSHOT_LIMIT_S = 10.0
REQUEST_LIMIT_S = 5.0  # for a client to ask, and to take the answer
AT_ONCE = 4  # clients; Prometheus and a person
SEES_END_WITHIN_S = 0.1  # a node that ends waits for it


class Observed(Protocol):
    """The part of a node that metrics come from."""

    def snapshot(self) -> Snapshot: ...


@asynccontextmanager
async def serve_metrics(listen: str, node: Observed, events: EventLog) -> AsyncIterator[None]:
    """Serve a node's metrics on `host:port` while inside; with "" nothing is served.

    An address that is unavailable is an event: the node and its deposits matter more.
    """
    if not listen:
        yield
        return
    counts = EventCounts(events.subscribe())
    counting = asyncio.create_task(counts.follow())
    server: MetricsServer | None = None
    try:
        server = MetricsServer(listen, asyncio.get_running_loop(), node, counts)
    except ImportError:
        events.publish(MetricsFailed(listen, MetricsExtraMissing()))
    except OSError as error:
        events.publish(MetricsFailed(listen, Foreign(system_text(error))))
    else:
        kind = MetricsServed if is_loopback(listen) else MetricsExposed
        events.publish(kind(server.url))
    try:
        yield
    finally:
        counts.stream.close()
        await counting
        if server is not None:
            await asyncio.to_thread(server.close)


class EventCounts:
    """Counts a stream's events by kind and severity, from 0: a series that begins with 1 has not risen."""

    def __init__(self, stream: Subscription) -> None:
        self.stream = stream
        bodies = (body for body in all_kinds(EventBody).values() if issubclass(body, EventBody))
        self._counts = {(body.kind, body.severity): 0 for body in bodies}

    async def follow(self) -> None:
        """Count until the stream ends."""
        async for item in self.stream:
            if isinstance(item, Event):
                of = item.kind, item.severity
                self._counts[of] = self._counts.get(of, 0) + 1

    def now(self) -> dict[tuple[str, Severity], int]:
        """Return the counts. To be called on the event loop."""
        return dict(self._counts)


class MetricsServer(ThreadingHTTPServer):
    """Answers `GET /metrics` in threads of its own."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(
        self, listen: str, loop: asyncio.AbstractEventLoop, node: Observed, counts: EventCounts
    ) -> None:
        """Bind and begin to serve. Raise OSError, or ImportError without the `metrics` extra."""
        import prometheus_client  # noqa: F401 - only what is served needs it

        host, port = split_listen(listen)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self._loop = loop
        self._node = node
        self._counts = counts
        self._free = threading.BoundedSemaphore(AT_ONCE)
        looking = {"poll_interval": SEES_END_WITHIN_S}
        self._serving = threading.Thread(None, self.serve_forever, "metrics", kwargs=looking, daemon=True)
        self._serving.start()

    @property
    def url(self) -> str:
        host, port = self.socket.getsockname()[:2]
        return f"http://[{host}]:{port}{PATH}" if ":" in host else f"http://{host}:{port}{PATH}"

    def server_bind(self) -> None:
        """Bind without asking the DNS what this machine is called."""
        socketserver.TCPServer.server_bind(self)

    def close(self) -> None:
        """Stop serving, and wait until no thread accepts any more."""
        self.shutdown()
        self._serving.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a client in a thread, or turn it away when there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a bug; a client that went away in the middle is nobody's business."""
        if not isinstance(sys.exc_info()[1], OSError):
            logger.exception("metrics: internal error")

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus. Raise FutureTimeout."""
        from prometheus_client.exposition import generate_latest

        from emeth_tui.metrics.families import families

        asked = asyncio.run_coroutine_threadsafe(self._picture(), self._loop)
        try:
            snapshot, counts = asked.result(SNAPSHOT_LIMIT_S)
        except FutureTimeout:
            asked.cancel()
            raise
        return generate_latest(_Collected(families(snapshot, counts)))

    async def _picture(self) -> tuple[Snapshot, dict[tuple[str, Severity], int]]:
        return self._node.snapshot(), self._counts.now()


class _Collected:
    """What `generate_latest` takes for a registry."""

    def __init__(self, metrics: Iterator[Any]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Any]:
        return self._metrics


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    server_version, sys_version = "emeth-tui", ""
    timeout = REQUEST_LIMIT_S

    def do_GET(self) -> None:
        """Answer with the metrics, whatever stands behind a question mark."""
        from prometheus_client.exposition import CONTENT_TYPE_LATEST

        if self.path.partition("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, b"the metrics are at /metrics\n", "text/plain")
            return
        try:
            body = self.server.text()
        except FutureTimeout:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"the node is busy\n", "text/plain")
            return
        self._answer(HTTPStatus.OK, body, CONTENT_TYPE_LATEST)

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Every scrape in the log would bury everything else."""
