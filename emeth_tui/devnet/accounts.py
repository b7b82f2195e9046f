"""The devnet's accounts: keys generated for each state directory."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import ServiceError, WalletError
from emeth_tui.network.files import read_json, write_json
from emeth_tui.notices.reasons.local.serving import KeptFileDamaged


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, kept out of every repr, and its account's address."""

    private_key: bytes = field(repr=False)
    address: str

    @property
    def wallet(self) -> Wallet:
        return Wallet(self.private_key)

    @property
    def private_key_hex(self) -> str:
        return "0x" + self.private_key.hex()


def kept_keys(path: Path, names: Iterable[str]) -> dict[str, Key]:
    """Return the named accounts' keys from a private file; generate those that are missing.

    Raise ServiceError when the file is damaged.
    """
    kept = read_json(path) or {}
    complete = {name: kept.get(name) or secrets.token_hex(32) for name in names}
    if complete != kept:
        write_json(path, {**kept, **complete})
    try:
        return {name: _key(bytes.fromhex(digits)) for name, digits in complete.items()}
    except (ValueError, TypeError, WalletError):
        raise ServiceError(KeptFileDamaged(path)) from None


def _key(private_key: bytes) -> Key:
    return Key(private_key, Wallet(private_key).address)
