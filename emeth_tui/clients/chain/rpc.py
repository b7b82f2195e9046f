"""JSON-RPC to a network's endpoints: retries, batches as large as they take, failover.

Reads are retried, with backoff and a limit; nothing else is, `eth_sendRawTransaction` least of all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from emeth_tui.backoff import Backoff
from emeth_tui.clients.chain.endpoint import RPC_LIMITS, Endpoint
from emeth_tui.clients.chain.json_rpc import Request, RpcRefusal
from emeth_tui.clients.chain.values import BadAnswer, quantity
from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, NoAnswer, TryAgain
from emeth_tui.clients.http.retry import Retry
from emeth_tui.clients.http.transport import Transport
from emeth_tui.errors import ChainUnreachable, WrongChain
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network.chain import ChainDown, OtherChain
from emeth_tui.notices.reasons.network.exchange import NoChainId

PARALLEL_REQUESTS = 8
RPC_RETRY = Retry(backoff=Backoff(0.1, 2.0, jitter=0.5), patience_s=30.0)

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

_logger = logging.getLogger(__name__)


class Rpc:
    """Calls to one network's endpoints, alone or batched, with raw results.

    The first endpoint is in use until it fails; then the next one is, and so on in a circle. Before its first
    use each must say that it serves `chain_id`.
    """

    def __init__(
        self,
        urls: Sequence[str],
        transport: Transport,
        *,
        chain_id: int | None = None,
        limits: Limits = RPC_LIMITS,
    ) -> None:
        self._endpoints = [Endpoint(url, transport.client, limits) for url in urls]
        self._in_use = self._endpoints[0]
        self.left_because: Reason | None = None  # why the endpoint before the one in use was left
        self._retry = transport.retry
        self._chain_id = chain_id

    @property
    def where(self) -> str:
        """The endpoint in use, as messages name it."""
        return self._in_use.where

    async def call(self, method: str, *params: Any) -> Any:
        """Make one call. Raise ChainUnreachable, WrongChain, or RpcRefusal when the answer is an error."""
        result = (await self.batch([Request(method, params)]))[0]
        if isinstance(result, RpcRefusal):
            raise result
        return result

    async def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Make many calls in few requests: a result each, in order, an RpcRefusal in place of a refused one.

        Raise ChainUnreachable or WrongChain.
        """
        if not requests:
            return []
        try:
            responses = await self._ask(requests)
        except ExchangeFailed as error:
            raise ChainUnreachable(ChainDown(error.reason)) from error
        return [self._result(*pair) for pair in zip(requests, responses, strict=True)]

    def _result(self, request: Request, response: dict[str, Any]) -> Any:
        error = response.get("error")
        return response.get("result") if error is None else RpcRefusal(self.where, request.method, error)

    # ---- batches

    async def _ask(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        """Ask in batches that the endpoint takes: one alone, which settles the size, then several at once."""
        first = requests[: self._batch_size(requests)]
        responses = await self._ask_batch(first)
        batches = _cut(requests[len(first) :], self._batch_size(requests))
        for several in _cut(batches, PARALLEL_REQUESTS):
            for more in await asyncio.gather(*(self._ask_batch(batch) for batch in several)):
                responses += more
        return responses

    def _batch_size(self, requests: Sequence[Request]) -> int:
        return self._in_use.batch_size if _are_reads(requests) else 1  # halving repeats calls

    async def _ask_batch(self, batch: Sequence[Request]) -> list[dict[str, Any]]:
        """Ask one batch, and what is not answered again in halves of it, down to single calls."""
        responses = await self._post(batch)
        unanswered = [place for place in range(len(batch)) if place not in responses]
        if unanswered:
            repeated = await self._ask_smaller(
                [batch[place] for place in unanswered], max(1, len(batch) // 2)
            )
            responses |= dict(zip(unanswered, repeated, strict=True))
        return [responses[place] for place in range(len(batch))]

    async def _ask_smaller(self, requests: Sequence[Request], size: int) -> list[dict[str, Any]]:
        """Try a smaller batch. Once it brings a result, the endpoint is remembered to take no larger ones."""
        endpoint = self._in_use
        responses = await self._ask_batch(requests[:size])
        if size < endpoint.batch_size and any("result" in response for response in responses):
            endpoint.batch_size = size
            _logger.info("%s does not take larger batches: %d calls at a time", endpoint.where, size)
        if len(requests) > size:
            responses += await self._ask(requests[size:])
        return responses

    # ---- attempts

    async def _post(self, requests: Sequence[Request]) -> dict[int, dict[str, Any]]:
        """Send one request until it is answered. Raise ExchangeFailed or WrongChain."""
        is_read = _are_reads(requests)
        attempts = self._retry.attempts if is_read else 1
        last_start_s = self._retry.last_start_s()
        for number in range(1, attempts):
            try:
                return await self._post_to_any(requests, is_read=is_read, may_be_busy=False)
            except TryAgain as error:
                if time.monotonic() >= last_start_s:
                    raise
                await self._retry.rest(number, "chain", error)
        return await self._post_to_any(requests, is_read=is_read, may_be_busy=True)

    async def _post_to_any(
        self, requests: Sequence[Request], *, is_read: bool, may_be_busy: bool
    ) -> dict[int, dict[str, Any]]:
        """Send to the endpoint in use; where that fails, to each of the others until one answers."""
        wrong_chain: WrongChain | None = None
        for others_left in reversed(range(len(self._endpoints))):
            endpoint = self._in_use
            try:
                await self._verify(endpoint)
                return await endpoint.post(requests, may_be_busy=may_be_busy and not others_left)
            except (ExchangeFailed, WrongChain) as error:
                wrong_chain = wrong_chain or (error if isinstance(error, WrongChain) else None)
                self._use_next(endpoint, error)
                if not others_left:
                    raise wrong_chain or error from error
                if not is_read and _may_have_arrived(error):
                    raise
        raise AssertionError("unreachable: the last endpoint answers or raises")

    def prefer(self, where: str, reason: Reason) -> None:
        """Use the endpoint that messages name so from now on; `reason` is why the other one is left."""
        wanted = next((endpoint for endpoint in self._endpoints if endpoint.where == where), self._in_use)
        if wanted is not self._in_use:
            self._in_use, self.left_because = wanted, reason

    def _use_next(self, failed: Endpoint, error: ExchangeFailed | WrongChain) -> None:
        if self._in_use is failed and len(self._endpoints) > 1:
            place = self._endpoints.index(failed) + 1
            self._in_use = self._endpoints[place % len(self._endpoints)]
            self.left_because = error.reason
            _logger.warning("%s; using %s instead", error, self._in_use.where)

    async def _verify(self, endpoint: Endpoint) -> None:
        """Raise WrongChain where an endpoint serves another chain than it must."""
        if self._chain_id is None or endpoint.is_verified:
            return
        try:
            answer = (await endpoint.post([Request("eth_chainId")], may_be_busy=False))[0]
            found = quantity(answer.get("result"))
        except ExchangeFailed as error:
            raise NoAnswer(error.reason, was_sent=False) from error
        except BadAnswer as error:
            raise NoAnswer(NoChainId(endpoint.where), was_sent=False) from error
        if found != self._chain_id:
            raise WrongChain(OtherChain(endpoint.where, found, self._chain_id))
        endpoint.is_verified = True


def _are_reads(requests: Sequence[Request]) -> bool:
    return all(request.method in RETRIED_METHODS for request in requests)


def _may_have_arrived(error: Exception) -> bool:
    return not isinstance(error, WrongChain) and not (isinstance(error, NoAnswer) and not error.was_sent)


def _cut(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
