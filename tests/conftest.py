"""What holds for every test."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import settings

# A machine with other work takes any time for an example; how fast code is, benchmarks say.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def deployed_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a network whose contracts are deployed: each test goes on from a copy."""
    from tests.engine.harness import deploy_network

    state_dir = tmp_path_factory.mktemp("deployed-network") / "devnet"
    asyncio.run(deploy_network(state_dir))
    return state_dir
