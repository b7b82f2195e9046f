"""`emeth-tui watch`: any account of a network, from its chain alone."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.commands.events import print_event
from emeth_tui.cli.commands.jobs import state_text
from emeth_tui.cli.commands.status import jobs_fact, money_facts, network_text
from emeth_tui.cli.network.types import Address
from emeth_tui.cli.node.job_ids import short_ids
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.printing import JSON, Output, example, print_json, print_json_line
from emeth_tui.cli.output.table import Column, table_lines
from emeth_tui.errors import ExitCode
from emeth_tui.model import format_token
from emeth_tui.words.formats import STATE_ROLES, cost, moment
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.settings import Network
    from emeth_tui.watching.watch import AccountWatch

JOBS_SHOWN = 20  # of those that have ended
_JOB_ID = re.compile(r"(0x)?[0-9a-fA-F]{1,32}")


class Account(Address):
    """An account's address; a job's id has another length."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if _JOB_ID.fullmatch(str(value).strip()):
            self.fail(
                f"{value} is a job's id, not an account's address: `emeth-tui requests watch {value}` "
                f"follows a job that you requested, `emeth-tui job {value}` shows one of this node's",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


@click.command(
    epilog=example(
        "emeth-tui watch 0x52908400098527886E0F7030069857D2E4169EE7",
        "emeth-tui watch $ADDRESS --network network.toml --json | jq .free_wei",
    )
)
@click.argument("address", type=Account())
@click.option(
    "--network",
    "given",
    metavar="FILE",
    help="A network's file, a node's settings, or a network's name [default: the settings' network].",
)
@click.option("--no-ui", is_flag=True, help="Print the account as lines instead of showing the screen.")
@click.option("--follow", "-f", is_flag=True, help="With lines: go on with what happens, until Ctrl-C.")
@JSON
@click.pass_context
def watch(
    context: click.Context, address: str, given: str | None, no_ui: bool, follow: bool, as_json: bool
) -> ExitCode:
    """Show any account on the screen from the chain alone: deposits, jobs, shares, rewards.

    It needs no wallet, no node and no state, sends nothing, and asks neither info server nor storage. With
    --no-ui or --json it prints the account and ends; with --follow, --json prints one object a line.

    ADDRESS is an account's. A job's id is for `emeth-tui requests watch ID`, which follows a job that you
    requested.
    """
    place = place_of(context)
    network = _network(place, given)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    no_ui = no_ui or as_json or place.options.no_ui
    if follow and not no_ui:
        raise click.UsageError("--follow goes with --no-ui or --json: the screen follows by itself")
    if no_ui:
        run(_print_account(network, address, output, follow=follow))
    else:
        _show(place, network, address)
    return ExitCode.OK


def _network(place: Place, given: str | None) -> Network:
    """Return the network that is meant: a file's, a name's, or that of the settings. Raise SettingsError."""
    if given is None:
        return place.network()
    path = Path(given).expanduser()
    if path.suffix or path.is_file() or len(path.parts) > 1:
        from emeth_tui.settings.profiles import network_of_file

        return network_of_file(path)
    from emeth_tui.settings import load_network

    return load_network(place.settings.model_copy(update={"network": given}), environment={})


def _show(place: Place, network: Network, address: str) -> None:
    from emeth_tui.running.views import view_account
    from emeth_tui.tui.terminal import check_terminal

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("the screen needs a terminal; use --no-ui or --json without one")
    check_terminal()
    asyncio.run(view_account(network, address, place.settings))


async def _print_account(network: Network, address: str, output: Output, *, follow: bool) -> None:
    from emeth_tui.watching.watch import AccountWatch

    account = AccountWatch(network, address)
    try:
        await account.read_all()
        _print(account, output, on_one_line=follow)
        if follow:
            await _follow(account, output)
    finally:
        await account.close()


def _print(account: AccountWatch, output: Output, *, on_one_line: bool) -> None:
    if output.as_json:
        from emeth_tui.listings.accounts import account_record

        (print_json_line if on_one_line else print_json)(asdict(account_record(account)))
        return
    snapshot = account.snapshot()
    output.facts(
        [
            (_("account"), snapshot.address, "accent"),
            (_("network"), network_text(snapshot), ""),
            *jobs_fact(snapshot.jobs),
            *money_facts(snapshot),
        ]
    )
    ended = [job for job in account.jobs if job.state.is_final]
    shown = [*snapshot.jobs, *ended[:JOBS_SHOWN]]
    if shown:
        output.lines(["", *table_lines(_columns(account.jobs), shown, output.style)])
    sys.stdout.flush()


async def _follow(account: AccountWatch, output: Output) -> None:
    from emeth_tui.notices.event import Event as EventClass

    reading = asyncio.create_task(account.run())
    stream = account.subscribe()
    reading.add_done_callback(lambda _done: stream.close())
    try:
        async for item in stream:
            if isinstance(item, EventClass):
                print_event(output, item)
        await reading
    finally:
        reading.cancel()
        await asyncio.wait({reading})


def _columns(known: Sequence[Job]) -> list[Column[Job]]:
    short = short_ids([job.job_id for job in known])
    return [
        Column(_("job"), lambda job: short[job.job_id], lambda _job: "accent"),
        Column(_("taken"), lambda job: moment(job.created_at_unix_s)[:16], lambda _job: "muted", rank=1),
        Column(_("state"), state_text, lambda job: STATE_ROLES.get(job.seen_end or job.state, "")),
        Column(_("fee"), lambda job: format_token(job.fee_wei), right=True, rank=3),
        Column(_("deposit"), lambda job: format_token(job.deposit_wei), right=True, rank=4),
        Column(
            _("deadline"),
            lambda job: "" if job.state.is_final else moment(job.deadline_unix_s)[:16],
            right=True,
            rank=2,
        ),
        Column(_("earned"), lambda job: format_token(job.earned_wei), right=True),
        Column(_("lost"), lambda job: cost(job.lost_wei, 9), _lost_role, right=True),
    ]


def _lost_role(job: Job) -> str:
    return "bad" if job.lost_wei else ""
