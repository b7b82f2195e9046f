"""One world for all tests of a module that only look at it; a node of its own for each test that acts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cli.commands.world import Commanded, World, commanded, world
from tests.engine.harness import Harness


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(deployed_network: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(deployed_network, tmp_path_factory.mktemp("world")) as one:
        yield one


@pytest.fixture
async def emeth_tui(network: Harness, tmp_path: Path) -> AsyncIterator[Commanded]:
    async with commanded(network, tmp_path) as one:
        yield one
