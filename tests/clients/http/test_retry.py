"""Attempts and rests: how many, how long, and after what."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.clients.http.exchange import BadReply, Busy, NoAnswer, Reply
from emeth_tui.clients.http.retry import Retry
from emeth_tui.notices.reasons.foreign import Foreign


class Rests:
    """Notes how long was rested, instead of resting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Attempts:
    """Fails as scripted, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def busy(retry_after: str = "") -> Busy:
    headers = httpx.Headers({"retry-after": retry_after} if retry_after else {})
    return Busy("http://x", Reply(429, b"", headers))


@pytest.fixture
def rests() -> Rests:
    return Rests()


@pytest.fixture
def retry(rests: Rests) -> Retry:
    return Retry(attempts=4, backoff=Backoff(1.0, 3.0), longest_rest_s=60.0, sleep=rests)


async def test_rests_grow_up_to_a_limit(retry: Retry, rests: Rests) -> None:
    attempts = Attempts(*(NoAnswer(Foreign(text)) for text in "abc"))
    assert await retry.persist(attempts, "it") == "done"
    assert rests.seconds == [1.0, 2.0, 3.0]


async def test_the_last_failure_gets_out(retry: Retry, rests: Rests) -> None:
    attempts = Attempts(*(NoAnswer(Foreign(str(number))) for number in range(9)))
    with pytest.raises(NoAnswer, match=r"^3$"):
        await retry.persist(attempts, "it")
    assert attempts.count == 4
    assert len(rests.seconds) == 3


async def test_what_is_not_on_the_list_is_not_tried_again(retry: Retry, rests: Rests) -> None:
    attempts = Attempts(BadReply(Foreign("no")))
    with pytest.raises(BadReply):
        await retry.persist(attempts, "it")
    assert (attempts.count, rests.seconds) == (1, [])


async def test_no_attempt_begins_when_patience_is_over(retry: Retry, rests: Rests) -> None:
    attempts = Attempts(*(NoAnswer(Foreign(str(number))) for number in range(9)))
    with pytest.raises(NoAnswer, match=r"^0$"):
        await replace(retry, patience_s=0.0).persist(attempts, "it")
    assert (attempts.count, rests.seconds) == (1, [])


async def test_a_server_that_asks_for_patience_gets_it_within_bounds(retry: Retry, rests: Rests) -> None:
    attempts = Attempts(busy("20"), busy("86400"), busy())
    assert await retry.persist(attempts, "it") == "done"
    assert rests.seconds == [20.0, 60.0, 3.0]


async def test_less_patience_than_our_own_is_no_reason_to_hurry(retry: Retry, rests: Rests) -> None:
    assert await retry.persist(Attempts(busy("0")), "it") == "done"
    assert rests.seconds == [1.0]
