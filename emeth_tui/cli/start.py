"""`emeth-tui` without a command: show the node that is running on this state, or start one.

The order matters. A running node is looked for before anything is asked or written; the process forks before
it has threads; the first settings are asked for before a devnet or a node needs them. Where the settings file
says enough by itself, the screen of a new node comes up first, and its settings are loaded under it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from emeth_tui.cli.node.options import StartOptions
from emeth_tui.errors import EmethError, ExitCode, NotRunning, SettingsError
from emeth_tui.streams import narrate

if TYPE_CHECKING:
    from emeth_tui.notices.notice import Reason
    from emeth_tui.process.journal import Journal
    from emeth_tui.running.node import Prepared
    from emeth_tui.settings.first_look import FirstLook
    from emeth_tui.shell import Shell
    from emeth_tui.tui.node_front import ScreenOptions
    from emeth_tui.tui.setup.questions import Outcome


def start(options: StartOptions) -> ExitCode:
    """Show the running node until the user leaves, or run a new one until it ends.

    Raise UsageError for options that contradict each other, and EmethError when the node cannot start, or the
    terminal cannot show it.
    """
    from emeth_tui.hardening import take_out
    from emeth_tui.settings.basics import START_VARIABLES

    options.check()
    secrets = take_out(START_VARIABLES)
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if options.with_screen and on_terminal:
        from emeth_tui.tui.terminal import check_terminal

        check_terminal()
        if (look := _first_look(options, secrets)) is not None:
            return _run_under_screen(options, look, secrets)
    viewed = _view_running_node(options, with_screen=options.with_screen and on_terminal)
    if viewed is not None:
        return viewed
    if options.read_only:
        raise NotRunning(_no_node_runs(options))
    if options.with_screen and not on_terminal:
        raise click.UsageError("the screen needs a terminal; use --no-ui without one")
    return _set_up_and_run(options, secrets)


def _first_look(options: StartOptions, secrets: Mapping[str, str]) -> FirstLook | None:
    """Return what the screen of a new node comes up with; None where more has to be known or asked before."""
    if options.devnet or options.read_only:
        return None
    from emeth_tui.settings.first_look import first_look
    from emeth_tui.store.lock import lock_holder
    from emeth_tui.tui.keymap import Keymap

    look = first_look(options.config, options.overrides(), secrets)
    if look is None or lock_holder(look.state_dir) is not None:
        return None
    try:
        Keymap(look.keys)
    except SettingsError:
        return None
    return look


def _run_under_screen(options: StartOptions, look: FirstLook, secrets: Mapping[str, str]) -> ExitCode:
    """Run a node whose screen is there before its settings are loaded."""
    from emeth_tui.process.early_log import EarlyLog
    from emeth_tui.running.views import screen_options

    def prepared() -> Prepared:
        from emeth_tui.cli.node.prepare import prepare

        result = prepare(options.config, options.overrides(), secrets, may_ask=False)
        log.pass_on()
        return result

    shell = _shell_of(options)
    log = EarlyLog()
    return _run_node(options, prepared, look.state_dir, screen_options(look), shell)


def _shell_of(options: StartOptions) -> Shell | None:
    """Let this process go on in a child where a shell waits for it."""
    from emeth_tui.shell import fork_from_shell, started_by_shell

    return fork_from_shell() if options.with_screen and started_by_shell() else None


def _set_up_and_run(options: StartOptions, secrets: Mapping[str, str]) -> ExitCode:
    """Run a node, after asking for the first settings where there are none."""
    from emeth_tui.settings.basics import VERIFICATION_KEY_VARIABLE
    from emeth_tui.tui.setup.questions import Result
    from emeth_tui.words.translation import _

    shell = _shell_of(options)
    answers = _ask_first_settings(options)
    if answers is None:
        return _run(options, shell, secrets)
    has_key = answers.has_key or bool(secrets.get(VERIFICATION_KEY_VARIABLE))
    if answers.result is Result.WRITTEN and not has_key:
        print(
            _("the settings are written; once {variable} is set, `emeth-tui` starts the node").format(
                variable=VERIFICATION_KEY_VARIABLE
            )
        )
        return ExitCode.OK
    if answers.result is Result.DEVNET:
        options = replace(options, devnet=True)
    return _run(options, shell, secrets, password=answers.password)


def _view_running_node(options: StartOptions, *, with_screen: bool) -> ExitCode | None:
    """Show the node that is running on this state; None when there is none."""
    if options.devnet and not options.state_dir:
        return None  # a temporary state: nothing runs on it yet
    from emeth_tui.cli.node.prepare import check_keys_of
    from emeth_tui.cli.node.settings import directories_of
    from emeth_tui.running.views import view_running_node
    from emeth_tui.settings import load_settings

    settings = load_settings(options.config, overrides=directories_of(options))
    check_keys_of(settings)
    return view_running_node(
        settings, options.show_command(), with_screen=with_screen, read_only=options.read_only
    )


def _no_node_runs(options: StartOptions) -> Reason:
    from emeth_tui.cli.node.settings import directories_of
    from emeth_tui.notices.reasons.command_line import NoNodeRuns
    from emeth_tui.settings import load_settings

    return NoNodeRuns(load_settings(options.config, overrides=directories_of(options)).state_dir)


def _ask_first_settings(options: StartOptions) -> Outcome | None:
    """Ask for the first settings on the screen; None without a screen, or where there are some already."""
    if not options.with_screen or options.devnet:
        return None
    from emeth_tui.files import may_exist
    from emeth_tui.settings import settings_layers

    layers = settings_layers(options.config, overrides=options.overrides())
    if may_exist(layers.path) or layers.environment or "network" in layers.options:
        return None
    from emeth_tui.tui.setup.app import run_setup_screen

    return run_setup_screen(layers.load())


def _run(
    options: StartOptions, shell: Shell | None, secrets: Mapping[str, str], password: str | None = None
) -> ExitCode:
    """Run a node until it ends, with a devnet beside it if the options say so."""
    if not options.devnet:
        return _prepare_and_run(options, options.overrides(), shell, secrets, password)
    from emeth_tui.cli.node.prepare import check_keys_of
    from emeth_tui.devnet.extra import check_extra
    from emeth_tui.settings import load_settings
    from emeth_tui.settings.basics import SECRETS_OF_NETWORK

    check_extra()
    check_keys_of(load_settings(options.config, overrides={**options.overrides(), "network": "devnet"}))
    with contextlib.ExitStack() as stack:
        temporary = options.state_dir is None
        base = options.state_dir or stack.enter_context(_temporary_directory())
        options = replace(options, state_dir=base)
        joining = stack.enter_context(_devnet_beside(base, options))
        # The environment's password and key belong to another network.
        secrets = {name: value for name, value in secrets.items() if name not in SECRETS_OF_NETWORK}
        overrides = {**options.overrides(), **joining}
        return _prepare_and_run(options, overrides, shell, secrets, password, temporary_state=temporary)


@contextlib.contextmanager
def _temporary_directory() -> Iterator[Path]:
    """Make a directory that is removed when the run has ended well: an error may name a log in it."""
    directory = Path(tempfile.mkdtemp(prefix="emeth-devnet-"))
    try:
        yield directory
    except EmethError:
        narrate(f"{directory} is kept, for the logs in it")
        raise
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _devnet_beside(base: Path, options: StartOptions) -> Iterator[dict[str, Any]]:
    """Run a devnet beside the node; yields the settings that join it."""
    from emeth_tui.cli.node.settings import directories_beside_devnet, joining_overrides
    from emeth_tui.devnet.beside import devnet_beside

    arguments = [
        *(["--corpus", str(options.corpus)] if options.corpus else []),
        *(["--chain", options.chain] if options.chain else []),
    ]
    narrate(f"starting the local network in {base} …")
    with devnet_beside(base / "devnet", arguments) as settings_file:
        yield {**joining_overrides(settings_file), **directories_beside_devnet(base)}


def _prepare_and_run(
    options: StartOptions,
    overrides: dict[str, Any],
    shell: Shell | None,
    secrets: Mapping[str, str],
    password: str | None,
    *,
    temporary_state: bool = False,
) -> ExitCode:
    """Run a node whose settings are loaded first: what they ask for is asked on the terminal."""
    from emeth_tui.cli.node.prepare import prepare
    from emeth_tui.running.views import screen_options
    from emeth_tui.settings.first_look import look_of

    prepared = prepare(options.config, overrides, secrets, password)
    settings = prepared.settings
    screen = screen_options(look_of(settings)) if options.with_screen else None
    return _run_node(
        options, lambda: prepared, settings.state_dir, screen, shell, temporary_state=temporary_state
    )


def _run_node(
    options: StartOptions,
    prepare: Callable[[], Prepared],
    state_dir: Path,
    screen: ScreenOptions | None,
    shell: Shell | None,
    *,
    temporary_state: bool = False,
) -> ExitCode:
    from emeth_tui.hardening import pass_on_nothing_else
    from emeth_tui.process.service_manager import service_manager
    from emeth_tui.running.node import Run, run_node

    manager, journal = service_manager(), _journal()  # their variables are for no child
    ssh_agent = os.environ.get("SSH_AUTH_SOCK", "")  # for ssh to hosts alone
    pass_on_nothing_else()
    return run_node(
        Run(
            prepare,
            exit_after_jobs=options.exit_after_jobs,
            show_command=options.show_command(),
            log_directory=state_dir / "logs",
            screen=screen,
            shell=shell,
            manager=manager,
            journal=journal,
            ssh_agent=ssh_agent,
            temporary_state=temporary_state,
        )
    )


def _journal() -> Journal | None:
    """Return systemd's journal where stdout leads to it."""
    from emeth_tui.process.journal import STREAM_VARIABLE, Journal, leads_to_journal

    there = leads_to_journal(sys.stdout.fileno(), os.environ.get(STREAM_VARIABLE, ""))
    return Journal() if there else None
