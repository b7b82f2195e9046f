"""One exchange: a request and its answer, bounded in bytes and in time.

ExchangeFailed          no usable answer
├── BadReply            an answer that is compressed, or longer than allowed
└── TryAgain            another attempt may succeed
    ├── NoAnswer        the connection failed or timed out; unless `was_sent`, nothing arrived
    └── Busy            the server asks for patience, with a status and perhaps Retry-After

They never leave `clients`: each client raises errors of its own for the user.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import httpx

from emeth_tui.errors import Reasoned
from emeth_tui.foreign_text import ForeignText, endpoint, one_line
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.network import exchange as why

# Request timeout, too early, too many requests, and the server's own troubles.
BUSY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
# Errors after which the same request may succeed. A URL or a protocol that is wrong stays wrong.
_PASSING_ERRORS = (
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
    OSError,
)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an exchange may take: bytes in the answer, and seconds from connecting to the last byte."""

    max_bytes: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `body` is at most as long as the limits allow."""

    status: int
    body: bytes
    headers: httpx.Headers

    @property
    def said(self) -> ForeignText | Reason:
        """The body as one line for a message."""
        return one_line(self.body.decode("utf-8", "replace")) or why.NoReasonGiven()


class ExchangeFailed(Reasoned):
    """No usable answer came."""


class BadReply(ExchangeFailed):
    """The answer is not one that was asked for."""


class TryAgain(ExchangeFailed):
    """An attempt failed in a way that another one may not."""


class NoAnswer(TryAgain):
    """The connection failed or timed out. Unless `was_sent`, the server never saw the request."""

    def __init__(self, reason: Reason, *, was_sent: bool = True) -> None:
        super().__init__(reason)
        self.was_sent = was_sent


class Busy(TryAgain):
    """The server asks for patience."""

    def __init__(self, where: str, reply: Reply) -> None:
        super().__init__(why.ServerBusy(where, reply.status))
        self.reply = reply
        self.retry_after_s = retry_after_s(reply.headers.get("retry-after", ""), time.time())


async def exchange(client: httpx.AsyncClient, method: str, url: str, limits: Limits, **options: Any) -> Reply:
    """Send one request and read the whole answer. Raise NoAnswer, Busy or BadReply."""
    where = endpoint(url)
    try:
        with anyio.fail_after(limits.deadline_s):
            async with client.stream(method, url, **options) as response:
                check_plain(response)
                body = await _read(response, limits.max_bytes)
    except TimeoutError as error:
        raise NoAnswer(why.AnswerTooSlow(where, limits.deadline_s)) from error
    except (httpx.RequestError, httpx.InvalidURL, OSError) as error:
        raise failure(where, error) from error
    reply = Reply(response.status_code, body, response.headers)
    if reply.status in BUSY_STATUSES:
        raise Busy(where, reply)
    return reply


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise BadReply(why.AnswerTooLong(endpoint(str(response.url)), max_bytes))
    return bytes(body)


def check_plain(response: httpx.Response) -> None:
    """Raise BadReply for a compressed answer: it could swell to any size."""
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise BadReply(why.AnswerCompressed(endpoint(str(response.url)), encoding))


def failure(where: str, error: Exception) -> ExchangeFailed:
    """Return the failure that an error of the connection comes to."""
    reason: Reason = why.ConnectionFailed(where, _said(error))
    if isinstance(error, httpx.TimeoutException):
        reason = why.AnswerTimedOut(where)
    if isinstance(error, _PASSING_ERRORS):
        return NoAnswer(reason, was_sent=not isinstance(error, _NOT_SENT))
    return ExchangeFailed(reason)


def describe(error: Exception) -> ForeignText | Reason:
    """Return what went wrong with a request, in few words and without its URL."""
    return why.TimedOut() if isinstance(error, httpx.TimeoutException) else _said(error)


def _said(error: Exception) -> ForeignText:
    return one_line(error) or one_line(type(error).__name__)


def retry_after_s(value: str, now_unix_s: float) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number, or the time until a date."""
    if value.isascii() and value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_unix_s)
    except (ValueError, TypeError, OverflowError):
        return None
