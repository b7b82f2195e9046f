"""`emeth-tui wallet`: create, import or open the keystore; a node that starts opens it here too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.settings import options_of, settings_of
from emeth_tui.cli.output.printing import example
from emeth_tui.cli.types import FILE
from emeth_tui.errors import ExitCode, WalletError
from emeth_tui.foreign_text import system_text
from emeth_tui.process.terminal_input import ask_hidden, hidden_input

if TYPE_CHECKING:
    from emeth_tui.clients.wallet import Wallet
    from emeth_tui.notices.notice import Reason
    from emeth_tui.settings import Settings


@click.group()
def wallet() -> None:
    """Create, import or show the keystore that holds the account's private key."""


@wallet.command("new", epilog=example("emeth-tui wallet new"))
@click.option("--keystore", type=FILE, help="Where to write it [default: as the settings say].")
@click.pass_context
def wallet_new(context: click.Context, keystore: Path | None) -> ExitCode:
    """Create a new account and write its keystore."""
    with hidden_input():
        return _write_keystore(context, keystore, private_key=None)


@wallet.command("import", epilog=example("emeth-tui wallet import"))
@click.option("--keystore", type=FILE, help="Where to write it [default: as the settings say].")
@click.pass_context
def wallet_import(context: click.Context, keystore: Path | None) -> ExitCode:
    """Write a keystore for a private key, which is asked for and never shown."""
    with hidden_input():
        typed = (ask_hidden("Private key (hex): ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
        try:
            private_key = bytes.fromhex(typed.removeprefix("0x"))
        except ValueError:
            from emeth_tui.notices.reasons.wallet import PrivateKeyNotHex

            raise WalletError(PrivateKeyNotHex()) from None
        return _write_keystore(context, keystore, private_key=private_key)


@wallet.command("address", epilog=example("emeth-tui wallet address"))
@click.pass_context
def wallet_address(context: click.Context) -> ExitCode:
    """Print the account's address; needs the keystore's password."""
    settings = settings_of(options_of(context))
    print(wallet_opener(settings, _given_password(settings))().address)
    return ExitCode.OK


def wallet_opener(settings: Settings, password: str | None, *, may_ask: bool = True) -> Callable[[], Wallet]:
    """Return what opens the wallet, which takes a second. A password that has to be asked for is tried now.

    Raise WalletError when there is no keystore, no password that may be had, or a wrong one was typed.
    """
    path = settings.keystore_path
    if (missing := why_no_keystore(path)) is not None:
        raise WalletError(missing)
    if password is None:
        wallet = _load_wallet(path, _ask_password(f"Password of {path}: ", may_ask=may_ask))
        return lambda: wallet
    return lambda: _load_wallet(path, password)  # not a partial, whose repr shows the password


def why_no_keystore(path: Path) -> Reason | None:
    """Return why there is no keystore to open; None where there is one, whatever is in it."""
    from emeth_tui.files import is_there
    from emeth_tui.notices.reasons.files import Unreadable
    from emeth_tui.notices.reasons.wallet import NoKeystore

    try:
        return None if is_there(path) else NoKeystore(path)
    except OSError as error:
        return Unreadable(path, system_text(error))


def _given_password(settings: Settings) -> str | None:
    """Return the password of the environment or the password file, None where it has to be asked for."""
    from emeth_tui.hardening import take_out
    from emeth_tui.settings import START_VARIABLES, find_password

    return find_password(take_out(START_VARIABLES), settings.wallet)


def _load_wallet(path: Path, password: str) -> Wallet:
    from emeth_tui.clients.wallet import load_wallet

    return load_wallet(path, password)


def _ask_password(prompt: str, *, may_ask: bool = True) -> str:
    from emeth_tui.settings import PASSWORD_VARIABLE

    if not (may_ask and sys.stdin.isatty()):
        from emeth_tui.notices.reasons.wallet import PasswordNeeded

        raise WalletError(PasswordNeeded(PASSWORD_VARIABLE))
    return ask_hidden(prompt)


def _write_keystore(context: click.Context, keystore: Path | None, private_key: bytes | None) -> ExitCode:
    from emeth_tui.clients.wallet import create_keystore

    settings = settings_of(options_of(context))
    path = keystore or settings.keystore_path
    given = _given_password(settings)
    password = _ask_password(f"New password for {path}: ") if given is None else given
    if not password:
        from emeth_tui.notices.reasons.setup import PasswordEmpty

        raise WalletError(PasswordEmpty())
    if given is None and password != _ask_password("The same again: "):
        from emeth_tui.notices.reasons.wallet import PasswordsDiffer

        raise WalletError(PasswordsDiffer())
    address = create_keystore(path, password, private_key)
    print(f"{address} in {path}")
    return ExitCode.OK
