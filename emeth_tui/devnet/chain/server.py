"""The devnet's chain: Ethereum JSON-RPC over HTTP, with py-evm behind it.

Each transaction is mined at once into its own block. The clock can be moved, as anvil's can. With a state
file the chain continues where it stopped, block hashes included.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emeth_tui.devnet.chain.clock import ChainClock
from emeth_tui.devnet.chain.errors import RpcCode, RpcError
from emeth_tui.devnet.chain.evm import Evm
from emeth_tui.devnet.chain.methods import ChainMethods
from emeth_tui.devnet.chain.store import ChainStore

_BRACKETS = re.compile(rb"[\[\]{}]")
logger = logging.getLogger(__name__)

_MAX_BATCH = 1_000  # requests in one batch
_MAX_BODY_BYTES = 8 * 1024 * 1024
_MAX_NESTING = 32  # a filter in a batch has 5


class DevChain:
    """One chain and its JSON-RPC port.

    `genesis_accounts` (address to wei) are what a new chain starts with; a saved one keeps its own. With
    `can_reorganise`, tests can rewrite its newest blocks. Raise DevnetError when the state file cannot be
    used.
    """

    def __init__(
        self,
        *,
        chain_id: int,
        state_file: Path | None,
        genesis_accounts: Mapping[str, int],
        now: Callable[[], float] = time.time,
        can_reorganise: bool = False,
    ) -> None:
        self._store = ChainStore(state_file)
        try:
            evm = Evm(
                self._store,
                chain_id=chain_id,
                genesis_unix_s=int(now()),
                genesis_accounts=genesis_accounts,
            )
        except BaseException:
            self._store.close()
            raise
        clock = ChainClock(evm.clock_offset_s, now)
        self._methods = ChainMethods(evm, clock, can_reorganise=can_reorganise)
        # py-evm is slow, synchronous and not thread-safe: one thread does all its work, off the event loop.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="devnet-chain")

    def app(self) -> Starlette:
        """Return the HTTP application; the caller serves it."""
        return Starlette(routes=[Route("/", self._post, methods=["POST"])])

    def close(self) -> None:
        """Finish the current request and close the state file."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._store.close()

    def request(self, method: str, *params: Any) -> Any:
        """Answer one request in this process. Raise RpcError."""
        return self._thread.submit(self._methods.call, method, list(params)).result()

    async def _post(self, request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:  # nobody waits for an answer
            return Response(status_code=400)
        if len(body) > _MAX_BODY_BYTES:
            return JSONResponse(_error_answer(None, RpcCode.INVALID_REQUEST, "request too large"), 413)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._thread, self._answer_body, body)
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    def _answer_body(self, body: bytes) -> Any:
        if _nesting(body) > _MAX_NESTING:
            return _error_answer(None, RpcCode.PARSE_ERROR, "nested too deeply")
        try:
            parsed = json.loads(body)
        except ValueError:
            return _error_answer(None, RpcCode.PARSE_ERROR, "not JSON")
        if not isinstance(parsed, list):
            return self._answer(parsed)
        if not 0 < len(parsed) <= _MAX_BATCH:
            return _error_answer(None, RpcCode.INVALID_REQUEST, f"a batch holds 1 to {_MAX_BATCH} requests")
        answers = [answer for each in parsed if (answer := self._answer(each)) is not None]
        return answers or None

    def _answer(self, request: Any) -> dict[str, Any] | None:
        """Answer one request of a body; a notification (one without an id) gets none."""
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            request_id = request.get("id") if isinstance(request, dict) else None
            return _error_answer(request_id, RpcCode.INVALID_REQUEST, "not a JSON-RPC request")
        params = request.get("params", [])
        if not isinstance(params, list):
            return _error_answer(request.get("id"), RpcCode.INVALID_PARAMS, "params are a list")
        answer = self._call(request["method"], params)
        return {"jsonrpc": "2.0", "id": request["id"], **answer} if "id" in request else None

    def _call(self, method: str, params: list[Any]) -> dict[str, Any]:
        try:
            return {"result": self._methods.call(method, params)}
        except RpcError as error:
            return {"error": error.as_json()}
        except Exception:  # the top of a request: a failure must not take the network down
            logger.exception("the devnet's chain could not answer %s", method)
            return {"error": RpcError(RpcCode.INTERNAL_ERROR, "internal error").as_json()}


def _nesting(body: bytes) -> int:
    """Return how deep brackets nest; those inside strings count too, which harms no honest request.

    The recursion limit does not help: py-evm needs one beyond what a thread's stack holds.
    """
    depth = deepest = 0
    for bracket in _BRACKETS.findall(body):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _error_answer(request_id: Any, code: RpcCode, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": RpcError(code, message).as_json()}
