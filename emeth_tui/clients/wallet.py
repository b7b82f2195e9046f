"""The account that stakes and earns: keystore v3 files, and signatures. The key never leaves this module."""

from __future__ import annotations

import json
import logging
import secrets
import stat
from pathlib import Path
from typing import Any, NoReturn

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.address import is_hex_address, to_checksum_address
from pydantic_core import from_json

from emeth_tui.errors import WalletError
from emeth_tui.files import write_atomically
from emeth_tui.notices.reasons.files import Unreadable, Unwritable
from emeth_tui.notices.reasons.wallet import (
    KeystoreDamaged,
    KeystoreExists,
    KeystoreOfOther,
    KeystoreTooLarge,
    NoKeystore,
    NotPrivateKey,
    WrongPassword,
)

MAX_KEYSTORE_BYTES = 65_536  # a keystore v3 file holds some 500 bytes

# What eth-keyfile raises for damaged files.
_DECRYPTION_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    TypeError,
    ValueError,
)

_logger = logging.getLogger(__name__)


class Wallet:
    """Signs for one account. Reveals only its address, and cannot be copied into another process."""

    __slots__ = ("_account", "address")

    def __init__(self, private_key: bytes) -> None:
        """`private_key` is 32 bytes. Raise WalletError when they are not a private key."""
        try:
            self._account: LocalAccount = Account.from_key(private_key)
        except (ValueError, TypeError):
            raise WalletError(NotPrivateKey()) from None
        self.address: str = str(self._account.address)

    def sign_transaction(self, transaction: dict[str, Any]) -> tuple[bytes, str]:
        """Sign a transaction; return the raw bytes to broadcast and their hash (`0x…`)."""
        signed = self._account.sign_transaction(transaction)
        return bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex()

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a bare 32-byte digest, no EIP-191 prefix; return r, s, v, with v 27 or 28 (protocol.md §5)."""
        if len(digest) != 32:
            raise ValueError(f"a digest has 32 bytes, not {len(digest)}")
        return bytes(self._account.unsafe_sign_hash(Hash32(digest)).signature)

    def __repr__(self) -> str:
        return f"Wallet({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a wallet holds a private key: it is not copied or sent anywhere")


def load_wallet(keystore: Path, password: str) -> Wallet:
    """Open a keystore v3 file. It takes a second or more by design: call it in a thread.

    Raise WalletError when the file is missing, unreadable or corrupt, or the password wrong.
    """
    content = _read_keystore(keystore)
    try:
        private_key = bytes(Account.decrypt(content, password))
    except _DECRYPTION_ERRORS as error:
        # eth-keyfile reports "MAC mismatch" for a wrong password; anything else is a broken file.
        if "MAC mismatch" in str(error):
            raise WalletError(WrongPassword(keystore)) from None
        raise WalletError(KeystoreDamaged(keystore)) from None
    wallet = Wallet(private_key)
    said = content.get("address")
    if isinstance(said, str) and said and said.lower().removeprefix("0x") != wallet.address[2:].lower():
        raise WalletError(KeystoreOfOther(keystore, f"0x{said[:40]}", wallet.address))
    return wallet


def keystore_address(keystore: Path) -> str:
    """Return a keystore's address without decrypting it; "" when it has none. Raise WalletError."""
    said = _read_keystore(keystore).get("address")
    digits = said.removeprefix("0x") if isinstance(said, str) else ""
    return str(to_checksum_address(digits)) if is_hex_address(digits) else ""


def create_keystore(
    path: Path, password: str, private_key: bytes | None = None, *, iterations: int | None = None
) -> str:
    """Write a new keystore v3 file, mode 0600, and return its address. Never overwrite a file.

    Generate a key when none is given. `iterations` is scrypt's work factor (a power of two; the default is
    the standard's 2^18, and takes a second). Raise WalletError.
    """
    wallet = Wallet(secrets.token_bytes(32) if private_key is None else private_key)
    encrypted = Account.encrypt(wallet._account.key, password, kdf="scrypt", iterations=iterations)
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, mode=0o700)
        write_atomically(path, json.dumps(encrypted, indent=2).encode() + b"\n", overwrite=False)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            raise WalletError(KeystoreExists(path)) from None
        raise WalletError(Unwritable(path, error.strerror or "")) from error
    return wallet.address


def _read_keystore(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_KEYSTORE_BYTES:
            raise WalletError(KeystoreTooLarge(path))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            _logger.warning("%s can be read by other users: `chmod 600` it", path)
        content = from_json(path.read_bytes())
    except FileNotFoundError:
        raise WalletError(NoKeystore(path)) from None
    except OSError as error:
        raise WalletError(Unreadable(path, error.strerror or "")) from error
    except ValueError:
        raise WalletError(KeystoreDamaged(path)) from None
    if not isinstance(content, dict) or content.get("version") != 3:
        raise WalletError(KeystoreDamaged(path))
    return content
