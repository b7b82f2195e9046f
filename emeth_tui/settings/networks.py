"""Network profiles: those that ship, and those that the settings file adds or overrides."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, ValidationError

from emeth_tui.errors import SettingsError
from emeth_tui.model import Language
from emeth_tui.notices.reasons.settings import (
    BytesNotUtf8,
    DevnetKeyMissing,
    InFile,
    InvalidSecret,
    InvalidValue,
    KeyFileUnreadable,
    NetworkKeyMissing,
    NoSettings,
    UnknownNetwork,
    WrongChecksum,
)
from emeth_tui.settings.basics import DEVNET, VERIFICATION_KEY_VARIABLE
from emeth_tui.settings.credentials import VERIFICATION_KEY, credential_path
from emeth_tui.settings.problems import explain
from emeth_tui.settings.schema import Settings
from emeth_tui.settings.sections import Network

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from importlib.abc import Traversable

_ADDRESSES = ("core_address", "token_address")
_REQUIRED = ("rpc_urls", *_ADDRESSES, "storage_url", "info_url")


def load_network(settings: Settings, *, environment: Mapping[str, str] | None = None) -> Network:
    """Return the network that `settings.network` names: the built-in profile with the file's overrides.

    Raise SettingsError for an unknown profile, a missing address, and a mistake in any network's table.
    """
    name, source = settings.network, str(settings.source)
    require_known(name, settings)
    for other in settings.networks.keys() - {name}:
        _network(settings, other, {"chain_id": 1, "models": {}})
    environment = os.environ if environment is None else environment
    key = environment.get(VERIFICATION_KEY_VARIABLE)
    network = _network(settings, name, {})
    key_file = network.verification_key_file or credential_path(environment, VERIFICATION_KEY)
    if key:
        require_text(key, VERIFICATION_KEY_VARIABLE)
        network = network.model_copy(update={"verification_key": SecretStr(key)})
    elif key_file is not None and not network.verification_key.get_secret_value():
        network = network.model_copy(update={"verification_key": SecretStr(_first_line(key_file))})
    missing = next((key for key in _REQUIRED if not getattr(network, key)), None) or _missing_model(network)
    if missing and name == DEVNET and not settings.source.exists():
        raise SettingsError(NoSettings())
    if missing:
        reason = DevnetKeyMissing if name == DEVNET else NetworkKeyMissing
        raise SettingsError(InFile(source, reason(name, missing)))
    return network


def require_known(name: str, settings: Settings) -> None:
    """Raise SettingsError for the name of a network that there is not."""
    names = {*builtin_networks(), *settings.networks}
    if name not in names:
        raise SettingsError(
            InFile(str(settings.source), UnknownNetwork(repr(name), ", ".join(sorted(names))))
        )


def _first_line(path: Path) -> str:
    """Read a key from its file. Raise SettingsError, which shows nothing of it."""
    try:
        return path.read_text("utf-8-sig").splitlines()[0].strip()
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise SettingsError(KeyFileUnreadable(path)) from error


def require_text(key: str, name: str) -> None:
    """Raise SettingsError for a verification key that the network's hash chain cannot contain."""
    try:
        key.encode()
    except UnicodeEncodeError:  # bytes of an environment or a terminal that are no text
        raise SettingsError(InvalidSecret(name, BytesNotUtf8())) from None


def _network(settings: Settings, name: str, defaults: Mapping[str, Any]) -> Network:
    """Return a network's profile with the file's overrides. Raise SettingsError."""
    source, prefix = str(settings.source), ("networks", name)
    profile, changes = _builtin_profile(name), settings.networks.get(name, {})
    merged = {**defaults, **profile, **changes, "name": name}
    if isinstance(own_models := changes.get("models"), dict):
        merged["models"] = {**profile.get("models", {}), **own_models}
    try:
        network = Network.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(explain(lambda _key: source, error, Network, merged, prefix)) from None
    for key in changes.keys() & set(_ADDRESSES):
        if not _checksum_is_right(address := getattr(network, key)):
            invalid = InvalidValue(".".join((*prefix, key)), repr(address), WrongChecksum())
            raise SettingsError(InFile(source, invalid))
    return network


def _checksum_is_right(address: str) -> bool:
    """Whether an address in mixed case has its EIP-55 checksum; in one case it has none."""
    digits = address.removeprefix("0x")
    if digits in {digits.lower(), digits.upper()}:
        return True
    from eth_utils.address import is_checksum_address  # late: few settings files name an address

    return bool(is_checksum_address(address))


def _missing_model(network: Network) -> str | None:
    return next((f"models.{language.value}" for language in Language if language not in network.models), None)


def native_symbol(settings: Settings) -> str:
    """Return the symbol of the chosen network's native token, whether or not its addresses are known yet."""
    profile = {**_builtin_profile(settings.network), **settings.networks.get(settings.network, {})}
    return str(profile.get("native_symbol", Network.model_fields["native_symbol"].default))


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
