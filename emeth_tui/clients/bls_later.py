"""The curves of validators' keys: eth_account's key files import them, and no account uses them.

py_ecc computes tables for them when it is imported, a third of the time that loading a wallet takes. Where
eth_account is imported it gets stand-ins, which load the curves when they are used.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

CURVE_ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001  # of BLS12-381: EIP-2333, r


class _Signatures:
    """Stands for py_ecc's class of that name."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("py_ecc.bls").G2ProofOfPossession, name)


_STAND_INS: dict[str, dict[str, Any]] = {
    "py_ecc.bls": {"G2ProofOfPossession": _Signatures()},
    "py_ecc.bls12_381": {"curve_order": CURVE_ORDER},
}


@contextmanager
def bls_later() -> Iterator[None]:
    """Have what is imported meanwhile get the stand-ins, where the curves are not loaded yet."""
    stand_ins = {
        name: _stand_in(name, content) for name, content in _STAND_INS.items() if name not in sys.modules
    }
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            _remove(name, stand_in)


def _stand_in(name: str, content: dict[str, Any]) -> ModuleType:
    module = ModuleType(name)

    def of_the_module(attribute: str) -> Any:
        """Return what only the module itself has, as another version of eth_account may want it."""
        if attribute.startswith("__"):  # what the import looks for
            raise AttributeError(attribute)
        _remove(name, module)
        return getattr(importlib.import_module(name), attribute)

    vars(module).update(content, __getattr__=of_the_module)
    return module


def _remove(name: str, stand_in: ModuleType) -> None:
    if sys.modules.get(name) is stand_in:
        del sys.modules[name]
