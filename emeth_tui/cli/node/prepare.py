"""What a node is opened with: its settings, its network, the way to its wallet; and its log, begun."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emeth_tui.cli.wallet import wallet_opener
from emeth_tui.errors import SettingsError
from emeth_tui.foreign_text import system_text
from emeth_tui.logs import start_log_file
from emeth_tui.running.node import Prepared
from emeth_tui.settings import find_password, load_network, settings_layers
from emeth_tui.settings.alert_secrets import load_alert_secrets

if TYPE_CHECKING:
    from pathlib import Path

    from emeth_tui.settings import Settings


def prepare(
    config: Path | None,
    overrides: Mapping[str, Any],
    secrets: Mapping[str, str],
    password: str | None = None,
    *,
    may_ask: bool = True,
) -> Prepared:
    """Load the settings and what follows from them, and begin the log. Raise EmethError.

    Without a password in `secrets` and the settings, `password` counts. None is asked for on the terminal if
    that `may_ask`: under a screen the keys are the screen's.
    """
    layers = settings_layers(config, overrides=overrides)
    settings = layers.load()
    check_keys_of(settings)
    network = load_network(settings, environment=secrets)
    found = find_password(secrets, settings.wallet) or password
    open_wallet = wallet_opener(settings, found, may_ask=may_ask)
    _start_logging(settings)
    return Prepared(layers, settings, network, open_wallet, load_alert_secrets(settings, secrets))


def check_keys_of(settings: Settings) -> None:
    """Raise SettingsError for keys that clash, or for what there is not."""
    if settings.keys:  # else nothing of the screen is loaded
        from emeth_tui.tui.keymap import check_keys

        check_keys(settings)


def _start_logging(settings: Settings) -> None:
    try:
        start_log_file(settings.state_dir / "logs", settings.log)
    except OSError as error:
        from emeth_tui.notices.reasons.files import Unwritable

        raise SettingsError(Unwritable(settings.state_dir, system_text(error))) from error
