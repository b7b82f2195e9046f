"""The settings that the options before a command lead to: those of the node that was started with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.node.options import StartOptions

if TYPE_CHECKING:
    from emeth_tui.settings import Layers, Settings


def options_of(context: click.Context) -> StartOptions:
    """Return the options that stand before the command."""
    return StartOptions(**context.find_root().params)


def settings_of(options: StartOptions) -> Settings:
    """Load the node's settings. Raise SettingsError."""
    return layers_of(options).load()


def layers_of(options: StartOptions) -> Layers:
    """Return what the node's settings come from; beside a local network, that too. Raise SettingsError."""
    from emeth_tui.settings import settings_layers

    joined = joined_file(options)
    joining = joining_overrides(joined) if joined else {}
    return settings_layers(options.config, overrides={**directories_of(options), **joining})


def directories_of(options: StartOptions) -> dict[str, Any]:
    """Return the settings that these options override, among them where the node's state is."""
    overrides = options.overrides()
    if options.devnet and options.state_dir:
        overrides |= {"network": "devnet", **directories_beside_devnet(options.state_dir)}
    return overrides


def directories_beside_devnet(base: Path) -> dict[str, Any]:
    """Return the settings for the directories of a node beside a devnet."""
    return {"state.directory": base / "node" / "state", "cache.directory": base / "node" / "cache"}


def joined_file(options: StartOptions) -> Path | None:
    """Return the settings that join the local network of these options, None where it never ran."""
    if not options.devnet or options.state_dir is None:
        return None
    from emeth_tui.devnet.files import NODE_SETTINGS_FILE

    path = options.state_dir / "devnet" / NODE_SETTINGS_FILE
    return path if path.exists() else None


def joining_overrides(settings_file: Path) -> dict[str, Any]:
    """Return the settings by which a node joins a local network, from its node.toml. Raise SettingsError."""
    from emeth_tui.settings import load_settings

    joining = load_settings(settings_file, environment={})
    return {
        "network": joining.network,
        "networks": joining.networks,
        "wallet.keystore": joining.wallet.keystore,
        "wallet.password_file": joining.wallet.password_file,
    }


def file_of(options: StartOptions, settings: Settings) -> Path:
    """Return the file to name for these settings: the local network's where there is no other."""
    return settings.source if settings.source.exists() else joined_file(options) or settings.source
