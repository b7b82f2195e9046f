"""`emeth-tui config`: print an example of the settings file, check the file, or print its path."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec.structs import replace

from emeth_tui.cli.node.settings import file_of, layers_of, options_of
from emeth_tui.cli.output.printing import example
from emeth_tui.cli.types import FILE
from emeth_tui.errors import ExitCode, SettingsError
from emeth_tui.streams import narrate


@click.group()
def config() -> None:
    """Show, check or find the settings file."""


@config.command("example", epilog=example("emeth-tui config example > ~/.config/emeth-tui/config.toml"))
def config_example() -> ExitCode:
    """Print a settings file with every key, commented."""
    from emeth_tui.settings import example_toml

    print(example_toml(), end="")
    return ExitCode.OK


@config.command("check", epilog=example("emeth-tui config check"))
@click.option("--config", "path", type=FILE, help="File to check [default: the one that a node would read].")
@click.pass_context
def config_check(context: click.Context, path: Path | None) -> ExitCode:
    """Check the settings file and the network that it chooses."""
    from emeth_tui.notices.reasons.settings import InFile
    from emeth_tui.notices.reasons.start import NoVerificationKey
    from emeth_tui.settings import VERIFICATION_KEY_VARIABLE, load_network
    from emeth_tui.tui.drawing.themes import load_themes, pick
    from emeth_tui.tui.keymap import check_keys
    from emeth_tui.words.sentences import text_of
    from emeth_tui.words.translation import _, speak_by_default

    options = options_of(context)
    if path is not None:
        options = replace(options, config=path)
    layers = layers_of(options)
    settings = layers.load()
    speak_by_default(settings.screen.language)
    check_keys(settings)
    themes = load_themes(settings.source.parent / "themes")
    try:
        pick(themes, settings.screen.theme)
    except SettingsError as error:
        raise SettingsError(InFile(layers.source_of("screen.theme"), error.reason)) from None
    network = load_network(settings)
    good = _("{path}: good; network {network}, chain {chain_id}")
    print(good.format(path=file_of(options, settings), network=network.name, chain_id=network.chain_id))
    if not network.verification_key.get_secret_value():
        reason = NoVerificationKey(network.name, VERIFICATION_KEY_VARIABLE)
        warning = _("warning: no node can start so: {reason}").format(reason=text_of(reason))
        narrate(f"emeth-tui: {warning}")
    return ExitCode.OK


@config.command("path", epilog=example("emeth-tui config path"))
def config_path() -> ExitCode:
    """Print the default path of the settings file."""
    from emeth_tui.settings import default_config_path

    print(default_config_path())
    return ExitCode.OK
