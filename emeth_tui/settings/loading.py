"""Loading settings: options override the environment, which overrides the file, which overrides defaults."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emeth_tui.errors import SettingsError
from emeth_tui.notices.reasons import settings as why
from emeth_tui.notices.reasons.files import NotUtf8, Unreadable
from emeth_tui.settings.problems import explain
from emeth_tui.settings.schema import (
    PASSWORD_VARIABLE,
    Settings,
    WalletSettings,
    default_config_path,
    fields_by_key,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENVIRONMENT_PREFIX = "EMETH_TUI_"


class Origin(Enum):
    """Where a setting's value comes from, in rising precedence."""

    DEFAULT = "default"
    FILE = "file"
    RUN = "this run"  # changed while the node runs, without a file to write it to
    ENVIRONMENT = "environment"
    OPTION = "command line"


@dataclass(frozen=True, slots=True)
class Layers:
    """What settings come from: a file, and what overrides it by dotted key: environment, then options."""

    path: Path
    must_exist: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Settings:
        """Read the file and apply the overrides. Raise SettingsError."""
        return self.combine(self.read())

    def read(self) -> str:
        """Return the file's text, "" where it may be absent and is. Raise SettingsError."""
        if not self.must_exist and not self.path.exists():
            return ""
        return read_text(self.path)

    def combine(self, text: str) -> Settings:
        """Return the settings as they would be if the file held `text`. Raise SettingsError."""
        tables = parse_toml(text, str(self.path))
        _apply(tables, self.environment, "environment")
        _apply(tables, self.options, "option")
        if "source" in tables:
            raise SettingsError(why.InFile(str(self.path), why.NoSuchKey("source")))
        try:
            return Settings.model_validate({**tables, "source": self.path})
        except ValidationError as error:
            raise SettingsError(explain(str(self.path), error, tables)) from None

    def origins(self, text: str) -> dict[str, Origin]:
        """Return where each setting comes from if the file holds `text`. Raise SettingsError."""
        tables = parse_toml(text, str(self.path))
        return {key: self._origin(key, tables) for key in fields_by_key()}

    def _origin(self, key: str, table: object) -> Origin:
        if key in self.options:
            return Origin.OPTION
        if key in self.environment:
            return Origin.ENVIRONMENT
        for part in key.split("."):
            if not isinstance(table, dict) or part not in table:
                return Origin.DEFAULT
            table = table[part]
        return Origin.FILE


def settings_layers(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Layers:
    """Return what `load_settings` would load from."""
    return Layers(
        path or default_config_path(),
        must_exist=path is not None,
        environment=_from_environment(os.environ if environment is None else environment),
        options={key: value for key, value in (overrides or {}).items() if value is not None},
    )


def load_settings(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings file, then apply environment and options (`{"claims.min_fee_emt": 12}`).

    A file named by `path` must exist; the default one may be absent. Raise SettingsError.
    """
    return settings_layers(path, environment=environment, overrides=overrides).load()


def pop_password(environment: dict[str, str] | os._Environ[str], wallet: WalletSettings) -> str | None:
    """Return the keystore's password from the environment, else from its file; None where there is neither.

    The variable is removed, so that no child inherits it. Raise SettingsError for an unreadable file.
    """
    from_environment = environment.pop(PASSWORD_VARIABLE, None)
    if from_environment is not None:
        return from_environment
    if wallet.password_file is None:
        return None
    try:
        return wallet.password_file.read_text("utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise SettingsError(why.PasswordFileUnreadable(wallet.password_file)) from error


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse a settings file's text. Raise SettingsError naming `source`."""
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(why.InFile(source, why.NotToml(str(error)))) from None
    return tables


def read_text(path: Path) -> str:
    """Read a settings file's text. Raise SettingsError."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise SettingsError(why.NoSettingsFile(path)) from None
    except OSError as error:
        raise SettingsError(Unreadable(path, error.strerror or "")) from error
    except UnicodeDecodeError:
        raise SettingsError(NotUtf8(path)) from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Map `EMETH_TUI_CLAIMS__MIN_FEE_EMT=12` to `{"claims.min_fee_emt": "12"}`, for keys that exist."""
    keys = {key.upper().replace(".", "__"): key for key in fields_by_key()}
    return {
        keys[name.removeprefix(ENVIRONMENT_PREFIX)]: value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name.removeprefix(ENVIRONMENT_PREFIX) in keys
    }


def _apply(tables: dict[str, Any], changes: Mapping[str, Any], origin: str) -> None:
    for dotted, value in changes.items():
        section, _, key = dotted.rpartition(".")
        table = tables.setdefault(section, {}) if section else tables
        if not isinstance(table, dict):
            raise SettingsError(why.TableExpected(section, dotted))
        table[key] = value
