"""One JSON-RPC endpoint: a request to it, its answer, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from emeth_tui.clients.chain.json_rpc import Request, decode, encode
from emeth_tui.clients.http.exchange import BadReply, Busy, ExchangeFailed, Limits, TryAgain, exchange
from emeth_tui.foreign_text import endpoint
from emeth_tui.notices.reasons.network.exchange import NotJsonRpc, RpcBusy, UnexpectedStatus

MAX_BATCH = 100  # calls in one request; public endpoints refuse more
RPC_LIMITS = Limits(max_bytes=64_000_000, deadline_s=20.0)
_BREAKS_OVER_BATCHES = 500  # how endpoints answer that expect no list
_HEADERS = {"Content-Type": "application/json"}


class Endpoint:
    """One URL. It takes batches of `batch_size` calls, as far as is known."""

    def __init__(self, url: str, client: httpx.AsyncClient, limits: Limits = RPC_LIMITS) -> None:
        self.where = endpoint(url)
        self.batch_size = MAX_BATCH
        self.is_verified = False  # that it serves the right chain
        self._url = url
        self._client = client
        self._limits = limits

    async def post(self, requests: Sequence[Request], *, may_be_busy: bool) -> dict[int, dict[str, Any]]:
        """Send calls in one request, and return the responses by their place.

        A batch that is refused, in whatever way, brings none, and one that is cut short fewer; a single call
        always brings one. That the endpoint is busy is a response only if it `may_be_busy`.
        Raise TryAgain or ExchangeFailed.
        """
        is_batch = len(requests) > 1
        busy: Busy | None = None
        try:
            reply = await exchange(
                self._client, "POST", self._url, self._limits, content=encode(requests), headers=_HEADERS
            )
        except Busy as error:
            busy, reply = error, error.reply
        except BadReply:
            if is_batch:
                return {}
            raise
        if is_batch and reply.status == _BREAKS_OVER_BATCHES:
            return {}
        answers = decode(reply.body, len(requests))
        if busy is not None and not (may_be_busy and answers.by_place):
            raise busy
        if answers.is_busy and not may_be_busy:
            raise TryAgain(RpcBusy(self.where))
        if not answers.by_place and not is_batch:
            raise ExchangeFailed(
                NotJsonRpc(self.where) if reply.status == 200 else UnexpectedStatus(self.where, reply.status)
            )
        return answers.by_place
