"""web3's way to the chain: over `Rpc`, with checked answers; reads made at the same moment share a batch.

web3's own batches end with the first call that is refused; here each call has an outcome of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any

from emeth_tui.clients.chain.answers import checked
from emeth_tui.clients.chain.json_rpc import Request, RpcRefusal
from emeth_tui.clients.chain.rpc import RETRIED_METHODS, Rpc
from emeth_tui.clients.chain.web3 import AsyncJSONBaseProvider, RPCEndpoint, RPCResponse


class ChainProvider(AsyncJSONBaseProvider):
    """Makes no retries, and raises our errors: RpcRefusal, BadAnswer, ChainUnreachable, WrongChain."""

    global_ccip_read_enabled = False  # a contract must not name URLs to follow

    def __init__(self, rpc: Rpc) -> None:
        super().__init__()
        self._rpc = rpc
        self._batch: _Batch | None = None

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Send one call; a read goes with those that other tasks make in this turn of the event loop."""
        request = Request(method, tuple(params))
        result = await (self._read(request) if method in RETRIED_METHODS else self._rpc.call(method, *params))
        if isinstance(result, RpcRefusal):
            raise result
        return {"jsonrpc": "2.0", "id": 0, "result": checked(method, result)}

    async def _read(self, request: Request) -> Any:
        if self._batch is None or self._batch.is_sent:
            self._batch = _Batch(self._rpc)
        return await self._batch.result(request)


class _Batch:
    """Calls that wait for the end of this turn of the event loop, to be sent together."""

    def __init__(self, rpc: Rpc) -> None:
        self.is_sent = False
        self._rpc = rpc
        self._requests: list[Request] = []
        self._waiting = 0
        self._sending = asyncio.create_task(self._send())

    async def result(self, request: Request) -> Any:
        place = len(self._requests)
        self._requests.append(request)
        self._waiting += 1
        try:
            return (await asyncio.shield(self._sending))[place]
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._sending.cancel()  # nobody is left to hear of it

    async def _send(self) -> list[Any]:
        self.is_sent = True
        return await self._rpc.batch(self._requests)
