"""Keystore files as wallets have written them over the years, read into what the standard says (version 3).

They differ in upper and lower case, `0x`, byte-order marks and addresses that are missing. What another
cipher or key derivation has encrypted would open as another account, or never: it is refused by name.
"""

from __future__ import annotations

import codecs
import logging
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import is_hex_address, to_checksum_address
from pydantic_core import from_json

from emeth_tui.errors import WalletError
from emeth_tui.foreign_text import system_text
from emeth_tui.notices.reasons import wallet as why
from emeth_tui.notices.reasons.files import Unreadable

MAX_KEYSTORE_BYTES = 65_536  # a keystore v3 file holds some 500 bytes
MAX_KDF_BYTES = 2**30  # geth's standard needs 2^28
MAX_SCRYPT_WORK = 2**26  # n·r·p: 32 times geth's standard, half a minute or so
MAX_PBKDF2_WORK = 50_000_000  # rounds; wallets take 10^4 to 10^6
MIN_DERIVED_BYTES = 32
MAX_DERIVED_BYTES = 1_024
_CIPHER = "aes-128-ctr"
_PRF = "hmac-sha256"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Keystore:
    """A keystore that can be opened: its content, all keys in lower case, and the address that it names."""

    content: dict[str, Any]
    address: str  # with checksum; "" if it names none


def read_keystore(path: Path) -> Keystore:
    """Read a keystore, without decrypting it. Raise WalletError for one that cannot be opened safely."""
    content = _lower_keys(_read_json(path))
    crypto = content.get("crypto")
    if not isinstance(crypto, dict):
        raise WalletError(why.KeystoreDamaged(path))
    _check_version(path, content, crypto)
    crypto["cipher"] = cipher = str(crypto.get("cipher", "")).lower()
    if cipher != _CIPHER:
        raise WalletError(why.CipherNotRead(path, cipher, _CIPHER))
    _check_kdf(path, crypto)
    said = content.get("address")
    digits = said.lower().removeprefix("0x") if isinstance(said, str) else ""
    address = str(to_checksum_address(f"0x{digits}")) if is_hex_address(digits) else ""
    return Keystore({"version": 3, "crypto": crypto}, address)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_KEYSTORE_BYTES:
            raise WalletError(why.KeystoreTooLarge(path))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            _logger.warning("%s can be read by other users: `chmod 600` it", path)
        content = from_json(_text(path.read_bytes()))
    except FileNotFoundError:
        raise WalletError(why.NoKeystore(path)) from None
    except OSError as error:
        raise WalletError(Unreadable(path, system_text(error))) from error
    except ValueError:
        raise WalletError(why.KeystoreDamaged(path)) from None
    if not isinstance(content, dict):
        raise WalletError(why.KeystoreDamaged(path))
    return content


def _text(content: bytes) -> str:
    """Decode a file by its byte-order mark, or as UTF-8 if it has none. Raise ValueError."""
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf_16 else "utf-8-sig")


def _lower_keys(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON with all its keys in lower case: some wallets wrote `Crypto`."""
    return {
        key.lower(): _lower_keys(value) if isinstance(value, dict) else value
        for key, value in content.items()
    }


def _check_version(path: Path, content: Mapping[str, Any], crypto: Mapping[str, Any]) -> None:
    version = content.get("version")
    if version == 4 or isinstance(crypto.get("checksum"), dict):
        raise WalletError(why.ValidatorKeystore(path))
    if version in (3, "3"):
        return
    if isinstance(version, (int, str)) and not isinstance(version, bool):
        raise WalletError(why.KeystoreOfVersion(path, str(version)))
    raise WalletError(why.KeystoreDamaged(path))


def _check_kdf(path: Path, crypto: dict[str, Any]) -> None:
    """Raise WalletError for a key derivation that is not the standard's, or would take too much."""
    crypto["kdf"] = kdf = str(crypto.get("kdf", "")).lower()
    parameters = crypto.get("kdfparams")
    if not isinstance(parameters, dict):
        raise WalletError(why.KeystoreDamaged(path))
    if kdf == "scrypt":
        n, r, p = (_positive(path, parameters, name) for name in ("n", "r", "p"))
        too_much = 128 * r * (n + p) > MAX_KDF_BYTES or n * r * p > MAX_SCRYPT_WORK
    elif kdf == "pbkdf2":
        parameters["prf"] = prf = str(parameters.get("prf", _PRF)).lower()
        if prf != _PRF:
            raise WalletError(why.KdfNotRead(path, prf, _PRF))
        too_much = _positive(path, parameters, "c") > MAX_PBKDF2_WORK
    else:
        raise WalletError(why.KdfNotRead(path, kdf, "scrypt, pbkdf2"))
    derived_bytes = _positive(path, parameters, "dklen")
    if derived_bytes < MIN_DERIVED_BYTES:
        raise WalletError(why.KeystoreDamaged(path))
    if too_much or derived_bytes > MAX_DERIVED_BYTES:
        raise WalletError(why.KdfTooCostly(path, kdf))


def _positive(path: Path, parameters: Mapping[str, Any], name: str) -> int:
    value = parameters.get(name)
    if type(value) is not int or value < 1:
        raise WalletError(why.KeystoreDamaged(path))
    return value
