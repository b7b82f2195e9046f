"""A real chain and a patient on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from emeth_tui.model import Language
from tests.clients.emeth_chain import EmethChain, emeth_chain
from tests.clients.local_server import LocalServer
from tests.doctor.patient import Patient


@pytest.fixture
def chain(server: LocalServer, deployed_chain: Path, tmp_path: Path) -> Iterator[EmethChain]:
    state_file = tmp_path / "chain.state"
    shutil.copy(deployed_chain, state_file)
    with emeth_chain(server, state_file) as chain:
        yield chain


@pytest.fixture
def patient(chain: EmethChain, tmp_path: Path) -> Patient:
    models = dict.fromkeys(Language, "devnet-small")
    return Patient(tmp_path, chain.network.model_copy(update={"models": models}), chain.wallet)
