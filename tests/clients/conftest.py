"""Fixtures: a real chain with the contracts, the client on it, and a durable journal."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.store.database import Store
from tests.clients.emeth_chain import EmethChain, emeth_chain
from tests.clients.local_server import QUICK_RETRY, LocalServer
from tests.clients.names import Names, answer_names


@pytest.fixture
def network(server: LocalServer, deployed_chain: Path, tmp_path: Path) -> Iterator[EmethChain]:
    state_file = tmp_path / "chain.state"
    shutil.copy(deployed_chain, state_file)
    with emeth_chain(server, state_file) as network:
        yield network


@pytest.fixture
async def chain(network: EmethChain) -> AsyncIterator[ChainClient]:
    client = await ChainClient.connect(network.network, retry=QUICK_RETRY)
    yield client
    await client.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return answer_names(monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "state") as store:
        yield store
