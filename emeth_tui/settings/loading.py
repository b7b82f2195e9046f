"""Reading settings: options over environment over file over defaults, and one line for what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emeth_tui.errors import SettingsError
from emeth_tui.settings.problems import explain
from emeth_tui.settings.schema import (
    PASSWORD_VARIABLE,
    Section,
    Settings,
    WalletSettings,
    default_config_path,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENVIRONMENT_PREFIX = "EMETH_TUI_"


def load_settings(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings file, then lay environment and options (`{"claims.min_fee_emt": 12}`) over it.

    A file named by `path` must exist; the default one may be absent. Raises SettingsError.
    """
    source = path or default_config_path()
    tables = _read_toml(source) if path or source.exists() else {}
    _lay_over(tables, _from_environment(os.environ if environment is None else environment), "environment")
    _lay_over(tables, {key: value for key, value in (overrides or {}).items() if value is not None}, "option")
    if "source" in tables:
        raise SettingsError(f"{source}: source: there is no such key")
    try:
        return Settings.model_validate({**tables, "source": source})
    except ValidationError as error:
        raise SettingsError(explain(str(source), error, tables)) from None


def take_password(environment: dict[str, str] | os._Environ[str], wallet: WalletSettings) -> str | None:
    """Take the keystore's password from the environment, else from its file; None where there is neither.

    The variable is removed, so that no child inherits it. Raises SettingsError for an unreadable file.
    """
    from_environment = environment.pop(PASSWORD_VARIABLE, None)
    if from_environment is not None:
        return from_environment
    if wallet.password_file is None:
        return None
    try:
        return wallet.password_file.read_text("utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise SettingsError(f"wallet.password_file = {wallet.password_file}: cannot be read") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return tables
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such file; `emeth-tui config example` prints one to start from"
        ) from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Map `EMETH_TUI_CLAIMS__MIN_FEE_EMT=12` to `{"claims.min_fee_emt": "12"}`, for keys that exist."""
    keys = {key.upper().replace(".", "__"): key for key in _dotted_keys()}
    return {
        keys[name.removeprefix(ENVIRONMENT_PREFIX)]: value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name.removeprefix(ENVIRONMENT_PREFIX) in keys
    }


def _dotted_keys() -> list[str]:
    keys = ["network"]
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            keys += [f"{name}.{key}" for key in field.annotation.model_fields]
    return keys


def _lay_over(tables: dict[str, Any], changes: Mapping[str, Any], origin: str) -> None:
    for dotted, value in changes.items():
        section, _, key = dotted.rpartition(".")
        table = tables.setdefault(section, {}) if section else tables
        if not isinstance(table, dict):
            raise SettingsError(
                f"{section}: is a value in the file; {origin} {dotted} needs it to be a table"
            )
        table[key] = value
