"""The account that stakes and earns: keystore v3 files, and signatures. The key never leaves this module."""

from __future__ import annotations

import hmac
import json
import secrets
import unicodedata
from pathlib import Path
from typing import Any, NoReturn

from eth_typing import Hash32

from emeth_tui.clients.keystore import Keystore, read_keystore
from emeth_tui.clients.recursion_limit import Account, LocalAccount
from emeth_tui.errors import WalletError
from emeth_tui.files import write_atomically
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons.files import Unwritable
from emeth_tui.notices.reasons.wallet import (
    KeystoreDamaged,
    KeystoreExists,
    KeystoreOfOther,
    NotPrivateKey,
    PasswordNotText,
    WrongPassword,
)

PRIVATE_KEY_BYTES = 32
_NONCE_BYTES = 12  # AES-GCM, NIST SP 800-38D
_TAG_BYTES = 16

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

    def seal(self, content: bytes) -> bytes:
        """Encrypt what nobody but this account is to read, as long as it lies on a disk."""
        from Crypto.Cipher import AES  # late: few processes seal anything

        cipher = AES.new(self._sealing_key(), AES.MODE_GCM, nonce=secrets.token_bytes(_NONCE_BYTES))
        encrypted, tag = cipher.encrypt_and_digest(content)
        return bytes(cipher.nonce) + tag + encrypted

    def unseal(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raise ValueError when it was not sealed by this account, or is damaged."""
        from Crypto.Cipher import AES

        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        tag, encrypted = rest[:_TAG_BYTES], rest[_TAG_BYTES:]
        cipher = AES.new(self._sealing_key(), AES.MODE_GCM, nonce=nonce)
        return bytes(cipher.decrypt_and_verify(encrypted, tag))

    def open_letter(self, sealed: bytes) -> bytes:
        """Return what somebody has encrypted to this account's public key (ECIES on secp256k1).

        Raise ValueError when it is not for this account, or damaged.
        """
        import ecies  # late: a node opens a letter once

        try:
            return bytes(ecies.decrypt(bytes(self._account.key), sealed))
        except (ValueError, TypeError, IndexError):
            raise ValueError("not for this account") from None

    def _sealing_key(self) -> bytes:
        """Return a key for sealing, from which the private key does not follow."""
        return hmac.digest(bytes(self._account.key), b"emeth-tui: sealed on disk", "sha256")

    def __repr__(self) -> str:
        return f"Wallet({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a wallet holds a private key: it is not copied or sent anywhere")


def load_wallet(path: Path, password: str) -> Wallet:
    """Open a keystore v3 file. It takes a second or more by design: call it in a thread.

    Raise WalletError when the file is missing, unreadable, corrupt or of another kind, or the password wrong.
    """
    keystore = read_keystore(path)
    private_key = next(
        (key for typed in _forms(password) if (key := _decrypt(path, keystore, typed)) is not None), None
    )
    if private_key is None:
        raise WalletError(WrongPassword(path))
    wallet = Wallet(private_key.rjust(PRIVATE_KEY_BYTES, b"\0"))  # some wallets left out leading zeros
    if keystore.address not in {"", wallet.address}:
        raise WalletError(KeystoreOfOther(path, keystore.address, wallet.address))
    return wallet


def keystore_address(path: Path) -> str:
    """Return a keystore's address without decrypting it; "" when it has none. Raise WalletError."""
    return read_keystore(path).address


def create_keystore(
    path: Path, password: str, private_key: bytes | None = None, *, iterations: int | None = None
) -> str:
    """Write a new keystore v3 file, mode 0600, and return its address. Never overwrite a file.

    Generate a key when none is given. `iterations` is scrypt's work factor (a power of two; the default is
    the standard's 2^18, and takes a second). Raise WalletError.
    """
    wallet = Wallet(secrets.token_bytes(32) if private_key is None else private_key)
    _check_text(password)
    encrypted = Account.encrypt(wallet._account.key, password, kdf="scrypt", iterations=iterations)
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, mode=0o700)
        write_atomically(path, json.dumps(encrypted, indent=2).encode() + b"\n", overwrite=False)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            raise WalletError(KeystoreExists(path)) from None
        raise WalletError(Unwritable(path, system_text(error))) from error
    return wallet.address


def _decrypt(path: Path, keystore: Keystore, password: str) -> bytes | None:
    """Return the private key; None when the password is wrong. Raise WalletError for a damaged file."""
    try:
        return bytes(Account.decrypt(keystore.content, password))
    except _DECRYPTION_ERRORS as error:
        # eth-keyfile reports "MAC mismatch" for a wrong password; anything else is a broken file.
        if "MAC mismatch" in str(error):
            return None
        raise WalletError(KeystoreDamaged(path)) from None


def _forms(password: str) -> list[str]:
    """Return a password as typed, then in each other Unicode normal form: wallets and keyboards differ."""
    _check_text(password)
    forms = (unicodedata.normalize(form, password) for form in ("NFC", "NFD", "NFKC", "NFKD"))
    return list(dict.fromkeys([password, *forms]))


def _check_text(password: str) -> None:
    try:
        password.encode()
    except UnicodeEncodeError:  # bytes of another encoding, from an environment or a terminal
        raise WalletError(PasswordNotText()) from None
