"""A network on a chain of its own, served by a process, over either kind of parts."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.devnet.chain.backends import make_chain
from emeth_tui.settings import Network
from emeth_tui.settings.profiles import read_profile
from tests.cli.network.serving import Served, sections_of, serve_file, served
from tests.cli.network.trader import Trader, trader
from tests.cli.network.world import CHAIN_ID, NATIVE_WEI, World, person
from tests.loopback import free_port
from tests.network.servers.grown import grown_servers

LIMITS = "[limits]\nrequests_per_minute = 1000000\ncalls_per_minute = 1000000\n"
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Place:
    """A network that can be served, and an account that asks for work and does it."""

    world: World
    file: Path
    network: Network
    party: Trader

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Served]:
        """Serve until the end of the body."""
        async with served(self.world, OPERATOR, self.file) as running:
            yield running


@asynccontextmanager
async def place_of(parts: str, directory: Path | None) -> AsyncIterator[Place]:
    """Deploy a network for `embedded` or `grown` parts; files lie below the directory meanwhile."""
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emeth-load-", dir=directory)))
        sections = LIMITS
        if parts == "grown":
            sections += sections_of(stack.enter_context(grown_servers()), root)
        operator = person(root, OPERATOR)
        operator.settle()
        chain = make_chain(
            "py-evm", chain_id=CHAIN_ID, state_dir=None, genesis_accounts={operator.address: NATIVE_WEI}
        )
        await chain.start()
        try:
            world, url = World(chain, root, {OPERATOR: operator}), f"http://127.0.0.1:{free_port()}"
            await operator.output(*world.deploying("--url", url))
            network = read_profile(world.profile)
            async with trader(network, operator.wallet) as party:
                yield Place(world, serve_file(world, url, sections), network, party)
        finally:
            await chain.stop()
