"""What big packages import and nobody uses is not loaded with them, and it is there for whoever uses it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest

from emeth_tui.clients.loaded_later import CURVE_ORDER, VALIDATORS_CURVES, loaded_later

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
HEAVY = """
class Base:
    kind = "real"
    def __init__(self, number=0):
        self.number = number
def double(number):
    return 2 * number
EXTRA = 7
"""
USER = """
from big_package.heavy import Base, double
"""
OTHER_VERSION = """
from big_package.heavy import EXTRA, Base
class Derived(Base): ...
def number_of(base: Base | None, other: int | Base) -> Base: ...
"""
MODULES = {"big_package.heavy": ("Base", "double")}


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_loaded")
def test_what_a_stand_in_lacks_is_the_modules_own() -> None:
    with loaded_later(VALIDATORS_CURVES):
        from py_ecc.bls import G2Basic
        from py_ecc.bls12_381 import curve_order, field_modulus
    assert (G2Basic.__name__, curve_order, field_modulus.bit_length()) == ("G2Basic", CURVE_ORDER, 381)


@pytest.mark.usefixtures("nothing_loaded")
def test_no_stand_in_stays() -> None:
    with loaded_later(VALIDATORS_CURVES):
        stand_ins = [importlib.import_module(name) for name in VALIDATORS_CURVES]
    assert not set(VALIDATORS_CURVES) & set(sys.modules)
    with loaded_later(VALIDATORS_CURVES):  # as it is with the curves loaded
        assert [importlib.import_module(name) for name in VALIDATORS_CURVES] != stand_ins


@pytest.fixture
def big_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "big_package"
    package.mkdir()
    for name, source in {
        "__init__": "",
        "heavy": HEAVY,
        "user": USER,
        "other_version": OTHER_VERSION,
    }.items():
        (package / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "big_package"]:
        del sys.modules[name]


def stood_in_for(module: str) -> ModuleType:
    with loaded_later(MODULES):
        return importlib.import_module(f"big_package.{module}")


@pytest.mark.usefixtures("big_package")
def test_a_class_is_the_real_one_when_it_is_used() -> None:
    user: Any = stood_in_for("user")
    assert not isinstance("text", user.Base)
    assert not issubclass(str, user.Base)
    assert "big_package.heavy" not in sys.modules
    made = user.Base(number=5)
    real = sys.modules["big_package.heavy"].Base  # type: ignore[attr-defined]
    assert (type(made), made.number, user.Base.kind) == (real, 5, "real")
    assert isinstance(made, user.Base)
    assert issubclass(real, user.Base)
    assert not isinstance("text", user.Base)


@pytest.mark.usefixtures("big_package")
def test_a_function_is_the_real_one_when_it_is_called() -> None:
    user: Any = stood_in_for("user")
    assert "big_package.heavy" not in sys.modules
    assert user.double(21) == 42


@pytest.mark.usefixtures("big_package")
def test_what_needs_a_real_class_at_the_import_gets_it() -> None:
    other: Any = stood_in_for("other_version")
    real = importlib.import_module("big_package.heavy").Base
    assert other.Derived.__mro__[1] is real
    assert get_type_hints(other.number_of) == {"base": real | None, "other": int | real, "return": other.Base}


@pytest.mark.usefixtures("big_package")
def test_a_broken_import_leaves_no_stand_in() -> None:
    with pytest.raises(ImportError), loaded_later(MODULES):
        importlib.import_module("big_package.missing")
    assert "big_package.heavy" not in sys.modules
