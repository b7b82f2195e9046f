"""A running storage."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.network.servers.parts import Parts
from tests.network.services.site import Site, running_site


@pytest.fixture
async def site(parts: Parts) -> AsyncIterator[Site]:
    async with running_site(parts) as made:
        yield made
