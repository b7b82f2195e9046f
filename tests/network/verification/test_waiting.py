"""How long a verifier waits for states: an honest node is not blamed for what was unavailable."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from emeth_tui.errors import ChainUnreachable, JobError, StorageError
from emeth_tui.model import Head, JobId
from emeth_tui.network.verification import replaying
from emeth_tui.network.verification.replaying import ANSWERED_S, Replayer, StatesDue
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.notices.reasons.network.verification import StatesNotDelivered
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.replay import Commitment, Kind, StateRecord
from tests.devnet.records import JOB_ID, chain_job, new_wallet

DELIVERY_S = 7_200
KIND = Kind("a CPU", "float32", 1, "2")
RECORDS = tuple(StateRecord(epoch, "00" * 32, "00" * 32, epoch, 1.0, None, KIND) for epoch in range(31))
JOB = chain_job(status=JobStatus.SUBMITTED, submitted_at_unix_s=1_000, result="result.pt")


class Waiting:
    """A verifier that waits for the states of one job, and a chain and a storage played by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.status = httpx.codes.NOT_FOUND
        self.chain_is_there = True
        network = SimpleNamespace(delivery_s=DELIVERY_S, confirmations=1, models={})
        chain = SimpleNamespace(network=network, head=self.head)
        body = {"url": "http://x/", "error": "there is none"}
        http = httpx.AsyncClient(
            base_url="http://storage",
            transport=httpx.MockTransport(lambda _: httpx.Response(self.status, json=body)),
        )
        self.replayer = Replayer(
            cast(Any, chain),
            http,
            new_wallet(),
            cast(Any, None),
            cast(Any, None),
            monotonic_s=lambda: self.now_s,
        )
        monkeypatch.setattr(replaying, "read_commitment", lambda *_: Commitment(bytes(32), 0, RECORDS))
        monkeypatch.setattr(replaying, "drawing_block", self.drawing_block)

    async def head(self, number: int | None = None) -> Head:
        if not self.chain_is_there:
            raise ChainUnreachable(Foreign("away"))
        return Head(number or 9, "0x" + "11" * 32, 1_001 if number else int(1_001 + self.now_s))

    async def drawing_block(self, *_: object) -> Head:
        return await self.head(2)

    async def looks(self, seconds: float) -> str:
        """Look every ten seconds for so long; return how the last look ended."""
        outcome, until_s = "", self.now_s + seconds
        while self.now_s < until_s and outcome != "rejected":
            self.now_s += 10
            outcome = await self.look()
        return outcome

    async def look(self) -> str:
        seen = cast(Any, SimpleNamespace(states="states", epochs=30, state_bytes=1))
        try:
            await self.replayer.check(JOB, cast(Any, None), seen)
        except StatesDue:
            return "waits"
        except JobError as error:
            return "rejected" if isinstance(error.reason, StatesNotDelivered) else str(error)
        except (StorageError, ChainUnreachable):
            return "unavailable"
        return "delivered"


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    return Waiting(monkeypatch)


@pytest.mark.slow
async def test_a_silent_node_is_rejected_when_its_time_is_up(waiting: Waiting) -> None:
    assert await waiting.looks(DELIVERY_S - 10) == "waits"
    assert await waiting.looks(100) == "rejected"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["storage", "chain", "verifier"])
async def test_a_node_has_time_after_what_was_unavailable(
    waiting: Waiting, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await waiting.looks(60) == "waits"
    if what == "verifier":
        waiting.now_s += 2 * DELIVERY_S
    else:
        waiting.status, waiting.chain_is_there = httpx.codes(503), what != "chain"
        assert await waiting.looks(2 * DELIVERY_S) == "unavailable"
        waiting.status, waiting.chain_is_there = httpx.codes.NOT_FOUND, True

    assert await waiting.looks(ANSWERED_S - replaying.LOOK_COUNTS_S - 100) == "waits"
    assert await waiting.looks(1_000) == "rejected"


async def test_another_result_after_a_reorganisation_is_looked_at_anew(waiting: Waiting) -> None:
    assert await waiting.looks(10) == "waits"
    with pytest.raises(StatesDue):
        await waiting.replayer.wait(JOB)

    await waiting.replayer.wait(chain_job(result="another.pt"))  # nothing is known of it


async def test_what_is_known_of_a_settled_job_is_forgotten(waiting: Waiting) -> None:
    assert await waiting.looks(10) == "waits"
    waiting.replayer.forget(JobId(JOB_ID))

    await waiting.replayer.wait(JOB)
