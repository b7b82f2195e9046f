"""The network that engine tests run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.harness import Harness, quiet_network


@pytest.fixture
async def network(deployed_network: Path, tmp_path: Path) -> AsyncIterator[Harness]:
    async with quiet_network(deployed_network, tmp_path) as harness:
        yield harness
