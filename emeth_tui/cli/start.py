"""`emeth-tui` without a command: show the node that is running on this state, or start one.

The order matters. A running node is looked for before anything is asked or written; the process forks before
it has threads; the first settings are asked for before a devnet or a node needs them.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.errors import EmethError, ExitCode, NotRunning, SettingsError
from emeth_tui.streams import narrate

if TYPE_CHECKING:
    from emeth_tui.notices.notice import Reason
    from emeth_tui.process.journal import Journal
    from emeth_tui.settings import Settings
    from emeth_tui.shell import Shell
    from emeth_tui.tui.setup.questions import Outcome


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The options of the command line, as they were given."""

    config: Path | None = None
    network: str | None = None
    no_ui: bool = False
    theme: str | None = None
    lang: str | None = None
    read_only: bool = False
    ascii_only: bool | None = None
    log_format: str | None = None
    metrics: str | None = None
    devices: tuple[str, ...] = ()
    exit_after_jobs: int | None = None
    state_dir: Path | None = None
    devnet: bool = False
    corpus: Path | None = None
    chain: str | None = None

    @property
    def with_screen(self) -> bool:
        return not self.no_ui

    def check(self) -> None:
        """Raise UsageError for options that contradict each other."""
        if not self.devnet and (self.corpus or self.chain):
            raise click.UsageError("--corpus and --chain need --devnet")
        if self.read_only and self.no_ui:
            raise click.UsageError("--read-only is about the screen, which --no-ui leaves out")
        if self.devnet and self.network not in {None, "devnet"}:
            raise click.UsageError("--devnet runs its own network: leave out --network")

    def overrides(self) -> dict[str, Any]:
        """Return the settings that these options override, by dotted key."""
        return {
            "network": self.network,
            "screen.theme": self.theme,
            "screen.language": self.lang,
            "screen.ascii": self.ascii_only,
            "log.format": self.log_format,
            "metrics.listen": self.metrics,
            "workers.devices": list(self.devices) or None,
            "state.directory": None if self.devnet else self.state_dir,
        }

    def show_command(self) -> str:
        """Return the command that finds the same state, and so the same node, from any directory."""
        words = ["emeth-tui"]
        if self.devnet:
            words.append("--devnet")
        if self.config:
            words += ["--config", str(self.config.absolute())]
        if self.network:
            words += ["--network", self.network]
        if self.state_dir:
            words += ["--state-dir", str(self.state_dir.absolute())]
        return shlex.join(words)


def start(options: StartOptions) -> ExitCode:
    """Show the running node until the user leaves, or run a new one until it ends.

    Raise UsageError for options that contradict each other, and EmethError when the node cannot start, or the
    terminal cannot show it.
    """
    from emeth_tui.hardening import take_out
    from emeth_tui.settings import START_VARIABLES, VERIFICATION_KEY_VARIABLE
    from emeth_tui.shell import fork_from_shell, started_by_shell
    from emeth_tui.tui.setup.questions import Result
    from emeth_tui.tui.terminal import check_terminal

    options.check()
    secrets = take_out(START_VARIABLES)
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if options.with_screen and on_terminal:
        check_terminal()
    viewed = _view_running_node(options, with_screen=options.with_screen and on_terminal)
    if viewed is not None:
        return viewed
    if options.read_only:
        raise NotRunning(_no_node_runs(options))
    if options.with_screen and not on_terminal:
        raise click.UsageError("the screen needs a terminal; use --no-ui without one")
    shell = fork_from_shell() if options.with_screen and started_by_shell() else None
    answers = _ask_first_settings(options)
    if answers is None:
        return _run(options, shell, secrets)
    has_key = answers.has_key or bool(secrets.get(VERIFICATION_KEY_VARIABLE))
    if answers.result is Result.WRITTEN and not has_key:
        print("the settings are written; once EMETH_TUI_VERIFICATION_KEY is set, `emeth-tui` starts the node")
        return ExitCode.OK
    if answers.result is Result.DEVNET:
        options = replace(options, devnet=True)
    return _run(options, shell, secrets, password=answers.password)


def _view_running_node(options: StartOptions, *, with_screen: bool) -> ExitCode | None:
    """Show the node that is running on this state; None when there is none."""
    if options.devnet and not options.state_dir:
        return None  # a temporary state: nothing runs on it yet
    from emeth_tui.running import view_running_node
    from emeth_tui.settings import load_settings

    settings = load_settings(options.config, overrides=directories_of(options))
    _check_keys(settings)
    return view_running_node(
        settings, options.show_command(), with_screen=with_screen, read_only=options.read_only
    )


def _no_node_runs(options: StartOptions) -> Reason:
    from emeth_tui.notices.reasons.command_line import NoNodeRuns
    from emeth_tui.settings import load_settings

    return NoNodeRuns(load_settings(options.config, overrides=directories_of(options)).state_dir)


def directories_of(options: StartOptions) -> dict[str, Any]:
    """Return the settings that these options override, among them where the node's state is."""
    overrides = options.overrides()
    if options.devnet and options.state_dir:
        overrides |= {"network": "devnet", **_directories_beside_devnet(options.state_dir)}
    return overrides


def _ask_first_settings(options: StartOptions) -> Outcome | None:
    """Ask for the first settings on the screen; None without a screen, or where there are some already."""
    if not options.with_screen or options.devnet:
        return None
    from emeth_tui.settings import settings_layers

    layers = settings_layers(options.config, overrides=options.overrides())
    if layers.path.exists() or layers.environment or "network" in layers.options:
        return None
    from emeth_tui.tui.setup.app import run_setup_screen

    return run_setup_screen(layers.load())


def _run(
    options: StartOptions, shell: Shell | None, secrets: Mapping[str, str], password: str | None = None
) -> ExitCode:
    """Run a node until it ends, with a devnet beside it if the options say so."""
    if not options.devnet:
        return _run_node(options, options.overrides(), shell, secrets, password)
    from emeth_tui.devnet.extra import check_extra
    from emeth_tui.settings import load_settings
    from emeth_tui.settings.loading import SECRETS_OF_NETWORK

    check_extra()
    _check_keys(load_settings(options.config, overrides={**options.overrides(), "network": "devnet"}))
    with contextlib.ExitStack() as stack:
        base = options.state_dir or stack.enter_context(_temporary_directory())
        options = replace(options, state_dir=base)
        joining = stack.enter_context(_devnet_beside(base, options))
        # The environment's password and key belong to another network.
        secrets = {name: value for name, value in secrets.items() if name not in SECRETS_OF_NETWORK}
        return _run_node(options, {**options.overrides(), **joining}, shell, secrets, password=password)


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
    from emeth_tui.devnet.beside import devnet_beside
    from emeth_tui.settings import load_settings

    arguments = [
        *(["--corpus", str(options.corpus)] if options.corpus else []),
        *(["--chain", options.chain] if options.chain else []),
    ]
    narrate(f"starting the local network in {base} …")
    with devnet_beside(base / "devnet", arguments) as settings_file:
        joining = load_settings(settings_file, environment={})
        yield {
            "network": joining.network,
            "networks": joining.networks,
            "wallet.keystore": joining.wallet.keystore,
            "wallet.password_file": joining.wallet.password_file,
            **_directories_beside_devnet(base),
        }


def _directories_beside_devnet(base: Path) -> dict[str, Any]:
    """Return the settings for the directories of a node beside a devnet."""
    return {"state.directory": base / "node" / "state", "cache.directory": base / "node" / "cache"}


def _run_node(
    options: StartOptions,
    overrides: dict[str, Any],
    shell: Shell | None,
    secrets: Mapping[str, str],
    password: str | None,
) -> ExitCode:
    from emeth_tui.cli.wallet import wallet_opener
    from emeth_tui.hardening import pass_on_nothing_else
    from emeth_tui.process.service_manager import service_manager
    from emeth_tui.running import Run, run_node
    from emeth_tui.settings import find_password, load_network, settings_layers
    from emeth_tui.settings.alert_secrets import load_alert_secrets

    layers = settings_layers(options.config, overrides=overrides)
    settings = layers.load()
    _check_keys(settings)
    network = load_network(settings, environment=secrets)
    open_wallet = wallet_opener(settings, find_password(secrets, settings.wallet) or password)
    _start_logging(settings)
    manager, journal = service_manager(), _journal()  # their variables are for no child
    ssh_agent = os.environ.get("SSH_AUTH_SOCK", "")  # for ssh to hosts alone
    pass_on_nothing_else()
    return run_node(
        Run(
            layers,
            settings,
            network,
            open_wallet,
            exit_after_jobs=options.exit_after_jobs,
            with_screen=options.with_screen,
            show_command=options.show_command(),
            shell=shell,
            manager=manager,
            journal=journal,
            alerts=load_alert_secrets(settings, secrets),
            ssh_agent=ssh_agent,
        )
    )


def _journal() -> Journal | None:
    """Return systemd's journal where stdout leads to it."""
    from emeth_tui.process.journal import STREAM_VARIABLE, Journal, leads_to_journal

    there = leads_to_journal(sys.stdout.fileno(), os.environ.get(STREAM_VARIABLE, ""))
    return Journal() if there else None


def _check_keys(settings: Settings) -> None:
    if settings.keys:  # else nothing of the screen is loaded
        from emeth_tui.tui.keymap import check_keys

        check_keys(settings)


def _start_logging(settings: Settings) -> None:
    from emeth_tui.logs import start_log_file

    try:
        start_log_file(settings.state_dir / "logs", settings.log)
    except OSError as error:
        from emeth_tui.notices.reasons.files import Unwritable

        raise SettingsError(Unwritable(settings.state_dir, error.strerror or "")) from error
