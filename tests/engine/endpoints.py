"""A second endpoint of a test's network: it passes calls on, and lies where a test says so."""

from __future__ import annotations

import json
from typing import Any

import httpx
from eth_utils.crypto import keccak
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emeth_tui.model import JobId
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes
from tests.clients.emeth_chain import UnreliableApp
from tests.loopback import local_client

_JOBS = keccak(text="jobs(bytes16)")[:4].hex()
_WORD = 64  # hex digits
_STATUS_WORD = 5


class SecondEndpoint(UnreliableApp):
    """Another way to the chain at `rpc_url`."""

    def __init__(self, rpc_url: str) -> None:
        self._rpc_url = rpc_url
        super().__init__(Starlette(routes=[Route("/{rest:path}", self._forward, methods=["POST"])]))

    def claims_status(self, job_id: JobId, status: JobStatus) -> None:
        """Have it say from now on that a job has another status."""
        wanted = "0x" + _JOBS + job_id_bytes(job_id).hex()

        def lie(call: dict[str, Any]) -> dict[str, Any] | None:
            if not call["params"][0]["data"].startswith(wanted):
                return None
            words = self.ask("eth_call", *call["params"])[2:]
            start = _STATUS_WORD * _WORD
            return {"result": "0x" + words[:start] + f"{int(status):064x}" + words[start + _WORD :]}

        self.hooks["eth_call"] = lie

    def ask(self, method: str, *params: Any) -> Any:
        """Ask the chain itself."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return httpx.post(self._rpc_url, json=call, trust_env=False).json()["result"]

    async def _forward(self, request: Request) -> Response:
        async with local_client() as http:
            answer = await http.post(self._rpc_url, content=await request.body())
        return Response(json.dumps(answer.json()), media_type="application/json")
