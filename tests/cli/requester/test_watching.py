"""`requests watch` goes on while the chain does not answer, and says what it waits for."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.cli.output.printing import Output
from emeth_tui.cli.requester import listing
from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.errors import NetworkError
from emeth_tui.model import JobId, Language
from emeth_tui.notices.reasons.job import ChainLacksJob
from emeth_tui.protocol.job_ids import job_id_bytes, job_id_from_bytes
from emeth_tui.store.key_values import account_name
from emeth_tui.store.requests import StoredRequest
from tests.clients.emeth_chain import FEE_WEI, REQUESTER, EmethChain, emeth_chain, refusal
from tests.clients.local_server import LocalServer

LIMIT_S = 60.0


@pytest.fixture
def chain(server: LocalServer, deployed_chain: Path, tmp_path: Path) -> Iterator[EmethChain]:
    state_file = tmp_path / "chain.state"
    shutil.copy(deployed_chain, state_file)
    with emeth_chain(server, state_file) as network:
        network.network = network.network.model_copy(update={"poll_interval_s": 0})
        yield network


def requested(chain: EmethChain, job_id: JobId) -> StoredRequest:
    return StoredRequest(
        job_id=job_id,
        account=account_name(REQUESTER.address, chain.network.core_address),
        path=Path("novel.txt"),
        content="c" * 64,
        dataset_bytes=5_000,
        language=Language.EN,
        epochs=30,
        fee_wei=FEE_WEI,
        deadline_unix_s=2**32,
        model="x",
        private=False,
        created_at_unix_s=1.0,
        requested_at_unix_s=2.0,
    )


async def watched(chain: EmethChain, request: StoredRequest) -> FollowedJob:
    place: Any = SimpleNamespace(network=lambda: chain.network)
    return await asyncio.wait_for(listing._watch(place, Output(), request), LIMIT_S)


def refuse(call: dict[str, Any]) -> dict[str, Any]:
    raise refusal(call, "not today")


async def test_a_chain_that_is_silent_for_a_while_ends_nothing(
    chain: EmethChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = chain.request_job()
    shown: list[str] = []
    said: list[str] = []

    def show(_output: Output, followed: FollowedJob) -> None:
        shown.append(followed.state)
        chain.app.hooks["eth_call"] = refuse

    def narrate(text: str) -> None:
        said.append(text)
        del chain.app.hooks["eth_call"]
        chain.succeed(REQUESTER, chain.core("cancel", job_id_bytes(job_id)))

    monkeypatch.setattr(listing, "_show", show)
    monkeypatch.setattr(listing, "narrate", narrate)

    end = await watched(chain, requested(chain, job_id))

    assert end.state == "canceled"
    assert shown == ["requested", "canceled"]
    (silence,) = said
    assert "does not answer" in silence


async def test_a_request_that_broke_off_is_not_waited_for_in_silence(
    chain: EmethChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = replace(requested(chain, job_id_from_bytes(bytes(16))), requested_at_unix_s=None)
    said: asyncio.Queue[str] = asyncio.Queue()
    monkeypatch.setattr(listing, "narrate", said.put_nowait)

    watching = asyncio.ensure_future(watched(chain, unfinished))
    hint = await asyncio.wait_for(said.get(), LIMIT_S)
    watching.cancel()
    await asyncio.wait({watching})

    assert "the same `request` command goes on" in hint


async def test_a_chain_that_never_answers_ends_it(chain: EmethChain, monkeypatch: pytest.MonkeyPatch) -> None:
    request = requested(chain, chain.request_job())

    async def follow(*_arguments: Any) -> list[FollowedJob]:
        raise NetworkError(ChainLacksJob())

    monkeypatch.setattr("emeth_tui.engine.view.following.follow", follow)

    with pytest.raises(NetworkError):
        await watched(chain, request)
