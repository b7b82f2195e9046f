"""Settings: one TOML file and the network profiles, overridden by environment and options, validated here.

Precedence: command-line options, then `EMETH_TUI_*` variables, then the file, then the defaults. Every path
comes from here. Every error names the key, the value and what would be valid.
"""

from emeth_tui.settings.example import example_toml
from emeth_tui.settings.loading import (
    SECRET_VARIABLES,
    START_VARIABLES,
    Layers,
    Origin,
    find_password,
    load_settings,
    settings_layers,
)
from emeth_tui.settings.networks import builtin_networks, load_network, native_symbol
from emeth_tui.settings.schema import DEVNET, VERIFICATION_KEY_VARIABLE, Settings, default_config_path
from emeth_tui.settings.sections import PASSWORD_VARIABLE, ClaimSettings, LimitSettings, LogSettings, Network

__all__ = [
    "DEVNET",
    "PASSWORD_VARIABLE",
    "SECRET_VARIABLES",
    "START_VARIABLES",
    "VERIFICATION_KEY_VARIABLE",
    "ClaimSettings",
    "Layers",
    "LimitSettings",
    "LogSettings",
    "Network",
    "Origin",
    "Settings",
    "builtin_networks",
    "default_config_path",
    "example_toml",
    "find_password",
    "load_network",
    "load_settings",
    "native_symbol",
    "settings_layers",
]
