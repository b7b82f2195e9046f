"""The networks that ship: each one loads, names its addresses, and trains models whose size is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_utils.address import is_checksum_address

from emeth_tui.protocol.architectures import PARAMETERS
from emeth_tui.settings import DEVNET, Network, builtin_networks, load_network, load_settings

NETWORKS = [name for name in builtin_networks() if name != DEVNET]  # a devnet's addresses are new each time


def network(name: str, directory: Path) -> Network:
    settings = directory / "config.toml"
    settings.write_text(f'network = "{name}"', "utf-8")
    return load_network(load_settings(settings, environment={}), environment={})


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that_ships_is_complete(name: str, tmp_path: Path) -> None:
    profile = network(name, tmp_path)

    assert is_checksum_address(profile.core_address)
    assert is_checksum_address(profile.token_address)
    assert profile.rpc_urls
    assert not profile.verification_key.get_secret_value()  # its operator hands it out


@pytest.mark.parametrize("name", NETWORKS)
def test_the_models_of_a_network_have_a_known_size(name: str, tmp_path: Path) -> None:
    """A model of unknown size counts as GPT-2 medium, and estimates of disk and time would be wrong."""
    assert set(network(name, tmp_path).models.values()) <= set(PARAMETERS)
