"""`emeth-tui settings`: those in effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.completing import SETTING_KEY
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.node.settings import layers_of
from emeth_tui.cli.output.listing import listing
from emeth_tui.cli.output.printing import JSON, Output, example
from emeth_tui.cli.output.result import Result, result_of
from emeth_tui.cli.output.table import Column
from emeth_tui.errors import ExitCode, NotRunning, SettingsError
from emeth_tui.streams import narrate
from emeth_tui.words.formats import origin_name
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.settings_editor import Setting, SettingChange, SettingsView


@click.group(epilog=example("emeth-tui settings get claims.min_fee_emt"))
def settings() -> None:
    """Show the settings in effect, change one, or read the settings file again."""


@settings.command(
    "get", epilog=example("emeth-tui settings get claims.min_fee_emt", "emeth-tui settings get --json")
)
@click.argument("keys", metavar="[KEY]...", nargs=-1, type=SETTING_KEY)
@listing
def settings_get(place: Place, output: Output, keys: tuple[str, ...]) -> ExitCode:
    """Show settings in effect: the running node's, else those that a node would start with.

    KEY is a dotted name such as claims.min_fee_emt; a section's name shows all of it. In a pipe, one whole
    KEY prints its value alone.
    """
    from emeth_tui.listings import making
    from emeth_tui.listings.records import SettingRecord

    view = _in_effect(place)
    chosen = _chosen(view.settings, keys)
    alone = len(keys) == 1 and chosen[0].key == keys[0] and len(chosen) == 1
    if alone and output.for_people and output.style.width is None:
        print(chosen[0].value)
    else:
        output.table(SettingRecord, chosen, making.setting, _columns)
    return ExitCode.OK


@settings.command("set", epilog=example("emeth-tui settings set claims.min_fee_emt 12.5"))
@click.argument("key", metavar="KEY", type=SETTING_KEY)
@click.argument("value", metavar="VALUE")
@JSON
@click.pass_context
def settings_set(context: click.Context, key: str, value: str, as_json: bool) -> ExitCode:
    """Change a setting of the running node and in its settings file; an empty VALUE restores the default.

    VALUE is as an environment variable holds it: lists with commas. What cannot change while the node runs is
    refused. Without a running node any setting is changed in the file alone, which is checked as at a start.
    """
    place = place_of(context)
    with result_of("settings set", Output(as_json, ascii_only=place.settings.screen.ascii)) as result:
        _check(place, key, value.strip())
        try:
            changes = run(_change(place, result, key, value))
        except NotRunning as error:
            narrate(f"emeth-tui: {text_of(error.reason)}")
            changes = _change_file(place, key, value)
        _report(result, changes)
    return ExitCode.OK


@settings.command("reload", epilog=example("emeth-tui settings reload"))
@JSON
@click.pass_context
def settings_reload(context: click.Context, as_json: bool) -> ExitCode:
    """Have the running node read its settings file again; print what has changed."""
    place = place_of(context)
    with result_of("settings reload", Output(as_json, ascii_only=place.settings.screen.ascii)) as result:
        _report(result, run(_reload(place, result)))
    return ExitCode.OK


def _check(place: Place, key: str, value: str) -> None:
    """Raise SettingsError for a setting, network or theme that there is not, whether a node runs or not."""
    from emeth_tui.settings.problems import no_such_setting
    from emeth_tui.settings.schema import fields_by_key

    if key not in fields_by_key():
        raise SettingsError(no_such_setting(key, list(fields_by_key())))
    if key == "network" and value:
        from emeth_tui.settings.networks import require_known

        require_known(value, place.settings)
    if key == "screen.theme" and value:
        from emeth_tui.tui.drawing.themes import load_themes, pick

        pick(load_themes(place.settings.source.parent / "themes"), value)


async def _change(place: Place, result: Result, key: str, value: str) -> Sequence[SettingChange]:
    async with place.node() as node:
        result.pid = node.hello.pid
        changes: Sequence[SettingChange] = await node.connection.do("change_setting", key=key, text=value)
        return changes


async def _reload(place: Place, result: Result) -> Sequence[SettingChange]:
    async with place.node() as node:
        result.pid = node.hello.pid
        changes: Sequence[SettingChange] = await node.connection.do("reload_settings")
        return changes


def _change_file(place: Place, key: str, value: str) -> Sequence[SettingChange]:
    from emeth_tui.engine.settings_editor import change_file

    return change_file(layers_of(place.options), key, value)


def _report(result: Result, changes: Sequence[SettingChange]) -> None:
    if not changes:
        narrate(_("nothing has changed"))
    for change in changes:
        if change.in_effect:
            text = _("{key}: {before} → {after}")
        elif result.pid is None:
            text = _("{key}: {before} → {after} from the next start")
        else:
            text = _("{key}: {before} → {after} after a restart")
        result.say(text.format(key=change.key, before=change.before or "–", after=change.after or "–"))
    result.note_changes(changes)


def _in_effect(place: Place) -> SettingsView:
    try:
        return run(_of_node(place))
    except NotRunning:
        return _of_file(place)


async def _of_node(place: Place) -> SettingsView:
    async with place.node() as node:
        view: SettingsView = await node.connection.ask("settings")
        return view


def _of_file(place: Place) -> SettingsView:
    from emeth_tui.engine.settings_editor import settings_view

    layers = layers_of(place.options)
    return settings_view(layers, layers.load(), place.network())


def _chosen(known: Sequence[Setting], keys: Sequence[str]) -> list[Setting]:
    """Return the settings that were asked for, all without a key. Raise SettingsError."""
    if not keys:
        return list(known)
    from emeth_tui.settings.problems import no_such_setting

    chosen: list[Setting] = []
    for key in keys:
        found = [one for one in known if one.key == key or one.key.startswith(f"{key}.")]
        if not found:
            raise SettingsError(no_such_setting(key, [one.key for one in known]))
        chosen += [one for one in found if one not in chosen]
    return chosen


def _origin(setting: Setting) -> str:
    return origin_name(setting.origin.value)


def _columns() -> list[Column[Setting]]:
    def value(setting: Setting) -> str:
        if setting.pending is None:
            return setting.value or (f"({setting.in_place})" if setting.in_place else "")
        return _("{value}, after a restart {pending}").format(value=setting.value, pending=setting.pending)

    return [
        Column(_("setting"), lambda setting: setting.key, lambda _setting: "accent"),
        Column(_("value"), value, flexible=True),
        Column(_("from"), _origin, lambda _setting: "muted", rank=2),
        Column(
            _("meaning"), lambda setting: _(setting.meaning), lambda _setting: "muted", rank=1, flexible=True
        ),
    ]
