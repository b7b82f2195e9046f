"""Files that an owner has written, or somebody else: settings, themes, keystores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from eth_account import Account

from emeth_tui.clients.wallet import load_wallet
from emeth_tui.errors import SettingsError, WalletError
from emeth_tui.settings import example_toml, load_network, load_settings
from emeth_tui.tui.drawing.themes import parse_theme
from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target

SETTINGS = """network = "mine"
[claims]
min_fee_emt = 12.5
languages = ["en"]
[workers]
devices = ["cuda:0", "cpu"]
[keys]
help = ["?", "f1"]
[networks.mine]
chain_id = 60001
rpc_urls = ["https://rpc.example", "http://127.0.0.1:8545"]
core_address = "0x9960CE7d1eff7a33F5D57529552549D05b25570a"
token_address = "0x3b384C60Fc840E70811dA26449fc47BCb0F07BcC"
storage_url = "https://storage.example"
storage_hosts = ["objects.example", "10.0.0.1"]
info_url = "http://info.example:3000"
models = { en = "gpt2-medium", ja = "devnet-small" }
"""


def targets() -> list[Target]:
    key = b"\x07" * 32
    keystores = [
        Account.encrypt(key, "sesame", kdf="pbkdf2", iterations=2),
        Account.encrypt(key, "sesame", kdf="scrypt", iterations=2),
    ]
    return [
        Target(
            "settings",
            [SETTINGS.encode(), example_toml().encode()],
            _written("c.toml", _settings),
            (SettingsError,),
        ),
        Target(
            "themes",
            [path.read_bytes() for path in sorted(Path("themes").glob("*.toml"))],
            _written("mine.toml", parse_theme),
            (SettingsError,),
        ),
        Target(
            "keystores",
            [json.dumps(keystore).encode() for keystore in keystores],
            _written("keystore.json", lambda path: load_wallet(path, "sesame")),
            (WalletError,),
        ),
    ]


def _written(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    path = scratch() / name

    def take(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return take


def _settings(path: Path) -> None:
    settings = load_settings(path, environment={})
    load_network(settings, environment={})
