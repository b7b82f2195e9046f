"""An `Rpc` without an endpoint: it answers each method as a test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emeth_tui.clients.chain.json_rpc import Request
from emeth_tui.clients.chain.rpc import Rpc


class ScriptedRpc(Rpc):
    """Knows results by method, and notes what was asked."""

    def __init__(self, results: Mapping[str, Any]) -> None:
        self.results = results
        self.batches: list[list[Request]] = []

    @property
    def where(self) -> str:
        return "nowhere"

    async def batch(self, requests: Sequence[Request]) -> list[Any]:
        self.batches.append(list(requests))
        return [self.results.get(request.method) for request in requests]
