"""`emeth-tui doctor`: look at everything that a node needs, and say how to mend what is not in order."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.node.settings import file_of, options_of, settings_of
from emeth_tui.cli.wallet import why_no_keystore
from emeth_tui.errors import ExitCode, SettingsError, TerminalError
from emeth_tui.process.terminal_input import ask_hidden
from emeth_tui.streams import announce, narrate

if TYPE_CHECKING:
    from emeth_tui.cli.node.options import StartOptions
    from emeth_tui.clients.wallet import Wallet
    from emeth_tui.doctor.finding import Result
    from emeth_tui.doctor.subject import Setup, Terminal
    from emeth_tui.notices.notice import Reason
    from emeth_tui.settings import Network, Settings

_TERMINAL_VARIABLES = ("TERM", "COLORTERM", "NO_COLOR")


@click.command()
@click.option("--quick", is_flag=True, help="Leave out the training probe, which takes up to a minute.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; docs/doctor.md describes it.")
@click.pass_context
def doctor(context: click.Context, quick: bool, as_json: bool) -> ExitCode:
    """Check everything that a node needs, before money is at stake, and say how to mend each finding.

    Settings, packages, devices, endpoints, contracts, wallet, services, disk, clock, models, terminal and
    systemd are looked at side by side. Nothing is paid, changed or left behind, and a node that runs is not
    disturbed. --config, --network and --state-dir before `doctor` say which node.

    \b
    Example:
      emeth-tui --network round3-2 doctor --quick

    \b
    Exit codes:
      0   everything is in order, or nothing worse than a note
      20  the worst finding is a warning
      21  the worst finding is an error
    """
    options = options_of(context)
    setup = _prepare(options, quick=quick, may_ask=not as_json)
    if not as_json and sys.stderr.isatty():
        narrate("looking at everything …")
    import asyncio

    from emeth_tui.doctor.run import check_up

    results = asyncio.run(check_up(setup))
    _print(results, setup, as_json=as_json)
    return _exit_code(results)


def _prepare(options: StartOptions, *, quick: bool, may_ask: bool) -> Setup:
    """Gather what is looked at. Secrets leave the environment, and questions are asked, before all else."""
    logging.getLogger().addHandler(logging.NullHandler())  # what goes wrong is a finding
    terminal = _terminal()
    from emeth_tui.doctor.subject import Setup
    from emeth_tui.hardening import pass_on_nothing_else, take_out
    from emeth_tui.settings import START_VARIABLES
    from emeth_tui.words.translation import speak

    secrets = take_out(START_VARIABLES)
    settings, problem = _settings(options)
    pass_on_nothing_else()
    speak(settings.screen.language)
    return Setup(
        settings=settings,
        settings_problem=problem,
        network=problem or _network(settings, secrets),
        open_wallet=_wallet_opener(settings, secrets, may_ask=may_ask and problem is None),
        terminal=terminal,
        quick=quick,
    )


def _settings(options: StartOptions) -> tuple[Settings, Reason | None]:
    from emeth_tui.settings import Settings, default_config_path

    try:
        settings = settings_of(options)
    except SettingsError as error:
        return Settings().with_source(options.config or default_config_path()), error.reason
    return settings.with_source(file_of(options, settings)), None


def _network(settings: Settings, secrets: Mapping[str, str]) -> Network | Reason:
    from emeth_tui.settings import load_network

    try:
        return load_network(settings, environment=secrets)
    except SettingsError as error:
        return error.reason


def _wallet_opener(
    settings: Settings, secrets: Mapping[str, str], *, may_ask: bool
) -> Callable[[], Wallet] | Reason:
    from emeth_tui.clients.wallet import load_wallet
    from emeth_tui.notices.reasons.doctor.checkup import NoPassword
    from emeth_tui.settings import find_password

    path = settings.keystore_path
    if (missing := why_no_keystore(path)) is not None:
        return missing
    try:
        password = find_password(secrets, settings.wallet)
    except SettingsError as error:
        return error.reason
    if password is None and may_ask and sys.stdin.isatty():
        password = ask_hidden(f"Password of {path} (Enter leaves out what needs it): ") or None
    if password is None:
        return NoPassword()
    given = password
    return lambda: load_wallet(path, given)  # not a partial, whose repr shows the password


def _terminal() -> Terminal:
    from emeth_tui.doctor.subject import Terminal
    from emeth_tui.tui.terminal import check_terminal, needs_ascii

    size, problem = shutil.get_terminal_size(), None
    try:
        check_terminal()
    except TerminalError as error:
        problem = error.reason
    known = {name: os.environ[name] for name in _TERMINAL_VARIABLES if name in os.environ}
    return Terminal(
        is_there=sys.stdout.isatty(),
        kind=known.get("TERM", ""),
        problem=problem,
        needs_ascii=needs_ascii(),
        encoding=sys.stdout.encoding,
        columns=size.columns,
        rows=size.lines,
        environment=known,
    )


def _print(results: list[Result], setup: Setup, *, as_json: bool) -> None:
    from emeth_tui import __version__
    from emeth_tui.doctor.report import Style, report_json, report_lines

    if as_json:
        announce(report_json(results, __version__))
        return
    terminal = setup.terminal
    style = Style(
        width=terminal.columns,
        ascii_only=setup.settings.screen.ascii or terminal.needs_ascii,
        colours=terminal.is_there and not terminal.environment.get("NO_COLOR") and terminal.problem is None,
    )
    for line in report_lines(results, style):
        announce(line)


def _exit_code(results: list[Result]) -> ExitCode:
    from emeth_tui.doctor.finding import Grade, worst

    codes: dict[Grade, Any] = {Grade.WARNING: ExitCode.DOCTOR_WARNING, Grade.ERROR: ExitCode.DOCTOR_ERROR}
    return ExitCode(codes.get(worst(results), ExitCode.OK))
