"""The wallet: keystore files, signatures, and a key that nothing shows."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import pickle
import stat
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_keys.backends import CoinCurveECCBackend, get_backend
from eth_keys.datatypes import Signature
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emeth_tui.clients.wallet import Wallet, create_keystore, load_wallet
from emeth_tui.errors import WalletError
from emeth_tui.protocol.storage_api import signing_payload

KEY = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"  # of that key, as web3's documentation has it
PASSWORD = "correct horse 電池"
CHEAP = 2  # scrypt's work factor


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    path = tmp_path / "keystore.json"
    create_keystore(path, PASSWORD, KEY, iterations=CHEAP)
    return path


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="coincurve has no release for this Python")
def test_signatures_are_made_by_libsecp256k1() -> None:
    # Without it eth-account falls back to plain Python and says nothing.
    assert isinstance(get_backend(), CoinCurveECCBackend)


def test_a_keystore_opens_with_its_password(keystore: Path) -> None:
    assert load_wallet(keystore, PASSWORD).address == ADDRESS


def test_a_keystore_is_the_standards_version_3(keystore: Path) -> None:
    content = json.loads(keystore.read_text())
    assert content["version"] == 3
    assert bytes(Account.decrypt(content, PASSWORD)) == KEY


def test_a_keystore_is_its_owners_alone_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keystore.json"
    create_keystore(path, PASSWORD, iterations=CHEAP)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_new_keystores_hold_keys_of_their_own(tmp_path: Path) -> None:
    first, second = (create_keystore(tmp_path / name, PASSWORD, iterations=CHEAP) for name in "ab")
    assert first != second
    assert load_wallet(tmp_path / "a", PASSWORD).address == first


def test_a_keystore_is_never_overwritten(keystore: Path) -> None:
    before = keystore.read_bytes()
    with pytest.raises(WalletError, match="exists already"):
        create_keystore(keystore, PASSWORD, iterations=CHEAP)
    assert keystore.read_bytes() == before
    assert list(keystore.parent.iterdir()) == [keystore]


def test_a_directory_that_takes_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WalletError, match="cannot be written: "):
        create_keystore(tmp_path / "file" / "keystore.json", PASSWORD, iterations=CHEAP)


@pytest.mark.parametrize("key", [b"", b"\x01" * 31, b"\x00" * 32, b"\xff" * 32])
def test_what_is_no_private_key_is_refused_without_being_shown(tmp_path: Path, key: bytes) -> None:
    with pytest.raises(WalletError, match="not a private key") as caught:
        create_keystore(tmp_path / "keystore.json", PASSWORD, key, iterations=CHEAP)
    assert not key or key.hex() not in "".join(traceback.format_exception(caught.value))
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_password_is_told_as_that(keystore: Path) -> None:
    with pytest.raises(WalletError, match=r"keystore\.json: the password is wrong") as caught:
        load_wallet(keystore, "".join(["sesame", "7261"]))
    assert "sesame7261" not in "".join(traceback.format_exception(caught.value))


def test_a_missing_keystore_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match=r"none\.json: no such keystore; `emeth-tui wallet new` makes one"):
        load_wallet(tmp_path / "none.json", PASSWORD)


def test_a_directory_is_no_keystore(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match="cannot be read"):
        load_wallet(tmp_path, PASSWORD)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"{" * 60_000, b"[" * 60_000, b'{"version": 3}', b" " * 70_000],
    ids=[
        "empty",
        "no keys",
        "list",
        "null",
        "not text",
        "deep object",
        "deep list",
        "no crypto",
        "too large",
    ],
)
def test_a_file_that_is_no_keystore_is_told(keystore: Path, content: bytes) -> None:
    keystore.write_bytes(content)
    with pytest.raises(WalletError, match="is not a keystore v3 file"):
        load_wallet(keystore, PASSWORD)


_PATHS = st.sampled_from(
    [
        ("version",),
        ("crypto",),
        ("crypto", "ciphertext"),
        ("crypto", "mac"),
        ("crypto", "kdf"),
        ("crypto", "kdfparams"),
        ("crypto", "kdfparams", "n"),
        ("crypto", "kdfparams", "salt"),
        ("crypto", "cipherparams"),
        ("crypto", "cipherparams", "iv"),
        ("address",),
    ]
)
_VALUES = st.one_of(
    st.none(), st.integers(-2, 2), st.text(max_size=4), st.just("00" * 32), st.just([]), st.just({})
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_PATHS, _VALUES)
def test_a_damaged_keystore_is_told_or_opens(keystore: Path, path: tuple[str, ...], value: Any) -> None:
    content = json.loads(keystore.read_text())
    *parents, last = path
    place = content
    for parent in parents:
        place = place[parent]
    place[last] = value
    damaged = keystore.with_name("damaged.json")
    damaged.write_text(json.dumps(content))
    damaged.chmod(0o600)
    with contextlib.suppress(WalletError):  # anything else that is raised fails the test
        assert load_wallet(damaged, PASSWORD).address == ADDRESS


def test_another_accounts_address_in_the_file_is_damage(keystore: Path) -> None:
    content = json.loads(keystore.read_text())
    keystore.write_text(json.dumps({**content, "address": "11" * 20}))
    with pytest.raises(WalletError, match=f"names 0x{'11' * 20} and holds {ADDRESS}"):
        load_wallet(keystore, PASSWORD)


def test_a_keystore_that_others_can_read_is_warned_about(
    keystore: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        load_wallet(keystore, PASSWORD)
        assert caplog.text == ""
        keystore.chmod(0o640)
        load_wallet(keystore, PASSWORD)
    assert "can be read by other users" in caplog.text


def test_a_digest_is_signed_bare_and_recovers_the_address() -> None:
    digest = keccak(signing_payload("0x" + "6f" * 16, 1_700_000_000_000))
    signature = Wallet(KEY).sign_digest(digest)
    assert len(signature) == 65
    assert signature[64] in {27, 28}
    recovered = Signature(signature[:64] + bytes([signature[64] - 27])).recover_public_key_from_msg_hash(
        digest
    )
    assert recovered.to_checksum_address() == ADDRESS


def test_only_digests_are_signed() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        Wallet(KEY).sign_digest(b"x" * 31)


def test_a_transaction_is_signed_for_its_chain() -> None:
    fields = {
        "nonce": 0,
        "gasPrice": 1,
        "gas": 21_000,
        "to": ADDRESS,
        "value": 0,
        "data": "0x",
        "chainId": 60001,
    }
    raw, tx_hash = Wallet(KEY).sign_transaction(fields)
    assert tx_hash == "0x" + keccak(raw).hex()
    assert Account.recover_transaction(raw) == ADDRESS


def test_nothing_shows_or_copies_the_key() -> None:
    wallet = Wallet(KEY)
    assert repr(wallet) == str(wallet) == f"Wallet({ADDRESS})"
    assert KEY.hex() not in f"{wallet!r} {wallet._account!r}"
    assert not hasattr(wallet, "__dict__")
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="holds a private key"):
            copying(wallet)


@pytest.mark.parametrize("place", [0, 12, 28, -1], ids=["nonce", "tag", "first byte", "last byte"])
def test_what_was_sealed_is_read_by_the_same_account_unchanged_alone(place: int) -> None:
    wallet = Wallet(b"\x07" * 32)
    sealed = bytearray(wallet.seal(b"a URL"))

    assert wallet.seal(b"a URL") != sealed
    assert Wallet(b"\x07" * 32).unseal(bytes(sealed)) == b"a URL"
    with pytest.raises(ValueError, match="MAC"):
        Wallet(b"\x08" * 32).unseal(bytes(sealed))
    sealed[place] ^= 1
    with pytest.raises(ValueError, match="MAC"):
        wallet.unseal(bytes(sealed))
