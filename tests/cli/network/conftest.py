"""The world of the commands of a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from emeth_tui.devnet.chain.backends import make_chain
from tests.cli.network.world import CHAIN_ID, NATIVE_WEI, World, person
from tests.network.servers.grown import GrownServers
from tests.network.servers.grown import grown_servers as servers


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    people = {name: person(tmp_path, name) for name in ("operator", "node", "other")}
    genesis = {one.address: NATIVE_WEI for one in people.values()}
    chain = make_chain("py-evm", chain_id=CHAIN_ID, state_dir=None, genesis_accounts=genesis)
    for one in people.values():
        one.settle()
    await chain.start()
    yield World(chain, tmp_path, people)
    await chain.stop()


@pytest.fixture(scope="session")
def grown_servers() -> Iterator[GrownServers]:
    with servers() as running:
        yield running
