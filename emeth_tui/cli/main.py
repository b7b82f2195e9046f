"""The entry point and its options: without a command, `emeth-tui` starts a node or shows the running one."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, NoReturn

import click

from emeth_tui import __version__
from emeth_tui.cli.commands import COMMANDS
from emeth_tui.cli.late import LateCommands
from emeth_tui.cli.node.options import StartOptions
from emeth_tui.cli.start import start
from emeth_tui.cli.types import DIRECTORY, FILE, LANGUAGE
from emeth_tui.errors import EmethError, ExitCode
from emeth_tui.process.garbage import collect_rarely
from emeth_tui.streams import announce, narrate, prepare_streams
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import speak, speak_by_default

_OWN_MODULES = (
    "attach",
    "watch",
    "relay",
    "hosts",
    "setup",
    "doctor",
    "notify",
    "service",
    "devnet",
    "network",
    "config",
    "wallet",
    "store",
)
_MODULES = {
    **{name: f"emeth_tui.cli.commands.{module}" for name, module in COMMANDS.items()},
    **dict.fromkeys(("request", "requests"), "emeth_tui.cli.requester"),
    **{name: f"emeth_tui.cli.{name}" for name in _OWN_MODULES},
}


def main() -> None:
    """Run the `emeth-tui` command and exit with its code."""
    prepare_streams()
    collect_rarely()
    try:
        code = command.main(prog_name="emeth-tui", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        _fail("interrupted", ExitCode.INTERRUPTED)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        narrate(shown.getvalue().rstrip("\n"))
        sys.exit(error.exit_code)
    except EmethError as error:
        speak_by_default(None)
        _fail(text_of(error.reason), error.exit_code)
    except ModuleNotFoundError as error:
        if error.name not in sys.stdlib_module_names:
            raise
        from emeth_tui.notices.reasons.start import PythonLacks

        version = ".".join(map(str, sys.version_info[:3]))
        _fail(text_of(PythonLacks(version, error.name.removeprefix("_"))), ExitCode.PYTHON)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except OSError as error:
        if error.filename is not None or announce(""):  # it was not stdout
            raise
        if isinstance(error, BrokenPipeError):  # its reader has left, and has what it wanted
            sys.exit(ExitCode.UNEXPECTED)
        _fail(f"stdout cannot be written: {error.strerror}", ExitCode.UNEXPECTED)
    sys.exit(code)


def _check_environment() -> None:
    """Raise SettingsError for a variable of ours that no setting has."""
    from emeth_tui.settings.basics import ENVIRONMENT_PREFIX, SECRET_VARIABLES

    if any(name.startswith(ENVIRONMENT_PREFIX) for name in os.environ.keys() - SECRET_VARIABLES):
        from emeth_tui.settings import settings_layers

        settings_layers()


def _fail(message: str, code: ExitCode) -> NoReturn:
    narrate(f"emeth-tui: error: {message}")
    sys.exit(code)


@click.group(
    commands=LateCommands(_MODULES),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="emeth-tui %(version)s")
@click.option("--config", type=FILE, help="Settings file; `emeth-tui config path` prints the default.")
@click.option("--network", metavar="PROFILE", help="devnet, round3-2, or a network of the settings file.")
@click.option("--no-ui", is_flag=True, help="Run without the screen; print events as lines on stdout.")
@click.option("--theme", metavar="NAME", help="Theme of the screen.")
@click.option("--lang", type=LANGUAGE, help="Screen language [default: the locale's].")
@click.option("--read-only", is_flag=True, help="Only look at the running node: give it no commands.")
@click.option("--ascii", "ascii_only", is_flag=True, default=None, help="Draw with ASCII characters only.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Lines for people or for machines.")
@click.option("--metrics", metavar="HOST:PORT", help="Serve figures for Prometheus, as on 127.0.0.1:9101.")
@click.option("--device", "devices", multiple=True, metavar="DEVICE", help="cpu or cuda:N; repeat for more.")
@click.option("--exit-after-jobs", type=click.IntRange(1), metavar="N", help="Stop once N jobs are verified.")
@click.option("--state-dir", type=DIRECTORY, help="Keep the state here, not in the platform's directory.")
@click.option("--devnet", is_flag=True, help="Start a local network and join it.")
@click.option("--corpus", type=DIRECTORY, help="With --devnet: directory of texts to make jobs from.")
@click.option("--chain", type=click.Choice(["py-evm", "anvil"]), help="With --devnet: the chain to run.")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> ExitCode:
    """Run an Emeth node: take training jobs, train them on every device, collect the reward.

    Try it without any setup: `emeth-tui --devnet --no-ui` runs a whole network on this machine.

    If the node is running already, attach a screen to it: every key works there too, but with --read-only.
    """
    from emeth_tui.hardening import harden, take_out
    from emeth_tui.settings.basics import SECRETS_OF_NETWORK

    harden()
    _check_environment()
    chosen = StartOptions(**options)
    if context.invoked_subcommand:
        if chosen.devnet:  # the environment's password and key belong to another network
            take_out(SECRETS_OF_NETWORK)
        if chosen.lang:
            speak(chosen.lang)
        return ExitCode.OK
    try:
        return start(chosen)
    except EmethError:
        speak_by_default(chosen.lang)
        raise
