"""One world for all tests of a module: they only look at it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cli.commands.world import World, world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(deployed_network: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(deployed_network, tmp_path_factory.mktemp("world")) as one:
        yield one
