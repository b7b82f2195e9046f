"""Loading settings: options override the environment, which overrides the file, which overrides defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emeth_tui.errors import SettingsError
from emeth_tui.files import may_exist
from emeth_tui.nearest import nearest_of
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons import settings as why
from emeth_tui.settings.basics import (
    ENVIRONMENT_PREFIX,
    PASSWORD_VARIABLE,
    SECRET_VARIABLES,
    Origin,
    default_config_path,
)
from emeth_tui.settings.credentials import PASSWORD, credential_path
from emeth_tui.settings.problems import explain, hint_at
from emeth_tui.settings.schema import Settings, fields_by_key
from emeth_tui.settings.sections import WalletSettings
from emeth_tui.settings.toml_text import parse_toml, read_text


@dataclass(frozen=True, slots=True)
class Layers:
    """What settings come from: a file, and what overrides it by dotted key: environment, then options."""

    path: Path
    must_exist: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(
        default_factory=dict, repr=False
    )  # networks with their keys among them

    def load(self) -> Settings:
        """Read the file and apply the overrides. Raise SettingsError."""
        return self.combine(self.read())

    def read(self) -> str:
        """Return the file's text, "" where it may be absent and is. Raise SettingsError."""
        if not self.must_exist and not may_exist(self.path):
            return ""
        return read_text(self.path)

    def combine(self, text: str) -> Settings:
        """Return the settings as they would be if the file held `text`. Raise SettingsError."""
        tables = parse_toml(text, str(self.path))
        _apply(tables, self.environment, "environment")
        _apply(tables, self.options, "option")
        try:
            settings = Settings.model_validate(tables)
        except ValidationError as error:
            raise SettingsError(explain(self.source_of, error, Settings, tables)) from None
        return settings.with_source(self.path)

    def source_of(self, key: str) -> str | Reason:
        """Return what people call the place that a key's value comes from."""
        if key in self.options:
            return why.CommandLine()
        return variable_of(key) if key in self.environment else str(self.path)

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


def find_password(environment: Mapping[str, str], wallet: WalletSettings) -> str | None:
    """Return the keystore's password from the environment, its file or systemd's credential; None without.

    Raise SettingsError for an unreadable file.
    """
    from_environment = environment.get(PASSWORD_VARIABLE)
    if from_environment is not None:
        return from_environment
    path = wallet.password_file or credential_path(environment, PASSWORD)
    if path is None:
        return None
    try:
        return path.read_text("utf-8-sig").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise SettingsError(why.PasswordFileUnreadable(path)) from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Map `EMETH_TUI_CLAIMS__MIN_FEE_EMT=12` to `{"claims.min_fee_emt": "12"}`. Raise SettingsError."""
    keys = {variable_of(key): key for key in fields_by_key()}
    ours = {name: value for name, value in environment.items() if name.startswith(ENVIRONMENT_PREFIX)}
    for name in ours.keys() - keys.keys() - SECRET_VARIABLES:
        nearest = nearest_of(name, sorted({*keys, *SECRET_VARIABLES}))
        raise SettingsError(why.NoSuchVariable(name, hint_at(nearest)))
    return {keys[name]: value for name, value in ours.items() if name in keys}


def variable_of(key: str) -> str:
    """Return the environment variable that overrides a setting."""
    return ENVIRONMENT_PREFIX + key.upper().replace(".", "__")


def _apply(tables: dict[str, Any], changes: Mapping[str, Any], origin: str) -> None:
    for dotted, value in changes.items():
        section, _, key = dotted.rpartition(".")
        table = tables.setdefault(section, {}) if section else tables
        if not isinstance(table, dict):
            raise SettingsError(why.TableExpected(section, dotted))
        table[key] = value
