"""What a link does to an exchange: every way in which a service, or what lies before it, breaks."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable

from tests.faults.stage.proxy import Act, Exchange, Message

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
DELAY_S = (0.2, 3.0)
HANG_S = (2.0, 6.0)
DRIP_S = 0.2


def refuse(_chance: random.Random) -> Act:
    """Break the connection off before anything is answered; the service never hears of the request."""

    async def act(_exchange: Exchange) -> None:
        raise OSError

    return act


def delay(chance: random.Random) -> Act:
    seconds = chance.uniform(*DELAY_S)

    async def act(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.answer(await exchange.forward())

    return act


def hang(chance: random.Random) -> Act:
    """Take the request, say nothing for a while, and break off."""
    seconds = chance.uniform(*HANG_S)

    async def act(_exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        raise OSError

    return act


def lose_answer(_chance: random.Random) -> Act:
    """Let the service act and lose what it answers."""

    async def act(exchange: Exchange) -> None:
        await exchange.forward()
        raise OSError

    return act


def cut(chance: random.Random) -> Act:
    """Break the answer off at some byte."""
    share = chance.random()

    async def act(exchange: Exchange) -> None:
        answer = await exchange.forward()
        await exchange.send(answer.head() + answer.body[: int(len(answer.body) * share)])
        raise OSError

    return act


def corrupt(chance: random.Random) -> Act:
    """Change some bytes of the answer's body."""
    places = [chance.random() for _ in range(4)]

    async def act(exchange: Exchange) -> None:
        answer = await exchange.forward()
        body = bytearray(answer.body)
        for place in places:
            if body:
                body[int(place * len(body))] ^= 0x15
        await exchange.answer(answer.with_body(bytes(body)))

    return act


def drip(chance: random.Random) -> Act:
    """Send the answer byte by byte for a while, and break off."""
    count = chance.randint(10, 25)

    async def act(exchange: Exchange) -> None:
        answer = await exchange.forward()
        await exchange.send(answer.head())
        for index in range(min(count, len(answer.body))):
            await exchange.send(answer.body[index : index + 1])
            await asyncio.sleep(DRIP_S)
        raise OSError

    return act


def html(chance: random.Random) -> Act:
    """Answer with a page of HTML, and success."""
    return _fixed("HTTP/1.1 200 OK", HTML, "text/html")


def status(chance: random.Random) -> Act:
    """Answer with a status of trouble."""
    code = chance.choice(
        ("429 Too Many Requests", "500 Internal Server Error", "502 Bad Gateway", "503 Busy")
    )
    return _fixed(f"HTTP/1.1 {code}", HTML, "text/html")


def expired(_chance: random.Random) -> Act:
    """Answer as a storage does whose presigned URL has expired."""
    return _fixed("HTTP/1.1 403 Forbidden", b'{"error": "the URL has expired"}', "application/json")


def wrong_etag(_chance: random.Random) -> Act:
    async def act(exchange: Exchange) -> None:
        answer = await exchange.forward()
        headers = tuple(
            (name, '"0123456789abcdef0123456789abcdef"' if name.lower() == "etag" else value)
            for name, value in answer.headers
        )
        await exchange.answer(Message(answer.first, headers, answer.body))

    return act


def corrupt_request(chance: random.Random) -> Act:
    """Change a byte of what is sent on its way to the service."""
    place = chance.random()

    async def act(exchange: Exchange) -> None:
        body = bytearray(exchange.request.body)
        if body:
            body[int(place * len(body))] ^= 0x15
        await exchange.answer(await exchange.forward(exchange.request.with_body(bytes(body))))

    return act


def wrong_size(_chance: random.Random) -> Act:
    """Answer with half of the body, as if it were all."""

    async def act(exchange: Exchange) -> None:
        answer = await exchange.forward()
        await exchange.answer(answer.with_body(answer.body[: len(answer.body) // 2]))

    return act


def nonsense(_chance: random.Random) -> Act:
    """Answer with JSON that makes no sense."""
    return _fixed("HTTP/1.1 200 OK", json.dumps([{"id": 7}, None, "x"]).encode(), "application/json")


def _fixed(first: str, body: bytes, content_type: str) -> Act:
    async def act(exchange: Exchange) -> None:
        await exchange.answer(Message(first, (("Content-Type", content_type),), body))

    return act


EVERYWHERE: dict[str, Callable[[random.Random], Act]] = {
    "refuse": refuse,
    "delay": delay,
    "hang": hang,
    "lose answer": lose_answer,
    "cut": cut,
    "corrupt": corrupt,
    "drip": drip,
    "HTML": html,
    "429 or 5xx": status,
    "nonsense": nonsense,
}
