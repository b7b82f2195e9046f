"""A network's profile comes from a stranger: what it may say."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from emeth_tui.cli.main import command
from emeth_tui.errors import SettingsError
from emeth_tui.settings import Network, load_network, load_settings
from emeth_tui.settings.profiles import joining_changes, profile_text, read_profile
from emeth_tui.settings.writing import edit_toml

PROFILE = """
name = "lab"
chain_id = 5
native_symbol = "LAB"
rpc_urls = ["http://127.0.0.1:1"]
core_address = "0x1111111111111111111111111111111111111111"
token_address = "0x1111111111111111111111111111111111111112"
storage_url = "http://127.0.0.1:3"
info_url = "http://127.0.0.1:3"
models = { en = "gpt2-medium", ja = "rinna/japanese-gpt2-medium" }
"""


def profile_with(directory: Path, old: str, new: str) -> Path:
    path = directory / "network.toml"
    path.write_text(PROFILE.replace(old, new), "utf-8")
    return path


@pytest.mark.parametrize("symbol", [r"E\u001b[31mTH", r"E\u202eTH", "", "T" * 17, "E TH"])
def test_a_symbol_is_short_and_printable(tmp_path: Path, symbol: str) -> None:
    assert read_profile(profile_with(tmp_path, "LAB", "Ξ")).native_symbol == "Ξ"
    with pytest.raises(SettingsError, match="a symbol has 1 to 16 characters"):
        read_profile(profile_with(tmp_path, "LAB", symbol))


def test_a_name_with_a_dot_would_be_two_tables_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'lab\.v2' has a dot"):
        read_profile(profile_with(tmp_path, '"lab"', '"lab.v2"'))


def joined(directory: Path, profile: Network, before: str) -> Network:
    """Return the network of a settings file that joined one."""
    path = directory / "config.toml"
    path.write_text(edit_toml(before, joining_changes(profile), str(path)), "utf-8")
    return load_network(load_settings(path, environment={}), environment={})


def test_a_network_that_is_joined_again_is_as_its_newer_profile_says(tmp_path: Path) -> None:
    known = PROFILE.replace('name = "lab"', "[networks.lab]") + (
        "storage_hosts = ['10.0.0.1']\nappeal_s = 3_600\nfirst_block = 7\nverification_key = 'kept'\n"
    )
    newer = read_profile(profile_with(tmp_path, "info_url", "safety_margin_s = 0\ninfo_url"))

    network = joined(tmp_path, newer, known)

    assert (network.storage_hosts, network.appeal_s, network.first_block) == ([], 0, 0)
    assert network.safety_margin_s == 0
    assert network.verification_key.get_secret_value() == "kept"


@pytest.mark.parametrize(
    "line", ["safety_margin_s = 0", "appeal_s = 3_600", "storage_hosts = ['10.0.0.1']", ""]
)
def test_a_profile_is_written_and_joined_as_it_was_read(tmp_path: Path, line: str) -> None:
    profile = read_profile(profile_with(tmp_path, "info_url", f"{line}\ninfo_url"))
    copy = tmp_path / "copy.toml"

    copy.write_text(profile_text(profile), "utf-8")

    assert read_profile(copy) == profile
    assert joined(tmp_path, profile, "") == profile
    assert ("appeal_s" in copy.read_text("utf-8")) == ("appeal_s" in line)  # for people to add


@pytest.mark.parametrize(
    ("text", "is_joined"),
    [
        ("networks.mine.chain_id = 5\nclaims.enabled = false\nlimits.max_staked_emt = 100\n", True),
        ("networks = { mine = { chain_id = 5 } }\nclaims = { enabled = false }\n", False),
    ],
    ids=["dotted-keys", "braces"],
)
def test_joining_starts_no_claims_that_the_settings_forbid(
    tmp_path: Path, text: str, is_joined: bool
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text, "utf-8")
    profile = profile_with(tmp_path, "", "")

    result = CliRunner().invoke(command, ["--config", str(config), "network", "join", str(profile), "--yes"])

    assert isinstance(result.exception, SettingsError) == (not is_joined), result.output
    assert (config.read_text("utf-8") == text) == (not is_joined)
    settings = load_settings(config, environment={})
    assert (settings.network == "lab") == is_joined
    assert not settings.claims.enabled
    assert settings.networks["mine"] == {"chain_id": 5}
