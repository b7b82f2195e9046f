"""A network's profile as a file: what everybody who joins needs to know, and nothing secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError
from tomlkit.items import InlineTable

from emeth_tui.errors import SettingsError
from emeth_tui.nearest import nearest_of
from emeth_tui.notices.reasons.settings import DotInName, InFile, KeyMissing, NameOfBuiltIn, NoSuchKey
from emeth_tui.settings.loading import load_settings
from emeth_tui.settings.networks import builtin_networks, load_network
from emeth_tui.settings.problems import explain, hint_at
from emeth_tui.settings.schema import Settings
from emeth_tui.settings.sections import Network
from emeth_tui.settings.toml_text import parse_toml, read_text

# In the order in which people read them. A key of the hash chain is handed to each node by itself.
PROFILE_KEYS = (
    "name",
    "chain_id",
    "native_symbol",
    "rpc_urls",
    "core_address",
    "token_address",
    "first_block",
    "storage_url",
    "storage_hosts",
    "info_url",
    "models",
    "verification",
    "delivery_s",
    "appeal_s",
    "safety_margin_s",
    "poll_interval_s",
    "confirmations",
)


def read_profile(path: Path) -> Network:
    """Read a profile and check it as the settings are checked. Raise SettingsError."""
    source = str(path)
    table = parse_toml(read_text(path), source)
    unknown = next((key for key in table if key not in PROFILE_KEYS), None)
    if unknown is not None:
        raise SettingsError(InFile(source, NoSuchKey(unknown, hint_at(nearest_of(unknown, PROFILE_KEYS)))))
    name = table.pop("name", None)
    if name is None:
        raise SettingsError(InFile(source, KeyMissing("name")))
    return check_profile(name, table, path)


def is_settings(table: Mapping[str, Any]) -> bool:
    """Whether a file's table is that of a node's settings, and not a profile."""
    return "networks" in table or "network" in table


def network_of_file(path: Path) -> Network:
    """Return the network that a file describes: a profile, or the settings of a node. Raise SettingsError."""
    table = parse_toml(read_text(path), str(path))
    if is_settings(table):
        return load_network(load_settings(path, environment={}), environment={})
    return read_profile(path)


def check_profile(name: object, table: Mapping[str, Any], path: Path) -> Network:
    """Return the network that a profile's values make. Raise SettingsError, which names `path`."""
    source = str(path)
    if name in builtin_networks():
        raise SettingsError(InFile(source, NameOfBuiltIn(str(name))))
    if "." in str(name):  # in dotted keys of the settings it would be two
        raise SettingsError(InFile(source, DotInName(repr(name))))
    tables = {"network": name, "networks": {str(name): dict(table)}}
    try:
        settings = Settings.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(explain(lambda _key: source, error, Settings, tables)) from None
    return load_network(settings.with_source(path), environment={})


def profile_values(network: Network) -> dict[str, Any]:
    """Return what a profile says, by key, as TOML can hold it, without what is nothing by default."""
    values = {key: getattr(network, key) for key in PROFILE_KEYS}
    values["models"] = {language.value: model for language, model in network.models.items()}
    return {key: value for key, value in values.items() if value not in ([], 0) or value != _default(key)}


def profile_text(network: Network, comments: Mapping[str, str] | None = None) -> str:
    """Return a profile's file. `comments` begin it: a label and what it says, one a line."""
    document = tomlkit.document()
    document.add(tomlkit.comment(f"The Emeth network {network.name}; join it: emeth-tui network join FILE"))
    for label, said in (comments or {}).items():
        document.add(tomlkit.comment(f"{label}: {said}"))
    for key, value in profile_values(network).items():
        document.add(key, _inline(value) if key == "models" else tomlkit.item(value))
    return tomlkit.dumps(document)


def joining_changes(network: Network) -> dict[str, object]:
    """Return the settings that join a network, by dotted key; None removes what its profile does not say."""
    values = {key: value for key, value in profile_values(network).items() if key != "name"}
    models = values.pop("models")
    prefix = f"networks.{network.name}"
    return {
        "network": network.name,
        **{f"{prefix}.{key}": None for key in PROFILE_KEYS if key not in {"name", "models", *values}},
        **{f"{prefix}.{key}": value for key, value in values.items()},
        **{f"{prefix}.models.{language}": model for language, model in models.items()},
    }


def key_changes(network: str, key_file: Path) -> dict[str, object]:
    """Return the settings by which a network's verification key is that of a file, by dotted key."""
    prefix = f"networks.{network}"  # the file counts only where the key itself is not in the settings
    return {f"{prefix}.verification_key": None, f"{prefix}.verification_key_file": key_file}


def _default(key: str) -> object:
    return Network.model_fields[key].get_default(call_default_factory=True)


def _inline(models: Mapping[str, str]) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(models)
    return table
