"""The answers, and the settings file that they make. Pure but for reading other settings files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from emeth_tui.errors import SettingsError
from emeth_tui.files import may_exist
from emeth_tui.model import Language
from emeth_tui.notices.reasons.settings import DotInName, InFile
from emeth_tui.notices.reasons.setup import DiskTooSmall, NotANumberOfGb
from emeth_tui.notices.reasons.wallet import PrivateKeyNotHex
from emeth_tui.settings import Layers, Network, Settings, example_toml, load_network, load_settings
from emeth_tui.settings.profiles import PROFILE_KEYS, is_settings, key_changes, read_profile
from emeth_tui.settings.schema import BYTES_PER_GB
from emeth_tui.settings.sections import CacheSettings
from emeth_tui.settings.toml_text import parse_toml, read_text
from emeth_tui.settings.writing import edit_toml

KEY_FILE = "verification_key_file"
SECRET_KEYS = frozenset({"verification_key"})  # never copied from one file into another
SHARE_OF_FREE = 0.8  # of the file system, where the default limit is too much for it
DEFAULT_LIMIT_GB = float(CacheSettings.model_fields["limit_gb"].default)


@dataclass(frozen=True, slots=True)
class Answers:
    """The choices so far. `devices` empty leaves them to the node: every GPU found, else one CPU.

    Of a verification key that was typed, the settings name the file that it is written into, beside them.
    """

    network: str = ""
    network_changes: Mapping[str, object] = field(default_factory=dict, repr=False)
    has_verification_key: bool = False
    verification_key: str = field(default="", repr=False)
    keystore: Path | None = None
    address: str = ""
    devices: tuple[str, ...] = ()
    limit_gb: float = DEFAULT_LIMIT_GB

    def changes(self, config: Path) -> dict[str, object]:
        """Return what the settings file will set, by dotted key; None stands for the default."""
        changes: dict[str, object] = {"network": self.network}
        for key, value in self.network_changes.items():
            changes[f"networks.{self.network}.{key}"] = value
        own_place = self.keystore not in {None, config.parent / "keystore.json"}
        changes["wallet.keystore"] = self.keystore if own_place else None
        if self.verification_key:
            changes |= key_changes(self.network, self.key_file(config))
        changes["workers.devices"] = list(self.devices) or None
        changes["cache.limit_gb"] = None if self.limit_gb == DEFAULT_LIMIT_GB else self.limit_gb
        return changes

    def key_file(self, config: Path) -> Path:
        """Return the path of the file that a verification key is written into."""
        return config.parent / f"verification-key-{self.network}"

    def file_text(self, config: Path, before: str) -> str:
        """Return the file's new text: the old one, or the example, with the answers. Raise SettingsError."""
        return edit_toml(before or example_toml(), self.changes(config), str(config))

    def settings(self, config: Path, before: str) -> Settings:
        """Return the settings that the file would hold, without a key that was typed. Raise SettingsError."""
        answers = self
        if self.verification_key:  # it is not written yet
            no_key = {**self.network_changes, **dict.fromkeys(SECRET_KEYS), KEY_FILE: None}
            answers = replace(self, verification_key="", network_changes=no_key)
        return Layers(config).combine(answers.file_text(config, before))


@dataclass(frozen=True, slots=True)
class ForeignNetwork:
    """A network as another settings file describes it, and the keystore that the file names.

    In `changes`, None stands for what it does not say: of a network of that name nothing else is to be left.
    """

    name: str
    changes: Mapping[str, object]
    has_verification_key: bool
    keystore: Path | None


def read_network_file(path: Path) -> ForeignNetwork:
    """Read the network in a settings file such as a devnet's node.toml, or a profile. Raise SettingsError."""
    profile = parse_toml(read_text(path), str(path))
    if not is_settings(profile):
        return ForeignNetwork(read_profile(path).name, _copied(profile), False, None)
    settings = load_settings(path, environment={})
    load_network(settings, environment={})
    name = settings.network
    if "." in name:  # in dotted keys of the settings it would be two
        raise SettingsError(InFile(str(path), DotInName(repr(name))))
    table = settings.networks.get(name, {})
    keystore = settings.keystore_path
    return ForeignNetwork(
        name,
        _copied(table),
        bool(SECRET_KEYS & table.keys()),
        keystore if may_exist(keystore) else None,
    )


def _copied(table: Mapping[str, Any]) -> dict[str, object]:
    """Return what of a network's table goes into other settings, by key under the network."""
    models = table.get("models", {})
    return {
        **{key: table.get(key) for key in (*PROFILE_KEYS, KEY_FILE) if key not in {"name", "models"}},
        **{f"models.{language.value}": models.get(language.value) for language in Language},
        **dict.fromkeys(SECRET_KEYS),
    }


def suggested_limit_gb(free_bytes: int) -> float:
    """Return a cache limit to suggest: the default, or less if the file system has no room for it."""
    room = math.floor(SHARE_OF_FREE * free_bytes / BYTES_PER_GB * 10) / 10
    return min(DEFAULT_LIMIT_GB, max(0.1, room))


def parse_limit_gb(text: str, free_bytes: int) -> float:
    """Parse a cache limit in GB. Raise SettingsError if it is invalid, or more than is free."""
    try:
        limit_gb = float(text)
    except ValueError:
        limit_gb = math.nan
    if not 0 < limit_gb < math.inf:
        raise SettingsError(NotANumberOfGb(repr(text)))
    if limit_gb > free_bytes / BYTES_PER_GB:
        raise SettingsError(DiskTooSmall(free_bytes))
    return limit_gb


def parse_private_key(text: str) -> bytes:
    """Parse a private key in hex. Raise SettingsError, which does not show it."""
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        raise SettingsError(PrivateKeyNotHex()) from None


def network_of(answers: Answers, config: Path, before: str) -> Network:
    """Return the chosen network. Raise SettingsError."""
    return load_network(answers.settings(config, before), environment={})
