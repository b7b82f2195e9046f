"""`emeth-tui network info`: a network's contracts, roles and rates, and who earned what."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.place import place_of, run
from emeth_tui.cli.output.printing import JSON, Output, example, print_json
from emeth_tui.cli.output.table import Column, table_lines
from emeth_tui.errors import ExitCode
from emeth_tui.model import SECONDS_PER_DAY, format_token
from emeth_tui.words.formats import day_of, percent
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.network.overview import Day, NodeShare, NodeTotals, Overview
    from emeth_tui.settings import Network


@click.command(epilog=example("emeth-tui network info", "emeth-tui network info --json | jq '.nodes[]'"))
@JSON
@click.pass_context
def info(context: click.Context, /, as_json: bool) -> ExitCode:
    """Show the network of the settings as its chain has it: contracts, roles, rates, who earned what.

    A day's reward is shared by gas when the day (UTC) has ended. Today's shares are what they would be now.
    """
    from emeth_tui.listings.networks import network_record

    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    network = place.network()
    seen = run(_look(network))
    if as_json:
        print_json(asdict(network_record(network.name, network.chain_id, seen)))
    else:
        output.facts(_facts(network, seen))
        _print_earners(output, seen)
    return ExitCode.OK


async def _look(network: Network) -> Overview:
    from emeth_tui.clients.chain.client import ChainClient
    from emeth_tui.network.reading import look

    chain = await ChainClient.connect(network)
    try:
        return await look(chain)
    finally:
        await chain.close()


def _facts(network: Network, seen: Overview) -> list[tuple[str, str, str]]:
    from emeth_tui.listings.networks import contract_facts, rate_facts

    return [
        (_("network"), network.name, "accent"),
        (_("chain"), _("{id}, block {block:,}").format(id=network.chain_id, block=seen.head.number), ""),
        *contract_facts(seen),
        *rate_facts(seen),
    ]


def _print_earners(output: Output, seen: Overview) -> None:
    if not seen.nodes:
        output.nothing(_("no node has earned anything yet"))
        return
    output.lines(["", *table_lines(_node_columns(), seen.nodes, output.style)])
    rows = [(day, share) for day in seen.days for share in day.shares]
    output.lines(["", *table_lines(_day_columns(), rows, output.style)])


def _node_columns() -> list[Column[NodeTotals]]:
    return [
        Column(_("node"), lambda one: one.node, lambda _one: "accent"),
        Column(_("verified"), lambda one: f"{one.verified_jobs:,}", right=True),
        Column(_("gas"), lambda one: f"{one.gas:,}", right=True, rank=2),
        Column(_("fees"), lambda one: format_token(one.fees_wei), right=True, rank=1),
        Column(_("rewards"), lambda one: format_token(one.rewards_wei), right=True),
        Column(_("not withdrawn"), lambda one: format_token(one.withdrawable_wei), right=True, rank=3),
    ]


def _day_columns() -> list[Column[tuple[Day, NodeShare]]]:
    from emeth_tui.listings.networks import part_of_day, share_state

    return [
        Column(_("day"), lambda row: day_of(row[0].slot * SECONDS_PER_DAY)),
        Column(_("node"), lambda row: row[1].node, lambda _row: "accent"),
        Column(_("gas"), lambda row: f"{row[1].gas:,}", right=True, rank=2),
        Column(_("share"), lambda row: percent(part_of_day(*row)), right=True, rank=3),
        Column(_("reward"), lambda row: format_token(row[1].reward_wei), right=True),
        Column(
            _("state"),
            lambda row: share_state(*row),
            lambda row: "muted" if not row[0].is_closed else "",
            rank=1,
        ),
    ]
