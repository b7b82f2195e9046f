from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from emeth_tui.protocol.contracts import Rates
from tests.contracts.world import Network


@pytest.fixture(scope="session")
def _network() -> Iterator[Network]:
    network = Network()
    yield network
    network.chain.close()


@pytest.fixture
def network(_network: Network) -> Iterator[Network]:
    """A network with both contracts and funded people; what a test does to it is taken back."""
    with _network.undone():
        yield _network


@pytest.fixture
def network_with() -> Iterator[Callable[[Rates], Network]]:
    """Make networks with rates of their own."""
    made: list[Network] = []

    def make(rates: Rates) -> Network:
        made.append(Network(rates))
        return made[-1]

    yield make
    for network in made:
        network.chain.close()
