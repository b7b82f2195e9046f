"""`emeth-tui network join`: take a network's profile into the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.place import Place, place_of
from emeth_tui.cli.output.confirming import YES, confirm
from emeth_tui.cli.output.printing import Output, example
from emeth_tui.cli.requester.place import wallet_of
from emeth_tui.cli.types import FILE
from emeth_tui.errors import ExitCode
from emeth_tui.foreign_text import clean, without_secrets
from emeth_tui.words.formats import duration
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.settings import Network, Settings


@click.command(epilog=example("emeth-tui network join network.toml"))
@click.argument("profile", metavar="FILE", type=FILE)
@click.option("--key", "admission", metavar="LINE", help="What `network admit` printed for this account.")
@YES
@click.pass_context
def join(context: click.Context, profile: Path, admission: str | None, yes: bool) -> ExitCode:
    """Show a network's profile, ask, and make it the network of the settings.

    The file is that which `network deploy` wrote. Comments and everything else in the settings stay. With
    `--key`, the verification key goes into a file beside the settings that you alone can read.
    """
    from emeth_tui.settings.profiles import joining_changes, key_changes, read_profile
    from emeth_tui.settings.writing import edit_toml, write_settings

    place = place_of(context)
    network = read_profile(profile)
    path = place.settings.source
    output = Output(ascii_only=place.settings.screen.ascii)
    question = _("Join this network?")
    confirm(output, question, _facts(network, place.settings), yes=yes)
    changes = joining_changes(network)
    key, key_file = "", path.absolute().with_name(f"verification-key-{network.name}")
    if admission is not None:
        key = _key_in(admission, place, network)
        changes |= key_changes(network.name, key_file)
    text = path.read_text("utf-8-sig") if path.exists() else ""
    edited = edit_toml(text, changes, str(path))
    if key:
        write_settings(key_file, f"{key}\n")
    write_settings(path, edited)
    print(path)
    return ExitCode.OK


def _key_in(admission: str, place: Place, network: Network) -> str:
    """Return the key that a line holds. Raise WalletError."""
    from emeth_tui.clients.admission import opened

    return opened(admission, wallet_of(place, take_secrets()), network)


def _facts(network: Network, settings: Settings) -> list[tuple[str, str, str]]:
    known = settings.networks.get(network.name, {})
    moved = known.get("core_address", network.core_address) != network.core_address
    facts = [
        (_("network"), network.name, "accent"),
        (_("chain"), f"{network.chain_id}, {network.native_symbol}", ""),
        (_("endpoints"), ", ".join(clean(without_secrets(url)) for url in network.rpc_urls), ""),
        ("EmethCore", network.core_address, "warn" if moved else ""),
        ("EMT", network.token_address, ""),
        (_("storage API"), clean(without_secrets(network.storage_url)), ""),
        (_("info server"), clean(without_secrets(network.info_url)), ""),
        (_("models"), ", ".join(f"{one.value} {clean(model)}" for one, model in network.models.items()), ""),
        (_("verification"), network.verification, ""),
        (_("confirmations"), str(network.confirmations), ""),
        (_("spare time"), duration(network.safety_margin_s), ""),
        (_("settings"), str(settings.source), ""),
    ]
    if network.storage_hosts:  # presigned URLs may lead there, inside of one's own network as well
        facts.append((_("further hosts"), ", ".join(map(clean, network.storage_hosts)), "warn"))
    if moved:
        replaced = _("EmethCore at {address}").format(address=clean(str(known["core_address"])))
        facts.append((_("replaces"), replaced, "bad"))
    return facts
