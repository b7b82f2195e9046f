"""JSON-RPC over HTTP: web3's provider, made to distrust its endpoint.

Answers are bounded and checked here and parsed by the callers field by field: web3's own formatters raise
whatever an odd field makes them raise, and would follow URLs that a contract names (CCIP read). JSON is read
by pydantic's parser, which bounds nesting by itself; the standard library's relies on the recursion limit,
which py-evm raises so far that deep nesting ends the process. Reads are retried, with backoff and limit;
nothing else is, `eth_sendRawTransaction` least of all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic_core import from_json
from web3 import AsyncHTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from emeth_tui.backoff import Backoff
from emeth_tui.errors import ChainUnreachable, NetworkError
from emeth_tui.foreign_text import endpoint, one_line

REQUEST_TIMEOUT_S = 20.0
CONNECT_TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 64_000_000
MAX_BATCH = 100  # calls in one JSON-RPC batch; public endpoints refuse larger ones
PARALLEL_CALLS = 8  # at once, to an endpoint that takes no batches
RETRIES = 4
BACKOFF = Backoff(0.1, 2.0)

# The only methods that are asked again when the answer got lost.
RETRIED_METHODS = frozenset(
    {
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_estimateGas",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getLogs",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_maxPriorityFeePerGas",
    }
)
_BUSY_HTTP_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_BUSY_RPC_CODES = frozenset({429, -32005})  # "limit exceeded" (EIP-1474)
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One JSON-RPC call."""

    method: str
    params: tuple[Any, ...] = ()


class RpcRefusal(NetworkError):
    """The endpoint answered a call with an error.

    `said` is its message on one line; `data` is the revert data where the answer holds some.
    """

    def __init__(self, where: str, method: str, error: object) -> None:
        fields = error if isinstance(error, dict) else {"message": error}
        self.code = fields.get("code")
        self.said = one_line(fields.get("message", ""))
        self.data = _revert_data(fields.get("data"))
        super().__init__(f"{where} refused {method}: {self.said or 'no reason given'}")


class RpcProvider(AsyncHTTPProvider):
    """Web3's HTTP provider with bounded answers, our retries and our errors."""

    global_ccip_read_enabled = False

    def __init__(self, url: str) -> None:
        super().__init__(url, exception_retry_configuration=None)
        self.url = url
        self.where = endpoint(url)
        self._session: aiohttp.ClientSession | None = None

    async def disconnect(self) -> None:
        """Close the connections. Closing twice is harmless."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Send one call. Raises ChainUnreachable when no JSON-RPC answer comes."""
        answer = await self._ask(self.encode_rpc_request(method, params), retried=method in RETRIED_METHODS)
        if not _is_response(answer):
            raise self._not_json_rpc()
        return answer  # type: ignore[return-value]

    async def make_batch_request(
        self, batch_requests: list[tuple[RPCEndpoint, Any]]
    ) -> list[RPCResponse] | RPCResponse:
        """Send calls as one batch; the answers come in the order of the calls. Raises ChainUnreachable."""
        calls = [self.form_request(method, params) for method, params in batch_requests]
        retried = all(method in RETRIED_METHODS for method, _ in batch_requests)
        answer = await self._ask(self.encode_batch_request_dicts(calls), retried=retried)
        if isinstance(answer, dict) and _is_response(answer):
            return answer  # type: ignore[return-value]
        items = [item for item in answer if _is_response(item)] if isinstance(answer, list) else []
        by_id = {item["id"]: item for item in items if isinstance(item.get("id"), int)}
        if any(call["id"] not in by_id for call in calls):
            raise self._not_json_rpc()
        return [by_id[call["id"]] for call in calls]

    async def _ask(self, body: bytes, *, retried: bool) -> object:
        attempts = RETRIES + 1 if retried else 1
        for attempt in range(1, attempts + 1):
            try:
                return await self._post(body, may_be_busy=attempt == attempts)
            except ChainUnreachable as error:
                if attempt == attempts:
                    raise
                backoff_s = BACKOFF.delay_s(attempt)
                _logger.debug("%s; asking again in %.1f s (%d of %d)", error, backoff_s, attempt, RETRIES)
                await asyncio.sleep(backoff_s)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _post(self, body: bytes, *, may_be_busy: bool) -> object:
        """Send one HTTP request and parse the answer. A busy server's answer is an error unless it may be."""
        try:
            async with self._open_session().post(self.url, data=body, allow_redirects=False) as response:
                raw = await _read_bounded(response)
                status = response.status
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
            raise ChainUnreachable(
                f"{self.where} does not answer ({_reason(error)}); check rpc_url and the connection"
            ) from error
        if raw is None:
            raise ChainUnreachable(f"{self.where} sent more than {MAX_ANSWER_BYTES:,} bytes in one answer")
        try:
            answer = from_json(raw)
        except ValueError:
            answer = None
        if status != 200 and not _is_response(answer):
            raise ChainUnreachable(f"{self.where} answers with HTTP status {status}; check rpc_url")
        if not may_be_busy and (status in _BUSY_HTTP_STATUSES or _says_busy(answer)):
            raise ChainUnreachable(f"{self.where} is busy")
        return answer

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # web3's own session makes a new connection for each call, and web3 never bounds what it reads.
            self._session = aiohttp.ClientSession(
                headers=self.get_request_headers(),
                timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S),
                trust_env=urlsplit(self.url).hostname not in _LOOPBACK_HOSTS,
            )
        return self._session

    def _not_json_rpc(self) -> ChainUnreachable:
        return ChainUnreachable(f"{self.where} does not speak JSON-RPC; check rpc_url")


class Rpc:
    """Calls to one endpoint, alone or batched, with raw results."""

    def __init__(self, url: str) -> None:
        self._provider = RpcProvider(url)
        self._batches = True

    @property
    def where(self) -> str:
        """The endpoint, as messages name it."""
        return self._provider.where

    async def close(self) -> None:
        """Close the connections."""
        await self._provider.disconnect()

    async def call(self, method: str, *params: Any) -> Any:
        """Make one call. Raises ChainUnreachable, or RpcRefusal when the endpoint answers with an error."""
        response = await self._provider.make_request(RPCEndpoint(method), list(params))
        return self._result(method, response)

    async def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Make many reads in few requests: a result each, in order, an RpcRefusal in place of a refused one.

        An endpoint that does not know batches is asked one call at a time. Raises ChainUnreachable.
        """
        results: list[Any] = []
        for start in range(0, len(requests), MAX_BATCH):
            results += await self._batch(requests[start : start + MAX_BATCH])
        return results

    async def _batch(self, requests: Sequence[Request]) -> list[Any]:
        if self._batches and len(requests) > 1:
            responses = await self._provider.make_batch_request(
                [(RPCEndpoint(request.method), list(request.params)) for request in requests]
            )
            if isinstance(responses, list):
                return [
                    self._result_or_refusal(request.method, response)
                    for request, response in zip(requests, responses, strict=True)
                ]
            self._batches = False
            _logger.info("%s does not take batches: it is asked one call at a time", self.where)
        results: list[Any] = []
        for start in range(0, len(requests), PARALLEL_CALLS):
            calls = [self._single(request) for request in requests[start : start + PARALLEL_CALLS]]
            results += await asyncio.gather(*calls)
        return results

    async def _single(self, request: Request) -> Any:
        try:
            return await self.call(request.method, *request.params)
        except RpcRefusal as refusal:
            return refusal

    def _result_or_refusal(self, method: str, response: RPCResponse) -> Any:
        try:
            return self._result(method, response)
        except RpcRefusal as refusal:
            return refusal

    def _result(self, method: str, response: RPCResponse) -> Any:
        error = response.get("error")
        if error is not None:
            raise RpcRefusal(self.where, method, error)
        return response.get("result")


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes | None:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return None
    return bytes(body)


def _is_response(answer: object) -> bool:
    return isinstance(answer, dict) and ("result" in answer or answer.get("error") is not None)


def _says_busy(answer: object) -> bool:
    items = answer if isinstance(answer, list) else [answer]
    errors = [item.get("error") for item in items if isinstance(item, dict)]
    return any(isinstance(error, dict) and error.get("code") in _BUSY_RPC_CODES for error in errors)


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "timed out"
    return one_line(error) or type(error).__name__


def _revert_data(data: object) -> bytes:
    """Find revert data in an error's `data`: hex, hex behind a word ("Reverted 0x…"), or in an object."""
    if isinstance(data, dict):
        data = data.get("data", data.get("result"))
    if not isinstance(data, str):
        return b""
    _, prefix, digits = data.partition("0x")
    try:
        return bytes.fromhex(digits) if prefix else b""
    except ValueError:
        return b""
