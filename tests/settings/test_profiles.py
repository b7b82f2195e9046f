"""A network's profile comes from a stranger: what it may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.errors import SettingsError
from emeth_tui.settings.profiles import read_profile

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
