"""Composition root: arguments -> settings -> engine and one front end. Imports nothing heavy at the top."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from emeth_tui import __version__
from emeth_tui.errors import EmethError, ExitCode, SettingsError, WalletError

if TYPE_CHECKING:
    from emeth_tui.clients.wallet import Wallet
    from emeth_tui.settings import Settings
    from emeth_tui.shell import Shell
    from emeth_tui.tui.setup.questions import Outcome

_FILE = click.Path(dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(file_okay=False, path_type=Path)


def main() -> None:
    """Entry point of the `emeth-tui` command."""
    try:
        code = command.main(prog_name="emeth-tui", standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted", ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except EmethError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    sys.exit(code)


def _fail(message: str, code: ExitCode) -> NoReturn:
    click.echo(f"emeth-tui: error: {message}", err=True)
    sys.exit(code)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="emeth-tui %(version)s")
@click.option("--config", type=_FILE, help="Settings file; `emeth-tui config path` tells the default.")
@click.option(
    "--network", metavar="PROFILE", help="Network: devnet, round3-2, or one from the settings file."
)
@click.option("--no-ui", is_flag=True, help="Run without a screen; events become lines on stdout.")
@click.option("--theme", metavar="NAME", help="Theme of the screen.")
@click.option(
    "--lang", type=click.Choice(["en", "ja"]), help="Language of the screen; default: the locale's."
)
@click.option("--ascii", "ascii_only", is_flag=True, default=None, help="Draw with ASCII characters alone.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Lines for people or for machines.")
@click.option("--device", "devices", multiple=True, metavar="DEVICE", help="cpu or cuda:N; once per worker.")
@click.option("--exit-after-jobs", type=click.IntRange(1), metavar="N", help="End once N jobs are verified.")
@click.option("--state-dir", type=_DIRECTORY, help="Keep state here instead of the platform's place.")
@click.option("--devnet", is_flag=True, help="Start a local network beside the node and join it.")
@click.option("--corpus", type=_DIRECTORY, help="With --devnet: texts that its requester makes jobs of.")
@click.option("--chain", type=click.Choice(["py-evm", "anvil"]), help="With --devnet: the chain to run.")
@click.pass_context
def command(
    context: click.Context,
    config: Path | None,
    network: str | None,
    no_ui: bool,
    theme: str | None,
    lang: str | None,
    ascii_only: bool | None,
    log_format: str | None,
    devices: tuple[str, ...],
    exit_after_jobs: int | None,
    state_dir: Path | None,
    devnet: bool,
    corpus: Path | None,
    chain: str | None,
) -> ExitCode:
    """Run an Emeth node: take training jobs, train them on every device, collect the reward.

    Try it without anything: `emeth-tui --devnet --no-ui` runs a whole network on this machine.

    Started again while its node runs, it shows that node: live, and read-only.
    """
    if context.invoked_subcommand:
        context.obj = config
        return ExitCode.OK
    if not devnet and (corpus or chain):
        raise click.UsageError("--corpus and --chain go with --devnet")
    if devnet and network not in {None, "devnet"}:
        raise click.UsageError("--devnet brings its own network; leave --network out")
    from emeth_tui.running import look_at_running_node
    from emeth_tui.settings import load_settings
    from emeth_tui.shell import a_shell_waits, fork_from_shell
    from emeth_tui.tui.setup.questions import Result

    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    overrides: dict[str, Any] = {
        "network": network,
        "screen.theme": theme,
        "screen.language": lang,
        "screen.ascii": ascii_only,
        "log.format": log_format,
        "workers.devices": list(devices) or None,
    }
    if not devnet:
        overrides["state.directory"] = state_dir
    come_back = partial(_command_line, config, network, devnet=devnet)
    if state_dir or not devnet:  # else the state is a new one
        places = {"network": "devnet", **_beside_devnet(state_dir)} if devnet and state_dir else {}
        here = load_settings(config, overrides={**overrides, **places})
        with_screen = terminal and not no_ui
        code = look_at_running_node(here, come_back(state_dir), with_screen=with_screen)
        if code is not None:
            return code
    if not no_ui and not terminal:
        raise click.UsageError("there is no terminal here for the screen; use --no-ui")
    shell = fork_from_shell() if not no_ui and a_shell_waits() else None
    first = None if no_ui or devnet else _first_settings(config, overrides)
    if first is not None and first.result is Result.WRITTEN_FOR_LATER:
        click.echo(
            "the settings are written; once EMETH_TUI_VERIFICATION_KEY is set, `emeth-tui` starts the node"
        )
        return ExitCode.OK
    devnet = devnet or (first is not None and first.result is Result.DEVNET)
    with contextlib.ExitStack() as stack:
        base = state_dir
        if devnet:
            base = state_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emeth-devnet-")))
            overrides.update(stack.enter_context(_devnet(base, corpus, chain)))
        return _run_node(
            config,
            overrides,
            exit_after_jobs=exit_after_jobs,
            with_screen=not no_ui,
            come_back=come_back(base),
            shell=shell,
            password=first.password if first else None,
        )


def _first_settings(config: Path | None, overrides: dict[str, Any]) -> Outcome | None:
    """Ask for the first settings where there are none at all; None where there are."""
    from emeth_tui.settings import settings_layers

    layers = settings_layers(config, overrides=overrides)
    if layers.path.exists() or layers.environment or "network" in layers.options:
        return None
    from emeth_tui.tui.setup.app import run_setup_screen

    return run_setup_screen(layers.load())


@command.command()
@click.option("--config", "path", type=_FILE, help="The file to make; default: the one that would be used.")
@click.option("--lang", type=click.Choice(["en", "ja"]), help="Language to ask in; default: the locale's.")
@click.pass_obj
def setup(inherited: Path | None, path: Path | None, lang: str | None) -> ExitCode:
    """Make the settings file, question by question; works on any terminal.

    Asks for network, wallet, devices and cache limit, and looks at the account's balances.
    """
    from emeth_tui.settings import default_config_path
    from emeth_tui.tui.setup.plain import run_plain_setup

    run_plain_setup(path or inherited or default_config_path(), lang or "")
    return ExitCode.OK


def _command_line(config: Path | None, network: str | None, state_dir: Path | None, *, devnet: bool) -> str:
    """Write the command that finds the same state again."""
    words = ["emeth-tui", *(["--devnet"] if devnet else [])]
    for option, value in (("--config", config), ("--network", network), ("--state-dir", state_dir)):
        words += [option, str(value.absolute() if isinstance(value, Path) else value)] if value else []
    return shlex.join(words)


@contextlib.contextmanager
def _devnet(base: Path, corpus: Path | None, chain: str | None) -> Iterator[dict[str, Any]]:
    """Run a devnet beside the node and give the settings that join it."""
    from emeth_tui.devnet.beside import devnet_beside
    from emeth_tui.settings import PASSWORD_VARIABLE, VERIFICATION_KEY_VARIABLE, load_settings

    options = [*(["--corpus", str(corpus)] if corpus else []), *(["--chain", chain] if chain else [])]
    for variable in (PASSWORD_VARIABLE, VERIFICATION_KEY_VARIABLE):
        os.environ.pop(variable, None)  # they belong to another network
    click.echo(f"starting the local network in {base} …", err=True)
    with devnet_beside(base / "devnet", options) as joined:
        joining = load_settings(joined, environment={})
        yield {
            "network": joining.network,
            "networks": joining.networks,
            "wallet.keystore": joining.wallet.keystore,
            "wallet.password_file": joining.wallet.password_file,
            **_beside_devnet(base),
        }


def _beside_devnet(base: Path) -> dict[str, Any]:
    """Settings of where the node beside a devnet keeps its things."""
    return {"state.directory": base / "node" / "state", "cache.directory": base / "node" / "cache"}


def _run_node(
    config: Path | None,
    overrides: dict[str, Any],
    *,
    exit_after_jobs: int | None,
    with_screen: bool,
    come_back: str,
    shell: Shell | None,
    password: str | None,
) -> ExitCode:
    from emeth_tui.running import Run, run_node
    from emeth_tui.settings import VERIFICATION_KEY_VARIABLE, load_network, settings_layers, take_password

    layers = settings_layers(config, overrides=overrides)
    settings = layers.load()
    network = load_network(settings)
    open_wallet = _wallet_opener(settings, take_password(os.environ, settings.wallet) or password)
    _start_logging(settings)
    os.environ.pop(VERIFICATION_KEY_VARIABLE, None)  # no child process inherits it
    run = Run(layers, settings, network, open_wallet, exit_after_jobs, with_screen, come_back, shell)
    return run_node(run)


def _wallet_opener(settings: Settings, password: str | None) -> Callable[[], Wallet]:
    """Give what opens the wallet. A password that has to be asked for is tried at once."""
    path = settings.keystore_path
    if not path.exists():
        raise WalletError(f"{path}: no such keystore; `emeth-tui wallet new` makes one")
    if password is None:
        wallet = _load_wallet(path, _ask_password(f"Password of {path}: "))
        return lambda: wallet
    return partial(_load_wallet, path, password)


def _load_wallet(path: Path, password: str) -> Wallet:
    from emeth_tui.clients.wallet import load_wallet

    return load_wallet(path, password)


def _ask_password(prompt: str) -> str:
    import getpass

    from emeth_tui.settings import PASSWORD_VARIABLE

    if not sys.stdin.isatty():
        raise WalletError(
            f"the keystore's password is needed: set {PASSWORD_VARIABLE} or wallet.password_file, "
            "or start from a terminal"
        )
    return getpass.getpass(prompt)


def _start_logging(settings: Settings) -> None:
    from emeth_tui.logs import start_log_file

    try:
        start_log_file(settings.state_dir / "logs", settings.log)
    except OSError as error:
        raise SettingsError(f"{settings.state_dir}: cannot be written: {error.strerror}") from error


@command.command()
@click.option("--state-dir", type=_DIRECTORY, help="Keep chain, storage and accounts here; else thrown away.")
@click.option("--corpus", type=_DIRECTORY, help="Texts to make jobs of: names end in en.txt or ja.txt.")
@click.option("--chain", type=click.Choice(["py-evm", "anvil"]), default="py-evm", show_default=True)
@click.option("--until-input-ends", is_flag=True, hidden=True)
def devnet(
    state_dir: Path | None, corpus: Path | None, chain: Literal["py-evm", "anvil"], until_input_ends: bool
) -> ExitCode:
    """Run a whole Emeth network on this machine until stopped."""
    from emeth_tui.devnet.commands import run_devnet

    run_devnet(state_dir=state_dir, corpus=corpus, chain=chain, until_input_ends=until_input_ends)
    return ExitCode.OK


@command.group()
def config() -> None:
    """Show, check or find the settings file."""


@config.command("example")
def config_example() -> ExitCode:
    """Print a settings file with every key, commented."""
    from emeth_tui.settings import example_toml

    click.echo(example_toml(), nl=False)
    return ExitCode.OK


@config.command("check")
@click.option("--config", "path", type=_FILE, help="The file to check; default: the one that would be used.")
@click.pass_obj
def config_check(inherited: Path | None, path: Path | None) -> ExitCode:
    """Check the settings file and the network that it chooses."""
    from emeth_tui.settings import load_network, load_settings

    settings = load_settings(path or inherited)
    network = load_network(settings)
    click.echo(f"{settings.source}: good; network {network.name}, chain {network.chain_id}")
    return ExitCode.OK


@config.command("path")
def config_path() -> ExitCode:
    """Print where the settings file lies by default."""
    from emeth_tui.settings import default_config_path

    click.echo(default_config_path())
    return ExitCode.OK


@command.group()
def wallet() -> None:
    """Make or look at the keystore that holds the account's private key."""


@wallet.command("new")
@click.option("--keystore", type=_FILE, help="Where to write it; default: as the settings say.")
@click.pass_obj
def wallet_new(config_file: Path | None, keystore: Path | None) -> ExitCode:
    """Make a new account and write its keystore."""
    return _write_keystore(config_file, keystore, private_key=None)


@wallet.command("import")
@click.option("--keystore", type=_FILE, help="Where to write it; default: as the settings say.")
@click.pass_obj
def wallet_import(config_file: Path | None, keystore: Path | None) -> ExitCode:
    """Write a keystore for a private key; the key is asked for and never shown."""
    import getpass

    typed = (getpass.getpass("Private key (hex): ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    try:
        private_key = bytes.fromhex(typed.removeprefix("0x"))
    except ValueError:
        raise WalletError("the private key is not hex") from None
    return _write_keystore(config_file, keystore, private_key=private_key)


@wallet.command("address")
@click.pass_obj
def wallet_address(config_file: Path | None) -> ExitCode:
    """Print the account's address; the keystore's password is needed."""
    from emeth_tui.settings import load_settings, take_password

    settings = load_settings(config_file)
    click.echo(_wallet_opener(settings, take_password(os.environ, settings.wallet))().address)
    return ExitCode.OK


def _write_keystore(config_file: Path | None, keystore: Path | None, private_key: bytes | None) -> ExitCode:
    from emeth_tui.clients.wallet import create_keystore
    from emeth_tui.settings import load_settings, take_password

    settings = load_settings(config_file)
    path = keystore or settings.keystore_path
    password = take_password(os.environ, settings.wallet)
    if password is None:
        password = _ask_password(f"New password for {path}: ")
        if password != _ask_password("The same again: "):
            raise WalletError("the two passwords differ; nothing was written")
    address = create_keystore(path, password, private_key)
    click.echo(f"{address} in {path}")
    return ExitCode.OK
