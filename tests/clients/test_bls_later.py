"""A wallet loads no curves of validators' keys, and they are there for whom uses them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from emeth_tui.clients.bls_later import CURVE_ORDER, bls_later

CURVES = ("py_ecc.bls", "py_ecc.bls12_381")
WALLET = """
import sys
from emeth_tui.clients.wallet import Wallet
assert not [name for name in sys.modules if name.startswith(("py_ecc.bls", "py_ecc.optimized_bls"))]
from eth_keyfile import create_keyfile_json, decode_keyfile_json
key = bytes(range(32))
for version in (3, 4):
    keystore = create_keyfile_json(key, b"secret", version=version, kdf="pbkdf2", iterations=1)
    assert decode_keyfile_json(keystore, b"secret") == key, version
    assert ("py_ecc.bls" in sys.modules) is (version == 4)
print(keystore["pubkey"])
"""


@pytest.mark.process
def test_a_wallet_loads_no_curves_until_a_validators_key_is_made() -> None:
    done = subprocess.run([sys.executable, "-c", WALLET], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scheme = importlib.import_module("py_ecc.bls").G2ProofOfPossession
    public_key = scheme.SkToPk(int.from_bytes(bytes(range(32)), "big"))
    assert done.stdout.strip().removeprefix("0x") == public_key.hex()


def test_the_order_is_the_curves_own() -> None:
    assert importlib.import_module("py_ecc.bls12_381").curve_order == CURVE_ORDER


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in sys.modules if name.startswith("py_ecc.")]:
        monkeypatch.delitem(sys.modules, name)
    limit = sys.getrecursionlimit()
    yield
    assert sys.getrecursionlimit() == limit, "py_ecc itself raises it when it is loaded: it has to stay"


@pytest.mark.usefixtures("nothing_loaded")
def test_what_a_stand_in_lacks_is_the_modules_own() -> None:
    with bls_later():
        from py_ecc.bls import G2Basic
        from py_ecc.bls12_381 import curve_order, field_modulus
    assert (G2Basic.__name__, curve_order, field_modulus.bit_length()) == ("G2Basic", CURVE_ORDER, 381)


@pytest.mark.usefixtures("nothing_loaded")
def test_no_stand_in_stays() -> None:
    with bls_later():
        stand_ins = [importlib.import_module(name) for name in CURVES]
    assert not set(CURVES) & set(sys.modules)
    with bls_later():  # as it is with the curves loaded
        assert [importlib.import_module(name) for name in CURVES] != stand_ins
