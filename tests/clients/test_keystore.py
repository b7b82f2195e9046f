"""Keystores as wallets have written them over the years: what opens, and what is refused by name."""

from __future__ import annotations

import hashlib
import json
import traceback
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import AES
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emeth_tui.clients import wallet
from emeth_tui.clients.keystore import MAX_PBKDF2_WORK
from emeth_tui.clients.wallet import Wallet, create_keystore, keystore_address, load_wallet
from emeth_tui.errors import WalletError

KEY = bytes.fromhex("00a1883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f36231")  # begins with a zero
ADDRESS = Wallet(KEY).address
PASSWORD = "café ガード"  # its letters with marks have two forms
SALT, IV = bytes(range(16)), bytes(range(100, 116))
SCRYPT = {"n": 2, "r": 1, "p": 1, "dklen": 32}
PBKDF2 = {"c": 2, "dklen": 32, "prf": "hmac-sha256"}


def keystore(
    *,
    key: bytes = KEY,
    password: str = PASSWORD,
    kdf: str = "scrypt",
    parameters: Mapping[str, Any] = SCRYPT,
    cipher: str = "aes-128-ctr",
) -> dict[str, Any]:
    """Encrypt a key as the standard says, without the library that is tested."""
    secret, length = password.encode(), parameters["dklen"]
    if kdf == "scrypt":
        n, r, p = parameters["n"], parameters["r"], parameters["p"]
        derived = hashlib.scrypt(secret, salt=SALT, n=n, r=r, p=p, dklen=length)
    else:
        derived = hashlib.pbkdf2_hmac(parameters["prf"][5:], secret, SALT, parameters["c"], length)
    if cipher == "aes-128-ctr":
        encrypted = AES.new(derived[:16], AES.MODE_CTR, initial_value=IV, nonce=b"").encrypt(key)
    else:
        encrypted = AES.new(derived[:16], AES.MODE_CBC, iv=IV).encrypt(key)
    return {
        "version": 3,
        "id": "00000000-0000-4000-8000-000000000000",
        "address": ADDRESS[2:].lower(),
        "crypto": {
            "cipher": cipher,
            "cipherparams": {"iv": IV.hex()},
            "ciphertext": encrypted.hex(),
            "kdf": kdf,
            "kdfparams": {**parameters, "salt": SALT.hex()},
            "mac": keccak(derived[16:32] + encrypted).hex(),
        },
    }


def upper(content: Any) -> Any:
    """Write all keys and texts in upper case."""
    if isinstance(content, dict):
        return {key.upper(): upper(value) for key, value in content.items()}
    return content.upper() if isinstance(content, str) else content


def with_0x(content: Any) -> Any:
    """Put `0x` before everything in hex."""
    if isinstance(content, dict):
        return {key: with_0x(value) for key, value in content.items()}
    in_hex = isinstance(content, str) and len(content) >= 32 and "-" not in content
    return f"0x{content}" if in_hex else content


def address_is(address: object) -> dict[str, Any]:
    return {**keystore(), "address": address}


def without(*names: str) -> dict[str, Any]:
    return {key: value for key, value in keystore().items() if key not in names}


def with_crypto(**changes: Any) -> dict[str, Any]:
    content = keystore()
    return {**content, "crypto": {**content["crypto"], **changes}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keystore.json"


def write(path: Path, content: object, encoding: str = "utf-8") -> None:
    path.write_bytes(json.dumps(content).encode(encoding))
    path.chmod(0o600)


READABLE: dict[str, Callable[[], dict[str, Any]]] = {
    "scrypt": keystore,
    "geth light": lambda: keystore(parameters={"n": 4096, "r": 8, "p": 6, "dklen": 32}),
    "long derived key": lambda: keystore(parameters={**SCRYPT, "dklen": 64}),
    "pbkdf2": lambda: keystore(kdf="pbkdf2", parameters=PBKDF2),
    "upper case": lambda: upper(keystore()),
    "upper case, pbkdf2": lambda: upper(keystore(kdf="pbkdf2", parameters=PBKDF2)),
    "0x": lambda: with_0x(keystore()),
    "Crypto": lambda: {**without("crypto"), "Crypto": keystore()["crypto"]},
    "no address": lambda: without("address"),
    "address null": lambda: address_is(None),
    "address empty": lambda: address_is(""),
    "address no text": lambda: address_is(7),
    "address with 0x": lambda: address_is(ADDRESS),
    "address with 0X": lambda: address_is("0X" + ADDRESS[2:].upper()),
    "no id": lambda: without("id"),
    "version as text": lambda: {**keystore(), "version": "3"},
    "of ethers": lambda: {**keystore(), "x-ethers": {"client": "ethers.js", "version": "0.1"}},
    "short key": lambda: keystore(key=KEY.lstrip(b"\0")),
}


@pytest.mark.parametrize("form", READABLE)
def test_every_form_that_wallets_wrote_opens(path: Path, form: str) -> None:
    content = READABLE[form]()
    write(path, content)

    assert load_wallet(path, PASSWORD).address == ADDRESS
    says_its_address = len(str(content.get("address", content.get("ADDRESS", "")))) >= 40
    assert keystore_address(path) == (ADDRESS if says_its_address else "")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_byte_order_mark_is_read_over(path: Path, encoding: str) -> None:
    write(path, keystore(), encoding)

    assert load_wallet(path, PASSWORD).address == ADDRESS


@pytest.mark.parametrize("written", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_a_password_opens_in_whatever_form_it_was_typed(path: Path, written: Any, typed: Any) -> None:
    write(path, keystore(password=unicodedata.normalize(written, PASSWORD)))

    assert load_wallet(path, unicodedata.normalize(typed, PASSWORD)).address == ADDRESS


def test_a_wrong_password_of_plain_letters_is_tried_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    decrypt = wallet.Account.decrypt

    def counted(content: dict[str, Any], password: str) -> Any:
        tried.append(password)
        return decrypt(content, password)

    monkeypatch.setattr(wallet.Account, "decrypt", counted)
    write(path, keystore())

    with pytest.raises(WalletError, match="the password is wrong"):
        load_wallet(path, "sesame")
    assert tried == ["sesame"]


def test_a_password_of_another_encoding_is_named_and_not_shown(path: Path) -> None:
    write(path, keystore())
    of_latin_1 = "sesame-\udce9"  # as an environment that is not UTF-8 hands it over

    for act in (lambda: load_wallet(path, of_latin_1), lambda: create_keystore(path / "new", of_latin_1)):
        with pytest.raises(WalletError, match="the password is not UTF-8 text") as caught:
            act()
        assert "sesame" not in "".join(traceback.format_exception(caught.value))


SCRYPT_TOO_LARGE = {"n": 2**34, "r": 8, "p": 1, "dklen": 32}
REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "another cipher": (
        lambda: keystore(cipher="aes-128-cbc"),
        "its cipher, aes-128-cbc, is not supported; only aes-128-ctr is",
    ),
    "another cipher and no address": (
        lambda: {**keystore(cipher="aes-128-cbc"), "address": None},
        "its cipher, aes-128-cbc, is not supported; only aes-128-ctr is",
    ),
    "no cipher": (lambda: with_crypto(cipher=None), "its cipher, none, is not supported"),
    "another hash": (
        lambda: keystore(kdf="pbkdf2", parameters={**PBKDF2, "prf": "hmac-sha512"}),
        "its key derivation, hmac-sha512, is not supported; the standard has hmac-sha256",
    ),
    "another derivation": (
        lambda: with_crypto(kdf="argon2id"),
        "its key derivation, argon2id, is not supported; the standard has scrypt, pbkdf2",
    ),
    "a validator's": (
        lambda: {"version": 4, "pubkey": "00", "crypto": {"kdf": {}, "checksum": {}, "cipher": {}}},
        "is a validator's keystore (EIP-2335, BLS), not an account's",
    ),
    "version 1": (
        lambda: {**keystore(), "version": "1"},
        "is a keystore of version 1; only version 3 is read",
    ),
    **{
        f"{kdf} with {parameters}": (
            lambda kdf=kdf, parameters=parameters: with_crypto(  # type: ignore[misc]
                kdf=kdf, kdfparams={**parameters, "salt": SALT.hex()}
            ),
            f"its key derivation ({kdf}) would take too much memory or time",
        )
        for kdf, parameters in [
            ("scrypt", SCRYPT_TOO_LARGE),
            ("scrypt", {**SCRYPT, "n": 2**21, "r": 8}),
            ("scrypt", {**SCRYPT, "r": 2**23}),
            ("scrypt", {**SCRYPT, "p": 2**30}),
            ("scrypt", {**SCRYPT, "n": 2**18, "r": 8, "p": 64}),
            ("scrypt", {**SCRYPT, "dklen": 2**31}),
            ("pbkdf2", {**PBKDF2, "c": MAX_PBKDF2_WORK + 1}),
            ("pbkdf2", {**PBKDF2, "c": 10**12}),
            ("pbkdf2", {**PBKDF2, "dklen": 2**31}),
        ]
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_opened_safely_is_refused_by_name(path: Path, case: str) -> None:
    make, message = REFUSED[case]
    write(path, make())

    for look in (lambda: load_wallet(path, PASSWORD), lambda: keystore_address(path)):
        with pytest.raises(WalletError) as caught:
            look()
        assert str(caught.value).removeprefix(f"{path}: ").startswith(message)


@pytest.mark.parametrize("name", ["n", "r", "p", "dklen", "salt"])
@pytest.mark.parametrize("value", [None, 0, -1, True, 2.5, "2", 3, [], {}])
def test_a_damaged_derivation_is_an_error_of_ours(path: Path, name: str, value: object) -> None:
    write(path, with_crypto(kdfparams={**SCRYPT, "salt": SALT.hex(), name: value}))

    with pytest.raises(WalletError):
        load_wallet(path, PASSWORD)


def test_the_geth_standard_is_within_the_limits(path: Path) -> None:
    """Not opened: it takes a second and a quarter of a gigabyte."""
    write(path, with_crypto(kdfparams={"n": 2**18, "r": 8, "p": 1, "dklen": 32, "salt": SALT.hex()}))
    assert keystore_address(path) == ADDRESS
    write(path, with_crypto(kdf="pbkdf2", kdfparams={**PBKDF2, "c": 1_000_000, "salt": SALT.hex()}))
    assert keystore_address(path) == ADDRESS


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from([*keystore()["crypto"], "kdfparams.n", "kdfparams.dklen", "cipherparams.iv"]), _JSON)
def test_whatever_stands_in_a_field_is_told_or_opens(path: Path, field: str, value: Any) -> None:
    content = keystore()
    *parents, last = field.split(".")
    place = content["crypto"]
    for parent in parents:
        place = place[parent]
    place[last] = value
    write(path, content)
    try:
        opened = load_wallet(path, PASSWORD)
    except WalletError:
        return
    assert opened.address == ADDRESS
