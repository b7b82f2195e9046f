"""A real chain with an account that worked on it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from emeth_tui.watching.watch import AccountWatch
from tests.clients.emeth_chain import NODE, EmethChain, emeth_chain
from tests.clients.local_server import LocalServer


@pytest.fixture
def chain(server: LocalServer, deployed_chain: Path, tmp_path: Path) -> Iterator[EmethChain]:
    state_file = tmp_path / "chain.state"
    shutil.copy(deployed_chain, state_file)
    with emeth_chain(server, state_file) as network:
        network.network = network.network.model_copy(update={"confirmations": 3, "poll_interval_s": 1})
        yield network


@pytest.fixture
async def account(chain: EmethChain) -> AsyncIterator[AccountWatch]:
    watch = AccountWatch(chain.network, NODE.address)
    yield watch
    await watch.close()
