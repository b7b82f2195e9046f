"""The answers, and the settings file that they make. Pure but for reading other settings files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emeth_tui.errors import SettingsError
from emeth_tui.notices.reasons.setup import DiskTooSmall, NotANumberOfGb
from emeth_tui.notices.reasons.wallet import PrivateKeyNotHex
from emeth_tui.settings import Layers, Network, Settings, example_toml, load_network, load_settings
from emeth_tui.settings.schema import BYTES_PER_GB
from emeth_tui.settings.sections import CacheSettings
from emeth_tui.settings.writing import edit_toml

SECRET_KEYS = frozenset({"verification_key"})  # never copied from one file into another
SHARE_OF_FREE = 0.8  # of the file system, where the default limit is too much for it
DEFAULT_LIMIT_GB = float(CacheSettings.model_fields["limit_gb"].default)


@dataclass(frozen=True, slots=True)
class Answers:
    """The choices so far. `devices` empty leaves them to the node: every GPU found, else one CPU."""

    network: str = ""
    network_changes: Mapping[str, object] = field(default_factory=dict, repr=False)
    has_verification_key: bool = False
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
        changes["workers.devices"] = list(self.devices) or None
        changes["cache.limit_gb"] = None if self.limit_gb == DEFAULT_LIMIT_GB else self.limit_gb
        return changes

    def file_text(self, config: Path, before: str) -> str:
        """Return the file's new text: the old one, or the example, with the answers. Raise SettingsError."""
        text = edit_toml(before or example_toml(), self.changes(config), str(config))
        load_network(Layers(config).combine(text), environment={})
        return text

    def settings(self, config: Path) -> Settings:
        """Return the settings that the file would hold. Raise SettingsError."""
        return Layers(config).combine(self.file_text(config, ""))


@dataclass(frozen=True, slots=True)
class ForeignNetwork:
    """A network as another settings file describes it, and the keystore that the file names."""

    name: str
    changes: Mapping[str, object]
    has_verification_key: bool
    keystore: Path | None


def read_network_file(path: Path) -> ForeignNetwork:
    """Read the network in a settings file, such as a devnet's node.toml. Raise SettingsError."""
    settings = load_settings(path, environment={})
    load_network(settings, environment={})
    changes = settings.networks.get(settings.network, {})
    keystore = settings.keystore_path
    return ForeignNetwork(
        settings.network,
        {key: value for key, value in changes.items() if key not in SECRET_KEYS},
        bool(SECRET_KEYS & changes.keys()),
        keystore if keystore.exists() else None,
    )


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


def network_of(answers: Answers, config: Path) -> Network:
    """Return the chosen network. Raise SettingsError."""
    return load_network(answers.settings(config))
