"""Every test with `parts` runs over the embedded parts, and over SeaweedFS and PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.network.records.postgres import PostgresDatabase
from tests.network.servers.grown import GrownServers
from tests.network.servers.grown import grown_servers as servers
from tests.network.servers.parts import Parts, embedded


@pytest.fixture(scope="session")
def grown_servers() -> Iterator[GrownServers]:
    with servers() as running:
        yield running


@pytest.fixture(params=["embedded", pytest.param("grown", marks=pytest.mark.slow)])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Parts]:
    if request.param == "embedded":
        with embedded(tmp_path) as made:
            yield made
        return
    grown: GrownServers = request.getfixturevalue("grown_servers")
    grown.empty()
    with contextlib.closing(PostgresDatabase(grown.postgres_place())) as database:
        yield Parts(tmp_path, database, grown.s3_place())
