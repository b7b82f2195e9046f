"""Modules that big packages import and this project hardly ever uses: they are loaded when they are used.

Where such a package is imported, the modules named here are stood in for. What the package takes from a
stand-in is, called or subclassed, the real thing; nothing of it may be caught with `except`. A module that is
loaded already stays as it is, and once the package is imported no stand-in can be found any more.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

CURVE_ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001  # of BLS12-381: EIP-2333, r

# For each module: the names that the package takes from it when it is imported.
Modules = Mapping[str, tuple[str, ...]]

# eth_account's key files import the curves of validators' keys, whose tables are computed then.
VALIDATORS_CURVES: Modules = {
    "py_ecc.bls": ("G2ProofOfPossession",),
    "py_ecc.bls12_381": ("curve_order",),
}
# What of web3 imports aiohttp, requests and websockets; the way to the chain here is httpx's.
WEB3_TRANSPORTS: Modules = {
    "web3.providers.persistent.websocket": ("WebSocketProvider",),
    "web3.providers.rpc.async_rpc": ("AsyncHTTPProvider",),
    "web3.providers.rpc.rpc": ("HTTPProvider",),
    "web3.utils.async_exception_handling": ("async_handle_offchain_lookup",),
    "web3.utils.exception_handling": ("handle_offchain_lookup",),
}
# py-evm's precompiled contracts on the same curves, which Ethereum has since Prague.
PRAGUES_CURVES: Modules = {
    "eth.precompiles.bls12_381.bls12_381_g1": ("bls12_g1_add", "bls12_g1_msm", "bls12_map_fp_to_g1"),
    "eth.precompiles.bls12_381.bls12_381_g2": ("bls12_g2_add", "bls12_g2_msm", "bls12_map_fp2_to_g2"),
    "eth.precompiles.bls12_381.bls12_381_pairing": ("bls12_pairing_check",),
}
_NUMBERS = {("py_ecc.bls12_381", "curve_order"): CURVE_ORDER}  # used at import, so they cannot come later


@contextmanager
def loaded_later(modules: Modules) -> Iterator[None]:
    """Have what is imported meanwhile get stand-ins for these modules, where they are not loaded yet."""
    stand_ins = [_StandIn(name, names) for name, names in modules.items() if name not in sys.modules]
    sys.modules.update((stand_in.__name__, stand_in) for stand_in in stand_ins)
    try:
        yield
    finally:
        for stand_in in stand_ins:
            _remove(stand_in)


class _StandIn(ModuleType):
    """Stands for a module."""

    def __init__(self, module: str, names: tuple[str, ...]) -> None:
        super().__init__(module)
        vars(self).update({name: _NUMBERS.get((module, name), _Later(self, name)) for name in names})

    def __getattr__(self, name: str) -> Any:
        """Return what only the module itself has, as another version of the package may want it."""
        if name.startswith("__"):  # what the import looks for
            raise AttributeError(name)
        return getattr(_load(self), name)


class _Later:
    """Stands for a class or a function."""

    def __init__(self, module: _StandIn, name: str) -> None:
        self._module, self._name = module, name

    def _real(self) -> Any:
        return getattr(_load(self._module), self._name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._real()(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the class itself, as the base of a class that is derived from this one."""
        return (self._real(),)

    def __instancecheck__(self, instance: object) -> bool:
        """Return whether this is an instance: there is none before the class is loaded."""
        return _is_loaded(self._module) and isinstance(instance, self._real())

    def __subclasscheck__(self, subclass: type) -> bool:
        return _is_loaded(self._module) and issubclass(subclass, self._real())

    def __or__(self, other: Any) -> Any:
        """Return the union of both, as annotations want it."""
        return self._real() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._real()


def _load(stand_in: _StandIn) -> ModuleType:
    """Return the module itself."""
    _remove(stand_in)
    return importlib.import_module(stand_in.__name__)


def _is_loaded(stand_in: _StandIn) -> bool:
    """Return whether the module itself is loaded."""
    return sys.modules.get(stand_in.__name__, stand_in) is not stand_in


def _remove(stand_in: _StandIn) -> None:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]
