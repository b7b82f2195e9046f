"""Network profiles: those that ship, and those that the settings file adds or overrides."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from emeth_tui.errors import SettingsError
from emeth_tui.notices.reasons.settings import DevnetKeyMissing, InFile, NetworkKeyMissing, UnknownNetwork
from emeth_tui.settings.problems import explain
from emeth_tui.settings.schema import DEVNET, Network, Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from importlib.abc import Traversable

VERIFICATION_KEY_VARIABLE = "EMETH_TUI_VERIFICATION_KEY"


def load_network(settings: Settings, *, environment: Mapping[str, str] | None = None) -> Network:
    """Return the network that `settings.network` names: the built-in profile with the file's overrides.

    Raise SettingsError for an unknown profile, or one with an address missing.
    """
    name = settings.network
    profile = _builtin_profile(name)
    changes = settings.networks.get(name, {})
    models = {**profile.get("models", {}), **changes.get("models", {})}
    profile = {**profile, **changes, **({"models": models} if models else {})}
    if not profile:
        known = ", ".join(sorted({*builtin_networks(), *settings.networks}))
        raise SettingsError(UnknownNetwork(repr(name), known))
    key = (os.environ if environment is None else environment).get(VERIFICATION_KEY_VARIABLE)
    if key:
        profile["verification_key"] = key
    try:
        network = Network.model_validate({**profile, "name": name})
    except ValidationError as error:
        raise SettingsError(explain(f"{settings.source}: networks.{name}", error, profile)) from None
    _require_addresses(network, settings.source)
    return network


def builtin_networks() -> list[str]:
    """Return the names of the profiles that ship."""
    folder = _profiles()
    return sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


def _profiles() -> Traversable:
    return resources.files("emeth_tui") / "protocol" / "networks"


def _builtin_profile(name: str) -> dict[str, Any]:
    if name not in builtin_networks():
        return {}
    profile: dict[str, Any] = tomllib.loads((_profiles() / f"{name}.toml").read_text("utf-8"))
    return profile


def _require_addresses(network: Network, source: Path) -> None:
    for key in ("rpc_urls", "core_address", "token_address", "storage_url", "info_url"):
        if not getattr(network, key):
            missing = DevnetKeyMissing if network.name == DEVNET else NetworkKeyMissing
            raise SettingsError(InFile(str(source), missing(network.name, key)))
