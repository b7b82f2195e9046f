"""What of the settings needs none of their models: names, origins, paths, the refusal of a value.

The screen comes up with these, before the settings are loaded (first_look.py).
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import platformdirs

from emeth_tui.errors import SettingsError
from emeth_tui.notices.notice import Reason
from emeth_tui.settings.credentials import BUS_VARIABLE, CREDENTIALS_VARIABLE, WEBHOOK_SECRET_VARIABLE

APP_NAME = "emeth-tui"
DEVNET = "devnet"
DEFAULT_THEME = "dark"
NETWORK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|\{[^}]*\})")
ENVIRONMENT_PREFIX = "EMETH_TUI_"
PASSWORD_VARIABLE = "EMETH_TUI_PASSWORD"  # noqa: S105 - the variable's name, not a password
VERIFICATION_KEY_VARIABLE = "EMETH_TUI_VERIFICATION_KEY"
SECRET_VARIABLES = frozenset({PASSWORD_VARIABLE, VERIFICATION_KEY_VARIABLE, WEBHOOK_SECRET_VARIABLE})
# What a start takes out of its environment before anything else; no child sees it.
START_VARIABLES = SECRET_VARIABLES | {CREDENTIALS_VARIABLE, BUS_VARIABLE}
SECRETS_OF_NETWORK = frozenset({PASSWORD_VARIABLE, VERIFICATION_KEY_VARIABLE, CREDENTIALS_VARIABLE})


class Origin(Enum):
    """Where a setting's value comes from, in rising precedence."""

    DEFAULT = "default"
    FILE = "file"
    RUN = "this run"  # changed while the node runs, without a file to write it to
    ENVIRONMENT = "environment"
    OPTION = "command line"


class InvalidSetting(ValueError):
    """A validator of ours refuses a value, for a reason. With `secret`, the value is not shown."""

    def __init__(self, reason: Reason, *, secret: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.secret = secret


def default_config_path() -> Path:
    """Return the path of the settings file without `--config`."""
    return platformdirs.user_config_path(APP_NAME) / "config.toml"


def default_state_base() -> Path:
    """Return the directory of every network's state where the settings name none."""
    return platformdirs.user_state_path(APP_NAME)


def user_path(value: Path) -> Path:
    """Return a path with its `~` expanded. Raise InvalidSetting for `$VARIABLES`, which are not expanded."""
    if variable := _VARIABLE.search(str(value)):
        from emeth_tui.notices.reasons.settings import VariableInPath

        raise InvalidSetting(VariableInPath(variable[0]))
    try:
        return value.expanduser()
    except RuntimeError:  # `~name` of a user that there is not
        from emeth_tui.notices.reasons.settings import NoHomeDirectory

        raise InvalidSetting(NoHomeDirectory()) from None


def typed_path(text: str) -> Path:
    """Return the path that somebody typed. Raise SettingsError for one that no setting could have."""
    try:
        return user_path(Path(text.strip()))
    except InvalidSetting as error:
        raise SettingsError(error.reason) from None
