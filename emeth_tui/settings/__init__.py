"""Settings: one TOML file and the network profiles, overridden by environment and options, validated here.

Precedence: command-line options, then `EMETH_TUI_*` variables, then the file, then the defaults. Every path
comes from here. Every error names the key, the value and what would be valid.

What is named here is loaded when it is first asked for: the models of pydantic take longer to make than the
screen takes to come up.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emeth_tui.settings.basics import (
        DEVNET,
        PASSWORD_VARIABLE,
        SECRET_VARIABLES,
        START_VARIABLES,
        VERIFICATION_KEY_VARIABLE,
        Origin,
        default_config_path,
    )
    from emeth_tui.settings.example import example_toml
    from emeth_tui.settings.loading import Layers, find_password, load_settings, settings_layers
    from emeth_tui.settings.networks import builtin_networks, load_network, native_symbol
    from emeth_tui.settings.schema import Settings
    from emeth_tui.settings.sections import ClaimSettings, LimitSettings, LogSettings, Network

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

_PLACES = {
    "example": ("example_toml",),
    "loading": ("Layers", "find_password", "load_settings", "settings_layers"),
    "basics": (
        "DEVNET",
        "PASSWORD_VARIABLE",
        "SECRET_VARIABLES",
        "START_VARIABLES",
        "VERIFICATION_KEY_VARIABLE",
        "Origin",
        "default_config_path",
    ),
    "networks": ("builtin_networks", "load_network", "native_symbol"),
    "schema": ("Settings",),
    "sections": ("ClaimSettings", "LimitSettings", "LogSettings", "Network"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load what is asked for (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
