"""Storage API and info server as one application on one address, with /healthz and /metrics."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.serving.metrics import Metrics
from emeth_tui.protocol.appeals import OPEN_APPEALS_PATH, OPINION_PATH
from emeth_tui.protocol.info_api import JOBS_PATH

STALE_AFTER_S = 60.0  # without an answer of chain and database, the services are not well
_OF_INFO = frozenset({JOBS_PATH, OPEN_APPEALS_PATH, OPINION_PATH})
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Services:
    """Sends each request where its path belongs. The two APIs share no path."""

    def __init__(self, storage: ASGIApp, info: ASGIApp, mirror: JobMirror, metrics: Metrics) -> None:
        self._storage = storage
        self._info = info
        self._mirror = mirror
        self._metrics = metrics
        self._own = Starlette(routes=[Route("/healthz", self._health), Route("/metrics", self._figures)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if path in {"/healthz", "/metrics"}:
            await self._own(scope, receive, send)
        elif path in _OF_INFO or path.startswith(f"{JOBS_PATH}/"):
            await self._info(scope, receive, send)
        else:
            await self._storage(scope, receive, send)

    async def _health(self, _request: Request) -> Response:
        age_s = self._mirror.age_s
        is_well = age_s < STALE_AFTER_S
        block = self._mirror.head.number if self._mirror.head else None
        body = {"status": "ok" if is_well else "no news of the chain", "block": block}
        return JSONResponse({**body, "age_s": round(age_s, 1)}, 200 if is_well else 503)

    async def _figures(self, _request: Request) -> Response:
        return Response(self._metrics.text(self._mirror), media_type=METRICS_TYPE)
