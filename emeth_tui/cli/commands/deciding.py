"""`emeth-tui claim`, `decline` and `withdraw`: what stakes, costs or brings money.

Claiming and declining show first what they come to, with the figures of the screen's dialogs, and ask.
Declining and withdrawing also work without a running node.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.node.at_rest import NodeAtRest, NodeAtWork, node_at_rest, take_secrets
from emeth_tui.cli.node.completing import JOB_ID, OPEN_JOB_ID
from emeth_tui.cli.node.job_ids import find_job, open_job
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.confirming import YES, confirm
from emeth_tui.cli.output.printing import JSON, Output, example
from emeth_tui.cli.output.result import Result, result_of
from emeth_tui.errors import CommandRefused, ExitCode, JobError
from emeth_tui.model import SECONDS_PER_DAY
from emeth_tui.words.formats import exact_emt, exact_token
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.view.snapshot import Snapshot
    from emeth_tui.job import Job
    from emeth_tui.listings.costs import DeclineCost
    from emeth_tui.notices.notice import Reason


@click.command(epilog=example("emeth-tui claim 6f2a", "emeth-tui claim 6f2a --yes"))
@click.argument("job_id", metavar="ID", type=JOB_ID)
@YES
@JSON
@click.pass_context
def claim(context: click.Context, job_id: str, yes: bool, as_json: bool) -> ExitCode:
    """Claim a job on offer: shows what it stakes and should bring, and asks.

    The rules on fee and size do not apply to it. Its claim is a transaction; what comes of it is an event.
    """
    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    with result_of("claim", output) as result:
        result.pid = place.pid
        claimed = run(_claim(place, output, job_id, yes=yes))
        result.note_job(claimed, _("job {job} is accepted; its claim goes to the chain").format(job=claimed))
    return ExitCode.OK


@click.command(epilog=example("emeth-tui decline 6f2a 91b0", "emeth-tui decline --all --yes"))
@click.argument("job_ids", metavar="[ID]...", type=OPEN_JOB_ID, nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every job that can be declined.")
@YES
@JSON
@click.pass_context
def decline(
    context: click.Context, job_ids: tuple[str, ...], every: bool, yes: bool, as_json: bool
) -> ExitCode:
    """Give jobs back, which costs a part of their deposits: shows how much, to the wei, and asks.

    Without a running node this opens the wallet and sends the transactions itself; the password comes from
    where the node's comes from.
    """
    if bool(job_ids) == every:
        raise click.UsageError("name jobs, or --all")
    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    with result_of("decline", output) as result:
        result.pid = place.pid
        run(_decline(place, output, result, job_ids, yes=yes))
    return ExitCode.OK if result.reason is None else ExitCode.REFUSED


class Slot(click.ParamType[int]):
    """A closed day: its slot's number, or its date."""

    name = "slot"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from datetime import datetime, timezone

        if isinstance(value, int):
            return value
        if value.isascii() and value.isdecimal():
            return int(value)
        try:
            day = datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=timezone.utc)
        except ValueError:
            self.fail(f"{value!r} is neither the number of a slot nor a date such as 2026-11-28", param, ctx)
        return int(day.timestamp()) // SECONDS_PER_DAY


@click.command(epilog=example("emeth-tui withdraw", "emeth-tui withdraw 2026-11-27"))
@click.argument("slots", metavar="[SLOT]...", type=Slot(), nargs=-1)
@JSON
@click.pass_context
def withdraw(context: click.Context, slots: tuple[int, ...], as_json: bool) -> ExitCode:
    """Withdraw the rewards of closed days, one transaction each: all, or those of the days named.

    SLOT is a day's date in UTC or the number of its slot. Without a running node this opens the wallet and
    sends the transactions itself. What was withdrawn is printed, also when that is nothing.
    """
    place = place_of(context)
    with result_of("withdraw", Output(as_json, ascii_only=place.settings.screen.ascii)) as result:
        result.pid = place.pid
        result.withdrawn_wei = run(_withdraw(place, slots))
        result.say(_("{amount} withdrawn").format(amount=exact_emt(result.withdrawn_wei)))
    return ExitCode.OK


async def _claim(place: Place, output: Output, typed: str, *, yes: bool) -> str:
    from emeth_tui.listings.costs import claim_facts
    from emeth_tui.notices.reasons.command_line import ListMarket
    from emeth_tui.tui import why_not
    from emeth_tui.tui.frame import make_frame

    node = NodeAtWork(place)
    snapshot = await node.snapshot()
    job_id = find_job(typed, [offer.job.job_id for offer in snapshot.offers], ListMarket())
    offer = next(offer for offer in snapshot.offers if offer.job.job_id == job_id)
    _refuse(why_not.claim(make_frame(snapshot), why_not.Target(offer=offer)))
    stake = exact_token(snapshot.rates.deposit_wei(offer.job.fee_wei))
    question = _("Claim job {job} and stake {amount} EMT?").format(job=job_id, amount=stake)
    confirm(output, question, claim_facts(snapshot, offer), yes=yes)
    await node.claim(job_id)
    return job_id


async def _decline(place: Place, output: Output, result: Result, typed: Sequence[str], *, yes: bool) -> None:
    from emeth_tui.listings.costs import decline_cost, decline_facts

    async with _money_node(place) as node:
        snapshot = await node.snapshot()
        costs = [decline_cost(snapshot, job) for job in _declinable(place, snapshot, typed)]
        amount = exact_token(sum(cost.penalty_wei for cost in costs))
        question = _("Decline and pay {amount} EMT?").format(amount=amount)
        confirm(output, question, decline_facts(snapshot, costs), yes=yes)
        await _decline_each(node, result, costs)


async def _decline_each(node: NodeAtWork | NodeAtRest, result: Result, costs: Sequence[DeclineCost]) -> None:
    """Decline jobs one by one; one that is refused keeps no other."""
    for cost in costs:
        job_id = cost.job.job_id
        try:
            await node.decline(job_id)
        except (CommandRefused, JobError) as error:
            result.note_job(job_id, reason=error.reason)
        else:
            text = _("job {job} is declined").format(job=job_id)
            result.note_job(job_id, text, cost_wei=cost.penalty_wei)


def _declinable(place: Place, snapshot: Snapshot, typed: Sequence[str]) -> list[Job]:
    """Return the jobs that were named, all that can be declined without names.

    Raise NoSuchJob, or CommandRefused when one of them cannot be declined.
    """
    from emeth_tui.notices.reasons.screen import NoJobToDecline
    from emeth_tui.tui import why_not
    from emeth_tui.tui.frame import make_frame

    frame = make_frame(snapshot)
    if not typed:
        every = why_not.declinable(frame)
        _refuse(None if every else NoJobToDecline())
        return every
    known = {job.job_id: job for job in snapshot.jobs}
    chosen = dict.fromkeys(open_job(place, one, known) for one in typed)
    jobs = [known[job_id] for job_id in chosen]
    for job in jobs:
        _refuse(why_not.decline_job(frame, why_not.Target(job=job)))
    return jobs


async def _withdraw(place: Place, slots: Sequence[int]) -> int:
    async with _money_node(place) as node:
        return await node.withdraw(list(slots))


@asynccontextmanager
async def _money_node(place: Place) -> AsyncIterator[NodeAtWork | NodeAtRest]:
    """Yield the node that runs here, or one at rest in this process, for commands about money."""
    if place.pid is not None:
        yield NodeAtWork(place)
        return
    async with node_at_rest(place, take_secrets()) as node:
        yield node


def _refuse(reason: Reason | None) -> None:
    if reason is not None:
        raise CommandRefused(reason)
