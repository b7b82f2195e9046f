"""Settings while the node runs: read them, change them, reload the file.

`context.settings` holds what is in effect and is read whenever a value is needed. A change has to
pass the same models as the file does at the start. What is in CHANGEABLE_AT_RUN_TIME then takes effect at
once; what needs a restart is reported as pending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from pydantic import SecretStr

from emeth_tui.clients.threads import run_to_end
from emeth_tui.errors import SettingsError
from emeth_tui.files import may_exist
from emeth_tui.foreign_text import without_secrets
from emeth_tui.model import Asker, Language
from emeth_tui.notices.events.node import SettingChanged, SettingsUnchanged, SettingWaits
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.settings import CommandLine, Environment, NeedsRestart, SetByThisRun
from emeth_tui.settings import Layers, Network, Origin, Settings
from emeth_tui.settings.problems import no_such_setting
from emeth_tui.settings.schema import CHANGEABLE_AT_RUN_TIME, fields_by_key, value_of, with_values

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from emeth_tui.engine.context import Context  # web3 behind it takes a second to load
    from emeth_tui.engine.events import EventLog


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting in effect, as text; "" where the default is absence.

    `pending` is the file's value after a change that needs a restart, None where nothing is pending.
    `in_place` is what the network or the platform says, and applies while there is no value.
    """

    key: str
    value: str
    origin: Origin
    meaning: str
    at_run_time: bool
    choices: tuple[str, ...] = ()
    pending: str | None = None
    in_place: str = ""


@dataclass(frozen=True, slots=True)
class SettingsView:
    """All settings and the file that they come from; `error` says why it cannot be read now."""

    path: Path
    exists: bool
    settings: tuple[Setting, ...]
    error: Reason | None = None
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the user's, by action id


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting that a change of the file has changed; `in_effect` is False when it needs a restart."""

    key: str
    before: str
    after: str
    in_effect: bool


class SettingsEditor:
    """Keeps the settings of a running node. An invalid value changes nothing."""

    def __init__(self, context: Context, layers: Layers) -> None:
        self._context = context
        self._layers = layers
        self._unsaved = ""  # changes made in a run without a settings file; lost when it ends
        self._read = context.settings  # what the file said when it was last read
        self._turn = asyncio.Lock()  # a change is made of the file that the one before has written
        self._expect_file()

    def view(self) -> SettingsView:
        """Return every setting in effect."""
        error: Reason | None = None
        text = ""
        try:
            text = self._text()
            self._layers.combine(text)
        except SettingsError as problem:
            error, text = problem.reason, ""
        view = settings_view(self._layers, self._context.settings, self._context.network, text=text)
        settings = tuple(self._as_run(setting) for setting in view.settings)
        return replace(view, settings=settings, error=error)

    async def change(self, key: str, text: str, by: Asker) -> Sequence[SettingChange]:
        """Change a setting and write the file; "" restores the default. Raise SettingsError."""
        if key not in fields_by_key():
            raise SettingsError(no_such_setting(key, list(fields_by_key())))
        if key not in CHANGEABLE_AT_RUN_TIME:
            raise SettingsError(NeedsRestart(key, self._layers.path))
        async with self._turn:
            edited = _edited(self._layers, self._text(), key, text)
            settings = self._layers.combine(edited)
            if may_exist(self._layers.path):
                await run_to_end(_write, self._layers.path, edited)
            else:
                self._unsaved = edited
            return self._apply(settings, by)

    async def reload(self, by: Asker) -> Sequence[SettingChange]:
        """Reload the file and return what has changed. Raise SettingsError."""
        async with self._turn:
            settings = self._layers.load()
            self._unsaved = ""
            changes = self._apply(settings, by)
        if not changes:
            self._context.events.publish(SettingsUnchanged(by))
        return changes

    def _expect_file(self) -> None:
        """Once there is a file, take its absence for an error: the limits in it must not fall away."""
        if may_exist(self._layers.path):
            self._layers = replace(self._layers, must_exist=True)

    def _text(self) -> str:
        return self._layers.read() or self._unsaved

    def _apply(self, settings: Settings, by: Asker) -> list[SettingChange]:
        """Apply what can change while the node runs."""
        self._expect_file()
        changes = [
            replace(change, in_effect=change.key in CHANGEABLE_AT_RUN_TIME)
            for change in _changes_between(self._read, settings)
        ]
        if settings.networks != self._read.networks:
            changes.append(SettingChange("networks", "", "", in_effect=False))
        if settings.keys != self._read.keys:
            before, after = _keys_text(self._read.keys), _keys_text(settings.keys)
            changes.append(SettingChange("keys", before, after, in_effect=True))
        self._read = settings
        live = self._context.live
        values = {key: value_of(settings, key) for key in CHANGEABLE_AT_RUN_TIME}
        live.now = with_values(live.now, {**values, "keys": settings.keys})
        self._context.disk.limit_bytes = live.now.cache_limit_bytes
        for change in changes:
            _publish(self._context.events, change, by)
        return changes

    def _as_run(self, setting: Setting) -> Setting:
        """Say of a setting what only this run knows: a value that waits, one that no file holds."""
        if setting.key not in fields_by_key():
            return setting
        read = as_text(value_of(self._read, setting.key))
        unsaved = setting.origin is Origin.FILE and not may_exist(self._layers.path)
        return replace(
            setting,
            origin=Origin.RUN if unsaved else setting.origin,
            pending=read if read != setting.value else None,
        )


def change_file(layers: Layers, key: str, text: str) -> list[SettingChange]:
    """Change any setting in the file, where no node runs; "" restores the default. Raise SettingsError."""
    before = layers.read()
    edited = _edited(layers, before, key, text)
    changes = _changes_between(layers.combine(before), layers.combine(edited))
    if edited != before:
        _write(layers.path, edited)
    return changes


def _changes_between(before: Settings, after: Settings) -> list[SettingChange]:
    """Return what has changed, as in effect from the next start."""
    return [
        SettingChange(key, as_text(value_of(before, key)), as_text(value_of(after, key)), in_effect=False)
        for key in fields_by_key()
        if value_of(before, key) != value_of(after, key)
    ]


def _edited(layers: Layers, before: str, key: str, text: str) -> str:
    """Return the file's text with a setting changed. Raise SettingsError, also where the file has no say."""
    from emeth_tui.settings.writing import edit_toml

    origin = layers.origins(before)[key]
    if origin in {Origin.ENVIRONMENT, Origin.OPTION}:
        raise SettingsError(SetByThisRun(key, CommandLine() if origin is Origin.OPTION else Environment()))
    value: object = None
    if text.strip():
        typed = replace(layers, options={**layers.options, key: text.strip()})
        value = value_of(typed.combine(before), key)
    return edit_toml(before, {key: value}, str(layers.path))


def settings_view(
    layers: Layers, settings: Settings, network: Network, *, text: str | None = None
) -> SettingsView:
    """Return every setting; `text` is what the file holds, where it is not the file itself.

    Raise SettingsError when the file cannot be read.
    """
    origins = layers.origins(layers.read() if text is None else text)
    in_place = _in_place_of_absent(settings, network)
    known = [
        Setting(
            key,
            as_text(value_of(settings, key)),
            origins[key],
            field.description or "",
            key in CHANGEABLE_AT_RUN_TIME,
            _choices(field),
            in_place=in_place.get(key, ""),
        )
        for key, field in fields_by_key().items()
    ]
    known += _network_settings(settings, network)
    return SettingsView(layers.path, may_exist(layers.path), tuple(known), keys=settings.keys)


def _in_place_of_absent(settings: Settings, network: Network) -> dict[str, str]:
    """Return what applies for the settings that need no value of their own, by key."""
    return {
        "cache.directory": str(settings.cache_base),
        "state.directory": str(settings.state_base),
        "claims.safety_margin_s": as_text(network.safety_margin_s),
        "claims.poll_interval_s": as_text(network.poll_interval_s),
        "training.model_en": network.models.get(Language.EN, ""),
        "training.model_ja": network.models.get(Language.JA, ""),
    }


def _publish(events: EventLog, change: SettingChange, by: Asker) -> None:
    body = SettingChanged if change.in_effect else SettingWaits
    events.publish(body(change.key, change.before or "–", change.after or "–", by))


def as_text(value: object) -> str:
    """Return a setting's value as an environment variable would hold it; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (float, Decimal)):
        text = format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{getattr(name, 'value', name)} {item}" for name, item in value.items())
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    return str(value)


def _keys_text(keys: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{name} {' '.join(chosen)}" for name, chosen in keys.items())


def _choices(field: FieldInfo) -> tuple[str, ...]:
    if field.annotation is bool:
        return ("true", "false")
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _network_settings(settings: Settings, network: Network) -> list[Setting]:
    """Return the chosen network's facts: its profile's, or the file's where it overrides them."""
    own = settings.networks.get(network.name, {})
    return [
        Setting(
            f"networks.{network.name}.{key}",
            without_secrets(as_text(getattr(network, key))),  # providers put keys into URLs
            Origin.FILE if key in own else Origin.DEFAULT,
            field.description,
            at_run_time=False,
        )
        for key, field in Network.model_fields.items()
        if field.description
    ]


def _write(path: Path, text: str) -> None:
    from emeth_tui.settings.writing import write_settings

    write_settings(path, text)
