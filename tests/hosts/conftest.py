"""Hosts to train on, and a real sshd to reach one by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.sshd import Sshd, running_sshd
from tests.hosts.far import FarHost
from tests.hosts.ways import OverSsh, OverTls, Way


@pytest.fixture
def far(tmp_path: Path) -> Iterator[FarHost]:
    host = FarHost.make(tmp_path / "b")
    yield host
    host.end()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with running_sshd(tmp_path / "ssh") as server:
        yield server


@pytest.fixture
def over_tls(far: FarHost) -> Iterator[OverTls]:
    way = OverTls(far)
    yield way
    if way.running:
        way.cut_off()


@pytest.fixture(params=["ssh", "tls"])
def way(request: pytest.FixtureRequest, far: FarHost) -> Way:
    if request.param == "ssh":
        return OverSsh(far, request.getfixturevalue("sshd"))
    over_tls: OverTls = request.getfixturevalue("over_tls")
    return over_tls
