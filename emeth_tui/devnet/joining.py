"""The files for joining a running devnet: the operator's wallet, node.toml, devnet.json."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from emeth_tui.clients.wallet import create_keystore
from emeth_tui.devnet.accounts import Key
from emeth_tui.devnet.options import DevnetInfo
from emeth_tui.network.files import (
    make_private_directory,
    write_json,
    write_private,
)
from emeth_tui.settings import DEVNET

_KEYSTORE_WORK_FACTOR = 2**12  # for a throwaway account: opening it takes less than a second
_POLL_INTERVAL_S = 2  # polling costs nothing on one's own machine


def write_operator_wallet(directory: Path, key: Key) -> None:
    """Write the operator's keystore and its password, unless they exist."""
    make_private_directory(directory)
    keystore, password_file = directory / "keystore.json", directory / "password"
    if keystore.exists() and password_file.exists():
        return
    keystore.unlink(missing_ok=True)
    password = secrets.token_hex(16)
    write_private(password_file, password + "\n")
    create_keystore(keystore, password, key.private_key, iterations=_KEYSTORE_WORK_FACTOR)


def write_node_settings(info: DevnetInfo, wallet_directory: Path) -> None:
    """Write the settings file with which `emeth-tui --config` joins."""
    network = {
        "chain_id": info.chain_id,
        "rpc_urls": [info.rpc_url],
        "core_address": info.core_address,
        "token_address": info.token_address,
        "storage_url": info.storage_url,
        "info_url": info.info_url,
        "verification": info.verification,
        "delivery_s": info.delivery_s,
        "appeal_s": info.appeal_s,
        "verification_key": info.verification_key,
    }
    wallet = {
        "keystore": str(wallet_directory / "keystore.json"),
        "password_file": str(wallet_directory / "password"),
    }
    lines = [
        "# A node on the network that `emeth-tui devnet` runs; rewritten each time that it starts.",
        f"network = {_toml(DEVNET)}",
        *_table("wallet", wallet),
        *_table("claims", {"poll_interval_s": _POLL_INTERVAL_S}),
        *_table(f"networks.{DEVNET}", network),
    ]
    write_private(info.node_settings, "\n".join(lines) + "\n")


def write_description(info: DevnetInfo, wallet_directory: Path) -> None:
    """Write devnet.json, the last file: once it exists, every service answers."""
    accounts = [
        {"name": name, "address": key.address, "private_key": key.private_key_hex}
        for name, key in info.test_accounts.items()
    ]
    description = {
        "process_id": os.getpid(),
        "chain_id": info.chain_id,
        "rpc_urls": [info.rpc_url],
        "storage_url": info.storage_url,
        "info_url": info.info_url,
        "core_address": info.core_address,
        "token_address": info.token_address,
        "verification_key": info.verification_key,
        "verifier_address": info.verifier_address,
        "operator": {
            "address": info.operator_address,
            "keystore": str(wallet_directory / "keystore.json"),
            "password_file": str(wallet_directory / "password"),
        },
        "node_settings": str(info.node_settings),
        "test_accounts": accounts,
    }
    write_json(info.description, description)


def _table(name: str, values: Mapping[str, object]) -> list[str]:
    return ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # JSON's strings and numbers are valid TOML
