"""A node whose hosts join over TLS."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emeth_tui.hosts.node.book import Host
from emeth_tui.hosts.node.links import Links
from emeth_tui.hosts.tls.inviting import write_host_file
from emeth_tui.hosts.tls.names import Place
from tests.hosts.far import NODE
from tests.hosts.tls.network import Network
from tests.loopback import free_port
from tests.terminal import ROOT


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    place, here = (Place("127.0.0.1", free_port()) for _ in range(2))
    (tmp_path / "jobs").mkdir()
    tls = write_host_file(tmp_path, NODE, "b", place, here, tmp_path / "b.emeth")
    links = Links(tmp_path, tmp_path / "jobs", {**os.environ, "PYTHONPATH": str(ROOT)}, "")
    yield Network(tmp_path, Host("b", str(place), tls=tls), links)
    await links.close()
