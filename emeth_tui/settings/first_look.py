"""What a screen needs to come up, from the settings file alone: before settings are loaded and checked.

Only plain values are taken. Wherever anything else stands, or overrides the file, there is no first look: the
settings are loaded first then, and that reports what is wrong with them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from emeth_tui.settings.basics import (
    CONTROL_CHARACTER,
    DEFAULT_THEME,
    DEVNET,
    ENVIRONMENT_PREFIX,
    NETWORK_NAME,
    PASSWORD_VARIABLE,
    default_config_path,
    default_state_base,
    user_path,
)
from emeth_tui.settings.credentials import PASSWORD, credential_path
from emeth_tui.words.translation import LANGUAGES

if TYPE_CHECKING:
    from emeth_tui.settings.schema import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class FirstLook(Struct, frozen=True):
    """The settings that show on a screen from its first paint on, and where the node's state is."""

    source: Path
    state_dir: Path
    theme: str
    language: str
    ascii_only: bool
    keys: Mapping[str, Sequence[str]]


class _State(msgspec.Struct):
    directory: str | None = None


class _Wallet(msgspec.Struct):
    password_file: str | None = None


class _Screen(msgspec.Struct):
    theme: str = DEFAULT_THEME
    language: str = ""
    ascii: bool = False


class _Tables(msgspec.Struct):
    network: str = DEVNET
    state: _State = msgspec.field(default_factory=_State)
    wallet: _Wallet = msgspec.field(default_factory=_Wallet)
    screen: _Screen = msgspec.field(default_factory=_Screen)
    keys: dict[str, str | tuple[str, ...]] = msgspec.field(default_factory=dict)


def first_look(
    path: Path | None,
    options: Mapping[str, Any],
    secrets: Mapping[str, str],
    environment: Mapping[str, str] = os.environ,
) -> FirstLook | None:
    """Return what the settings file and `options`, by dotted key, say of the screen.

    None where there is no file yet, a variable overrides it, a value is not of the plainest kind, or neither
    the file nor `secrets` lead to the keystore's password, which is asked for before a screen.
    """
    if any(name.startswith(ENVIRONMENT_PREFIX) for name in environment):
        return None
    source = path or default_config_path()
    try:
        tables = msgspec.convert(tomllib.loads(source.read_text("utf-8-sig")), _Tables)
        state_base = _state_base(options.get("state.directory"), tables.state)
    except (OSError, ValueError, RecursionError):  # msgspec's and tomllib's are ValueErrors
        return None
    look = FirstLook(
        source,
        state_base / (network := options.get("network") or tables.network),
        options.get("screen.theme") or tables.screen.theme,
        options.get("screen.language") or tables.screen.language,
        options.get("screen.ascii") or tables.screen.ascii,
        {name: (keys,) if isinstance(keys, str) else keys for name, keys in tables.keys.items()},
    )
    plain = NETWORK_NAME.fullmatch(network) and look.language in {"", *LANGUAGES} and all(look.keys.values())
    return look if plain and _password_is_known(tables.wallet, secrets) else None


def look_of(settings: Settings) -> FirstLook:
    """Return the same of settings that are loaded."""
    screen = settings.screen
    return FirstLook(
        settings.source, settings.state_dir, screen.theme, screen.language, screen.ascii, settings.keys
    )


def _state_base(option: Path | None, state: _State) -> Path:
    """Return the directory of every network's state. Raise ValueError for one that is not a path."""
    if option is not None or state.directory is None:
        return option or default_state_base()
    if not state.directory or CONTROL_CHARACTER.search(state.directory):
        raise ValueError("not a path")
    return user_path(Path(state.directory))


def _password_is_known(wallet: _Wallet, secrets: Mapping[str, str]) -> bool:
    """Whether `find_password` finds one. An empty variable counts before a file, and is asked for.

    The file is not looked into: it may be a pipe, which can be read once.
    """
    if (from_environment := secrets.get(PASSWORD_VARIABLE)) is not None:
        return bool(from_environment)
    return wallet.password_file is not None or credential_path(secrets, PASSWORD) is not None
