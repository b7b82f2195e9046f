"""`emeth-tui network fund`: give an account EMT and native token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.network.types import ADDRESS
from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.confirming import YES, confirm
from emeth_tui.cli.output.printing import Output, example
from emeth_tui.cli.requester.place import refuse_beside_a_node, wallet_of
from emeth_tui.cli.types import Emt
from emeth_tui.errors import ExitCode
from emeth_tui.streams import narrate
from emeth_tui.words.formats import exact_emt, exact_token
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.network.funding import TopUp


@dataclass(frozen=True, slots=True)
class _Asked:
    address: str
    emt_wei: int
    native_wei: int
    yes: bool


@click.command(epilog=example("emeth-tui network fund ADDRESS --emt 200 --native 0.5"))
@click.argument("address", metavar="ADDRESS", type=ADDRESS)
@click.option("--emt", type=Emt(0), metavar="EMT", default="0", help="EMT to have.")
@click.option(
    "--native", type=Emt(0), metavar="AMOUNT", default="0", help="Native token that it should have."
)
@YES
@click.pass_context
def fund(context: click.Context, /, address: str, emt: int, native: int, yes: bool) -> ExitCode:
    """Bring an account up to these amounts, from the account of the settings.

    Shows what is sent and asks. What the account has counts, so the same command again sends nothing more.
    """
    place = place_of(context)
    refuse_beside_a_node(place)
    output = Output(ascii_only=place.settings.screen.ascii)
    run(_fund(place, output, _Asked(address, emt, native, yes), take_secrets()))
    return ExitCode.OK


async def _fund(place: Place, output: Output, asked: _Asked, secrets: Mapping[str, str]) -> None:
    from emeth_tui.clients.chain.client import ChainClient
    from emeth_tui.network.funding import plan_top_up, top_up

    network = place.network()
    wallet = wallet_of(place, secrets)
    chain = await ChainClient.connect(network)
    try:
        plan = await plan_top_up(chain, wallet, asked.address, asked.emt_wei, asked.native_wei)
        if not plan.more_emt_wei and not plan.more_native_wei:
            narrate(_("it has that already; nothing is sent"))
        else:
            confirm(output, _("Send this?"), _facts(plan, network.native_symbol), yes=asked.yes)
            await top_up(chain, wallet, plan)
    finally:
        await chain.close()
    print(asked.address)


def _facts(plan: TopUp, symbol: str) -> list[tuple[str, str, str]]:
    return [
        (_("account"), plan.address, "accent"),
        (_("has"), f"{exact_emt(plan.emt_wei)}, {exact_token(plan.native_wei)} {symbol}", ""),
        (
            _("gets"),
            f"{exact_emt(plan.more_emt_wei)}, {exact_token(plan.more_native_wei)} {symbol}",
            "accent",
        ),
    ]
