"""`emeth-tui themes`, `keys`, `version` and `completion`: about the program itself."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass

import click

from emeth_tui import __version__
from emeth_tui.cli.node.place import Place
from emeth_tui.cli.output.listing import listing
from emeth_tui.cli.output.printing import JSON, Output, example, print_json
from emeth_tui.cli.output.table import Column
from emeth_tui.errors import ExitCode
from emeth_tui.words.translation import _


@click.command(epilog=example("emeth-tui version --json", "emeth-tui version --check-update"))
@click.option("--check-update", is_flag=True, help="Ask PyPI for the newest release; nothing else ever asks.")
@JSON
def version(as_json: bool, check_update: bool) -> ExitCode:
    """Print the program's version; --json adds that of the schema of all JSON, and Python's.

    With --check-update it exits with 28 where there is a newer release, and with 9 where that is not known.
    """
    newest = _newest_release() if check_update else None
    if as_json:
        from emeth_tui.listings.documents import SCHEMA
        from emeth_tui.listings.records import VersionRecord

        print_json(asdict(VersionRecord(__version__, SCHEMA, platform.python_version(), newest)))
    else:
        print(f"emeth-tui {__version__}")
    return ExitCode.OK if newest is None else _compared(newest, say=not as_json)


def _newest_release() -> str:
    import asyncio

    from emeth_tui.clients.updates import newest_version

    return asyncio.run(newest_version())


def _compared(newest: str, *, say: bool) -> ExitCode:
    from emeth_tui.clients.updates import is_newer

    is_old = is_newer(newest, __version__)
    if say and is_old:
        print(_("{version} is there: upgrade as you installed emeth-tui").format(version=newest))
    elif say:
        print(_("that is the newest release"))
    return ExitCode.UPDATE_AVAILABLE if is_old else ExitCode.OK


@click.command(epilog=example('eval "$(emeth-tui completion bash)"', "emeth-tui completion fish | source"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> ExitCode:
    """Print what makes a shell complete commands, options, ids of jobs and keys of settings.

    \b
    To have it in every shell:
      bash  eval "$(emeth-tui completion bash)"  in ~/.bashrc
      zsh   eval "$(emeth-tui completion zsh)"   in ~/.zshrc, after compinit
      fish  emeth-tui completion fish > ~/.config/fish/completions/emeth-tui.fish
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101 - click knows all three
    print(complete(context.find_root().command, {}, "emeth-tui", COMPLETION_VARIABLE).source())
    return ExitCode.OK


COMPLETION_VARIABLE = "_EMETH_TUI_COMPLETE"  # as click derives it from the program's name


@dataclass(frozen=True, slots=True)
class _ShownTheme:
    name: str
    title: str
    own: bool
    chosen: bool


@click.command(epilog=example("emeth-tui themes"))
@listing
def themes(place: Place, output: Output) -> ExitCode:
    """List the themes of the screen: those that ship, and those beside the settings file."""
    from emeth_tui.listings.records import ThemeRecord
    from emeth_tui.tui.drawing.themes import load_themes

    directory = place.settings.source.parent / "themes"
    shown = [
        _ShownTheme(
            name, theme.title, (directory / f"{name}.toml").is_file(), name == place.settings.screen.theme
        )
        for name, theme in load_themes(directory).items()
    ]
    output.table(ThemeRecord, shown, lambda theme: ThemeRecord(**asdict(theme)), _theme_columns)
    return ExitCode.OK


def _theme_columns() -> list[Column[_ShownTheme]]:
    def whose(theme: _ShownTheme) -> str:
        return _("your own") if theme.own else ""

    return [
        Column(_("theme"), lambda theme: theme.name, lambda _theme: "accent"),
        Column(_("title"), lambda theme: _(theme.title)),
        Column(_("chosen"), lambda theme: _("yes") if theme.chosen else ""),
        Column("", whose),
    ]


@dataclass(frozen=True, slots=True)
class _ShownKeys:
    action: str
    keys: tuple[str, ...]
    shown: str
    where: str
    meaning: str


@click.command(epilog=example("emeth-tui keys"))
@listing
def keys(place: Place, output: Output) -> ExitCode:
    """List the keys of the screen, as the settings have them, and the names for [keys]."""
    from emeth_tui.listings.records import KeyRecord
    from emeth_tui.tui.actions import ACTIONS
    from emeth_tui.tui.keymap import Keymap

    keymap = Keymap(place.settings.keys)
    shown = [
        _ShownKeys(
            action.id, tuple(keymap.keys_of(action)), keymap.all_shown([action]), action.title, action.help
        )
        for action in ACTIONS
    ]
    output.table(
        KeyRecord,
        shown,
        lambda row: KeyRecord(row.action, list(row.keys), row.where, row.meaning),
        _key_columns,
    )
    return ExitCode.OK


def _key_columns() -> list[Column[_ShownKeys]]:
    return [
        Column(_("key"), lambda row: row.shown, lambda _row: "title"),
        Column(_("meaning"), lambda row: _(row.meaning), flexible=True),
        Column(_("where"), lambda row: _(row.where), lambda _row: "muted", rank=1),
        Column(_("name in [keys]"), lambda row: row.action, lambda _row: "accent"),
    ]
