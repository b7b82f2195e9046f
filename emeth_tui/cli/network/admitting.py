"""`emeth-tui network introduce` and `network admit`: the verification key, handed to one account alone."""

from __future__ import annotations

from pathlib import Path

import click

from emeth_tui.cli.network.types import ADDRESS
from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.place import place_of
from emeth_tui.cli.output.printing import example
from emeth_tui.cli.requester.place import wallet_of
from emeth_tui.cli.types import FILE
from emeth_tui.errors import ExitCode


@click.command(epilog=example("emeth-tui network introduce"))
@click.pass_context
def introduce(context: click.Context, /) -> ExitCode:
    """Print this account's address and a signature, by which the operator admits it: `network admit`.

    Both may be read by anybody. The signature says that the account asks for this network's key.
    """
    from emeth_tui.clients.admission import introduction

    place = place_of(context)
    wallet = wallet_of(place, take_secrets())
    print(wallet.address, introduction(wallet, place.network()))
    return ExitCode.OK


@click.command(epilog=example("emeth-tui network admit ADDRESS SIGNATURE --config serve.toml"))
@click.argument("address", metavar="ADDRESS", type=ADDRESS)
@click.argument("signature", metavar="SIGNATURE")
@click.option("--config", "path", type=FILE, required=True, help="The file of `network serve`.")
def admit(address: str, signature: str, path: Path) -> ExitCode:
    """Print a line with the network's verification key that only this account opens.

    ADDRESS and SIGNATURE are what `network introduce` prints there. Anybody may read the line; the node takes
    it with `network join FILE --key LINE`.
    """
    from emeth_tui.network.extra import check_extra

    check_extra()
    from emeth_tui.network.admission import admission_line
    from emeth_tui.network.files import kept_secret, make_private_directory
    from emeth_tui.network.serving.config import read_serve_settings
    from emeth_tui.network.serving.verifying import KEY_FILE
    from emeth_tui.settings.profiles import read_profile

    settings = read_serve_settings(path)
    network = read_profile(settings.profile)
    key = kept_secret(make_private_directory(settings.state_dir) / KEY_FILE)
    print(admission_line(network, address, signature, key))
    return ExitCode.OK
