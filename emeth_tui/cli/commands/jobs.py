"""`emeth-tui jobs` and `job`: the jobs that are or were this node's, and everything about one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.commands.events import event_text, remedy_lines
from emeth_tui.cli.node.completing import JOB_ID
from emeth_tui.cli.node.job_ids import known_job, short_ids
from emeth_tui.cli.node.place import Place, place_of
from emeth_tui.cli.output.listing import listing
from emeth_tui.cli.output.printing import JSON, Output, example, print_json
from emeth_tui.cli.output.table import Column, paragraph_lines
from emeth_tui.cli.types import SINCE
from emeth_tui.errors import ExitCode
from emeth_tui.model import JobId, JobState, Prices, energy_worth, format_token, net_worth
from emeth_tui.words.formats import (
    STATE_ROLES,
    Count,
    cost,
    duration,
    energy,
    exact_token,
    losses,
    moment,
    size,
    state_name,
    transaction_state_name,
)
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.job import Job
    from emeth_tui.listings.details import StoredJob
    from emeth_tui.model import JournaledTransaction
    from emeth_tui.notices.event import Event

EVENTS_SHOWN = 12
EPOCHS_SHOWN = 5
_STATES = [*(state.value for state in JobState), "open", "ended"]


@click.command(
    epilog=example("emeth-tui jobs --state open", "emeth-tui jobs --since 7d --json | jq '.[].job_id'")
)
@click.option(
    "--state",
    "states",
    type=click.Choice(_STATES),
    metavar="S",
    multiple=True,
    help="Only these: open, ended, or a state such as training; repeat for more.",
)
@SINCE
@listing
def jobs(place: Place, output: Output, states: tuple[str, ...], since: float | None) -> ExitCode:
    """List the jobs that are or were this node's, the newest first.

    --since keeps what was taken, submitted or ended since then, and what is still open.
    """
    from emeth_tui.listings import making
    from emeth_tui.listings.records import JobRecord

    with place.tables() as tables:
        known = tables.jobs.all()[::-1]
    chosen = [job for job in known if _is_wanted(job, states) and _is_since(job, since)]
    if not chosen:
        output.nothing(_("no job yet") if not known else _("no job matches"))
    output.table(
        JobRecord, chosen, making.job, lambda: job_columns([job.job_id for job in known], time.time())
    )
    return ExitCode.OK


@click.command(epilog=example("emeth-tui job 6f2a"))
@click.argument("job_id", metavar="ID", type=JOB_ID)
@JSON
@click.pass_context
def job(context: click.Context, job_id: str, as_json: bool) -> ExitCode:
    """Show everything about one job: its states, epochs, transactions, movements of EMT, files and events.

    ID is the beginning of its id, as long as no other job's begins with the same.
    """
    from emeth_tui.listings.details import read_job

    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    with place.tables() as tables:
        found = known_job(place, job_id)
        stored = read_job(tables, found, place.settings.jobs_dir)
    if as_json:
        print_json(asdict(stored.record(place.settings.rewards.prices)))
    else:
        _print_job(output, stored, place.native_symbol(), place.settings.rewards.prices)
    return ExitCode.OK


def job_columns(known: Sequence[JobId], now: float, *, ended: bool = True) -> list[Column[Job]]:
    """Return the columns of a table of jobs; its ids are unique among all that are `known`.

    `now` is in unix seconds, and `ended` whether jobs that have ended may be among them.
    """
    short = short_ids(known)
    settled: list[Column[Job]] = [
        Column(_("earned"), lambda job: format_token(job.earned_wei), right=True),
        Column(
            _("lost"), lambda job: cost(job.lost_wei, 9), lambda j: "bad" if j.lost_wei else "", right=True
        ),
    ]
    return [
        Column(_("job"), lambda job: short[job.job_id], lambda _job: "accent"),
        Column(_("taken"), lambda job: moment(job.created_at_unix_s)[:16], lambda _job: "muted", rank=3),
        Column(_("state"), state_text, lambda job: STATE_ROLES.get(job.seen_end or job.state, "")),
        Column(_("epochs"), lambda job: f"{job.epochs_done}/{job.epochs}", right=True, rank=1),
        Column(_("size"), lambda job: f"{job.language.value} {size(job.dataset_bytes)}", right=True, rank=5),
        Column(_("fee"), lambda job: format_token(job.fee_wei), right=True, rank=4),
        Column(_("deadline"), lambda job: _deadline(job, now), right=True, rank=2),
        *(settled if ended else []),
        Column(_("reason"), _error, lambda _job: "warn", rank=6, flexible=True),
    ]


def state_text(job: Job) -> str:
    """Name a job's state, and what holds it up."""
    if job.seen_end is not None and not job.state.is_final:
        return _("{state}, not final").format(state=state_name(job.seen_end))
    return _("{state}, paused").format(state=state_name(job.state)) if job.paused else state_name(job.state)


def _is_wanted(job: Job, states: Sequence[str]) -> bool:
    group = "ended" if job.state.is_final else "open"
    return not states or job.state.value in states or group in states


def _is_since(job: Job, since: float | None) -> bool:
    if since is None or not job.state.is_final:
        return True
    return max(job.created_at_unix_s, job.submitted_at_unix_s or 0.0, job.ended_at_unix_s or 0.0) >= since


def _deadline(job: Job, now: float) -> str:
    if job.state.is_final or job.state is JobState.SUBMITTED:
        return ""
    left_s = job.deadline_unix_s - now
    return duration(left_s) if left_s > 0 else _("over")


def _error(job: Job) -> str:
    from emeth_tui.words.sentences import text_of

    return text_of(job.error) if job.error else ""


def _print_job(output: Output, stored: StoredJob, symbol: str, prices: Prices) -> None:
    output.facts([*_facts(stored.job), *_net_facts(stored, prices)])
    _section(output, _("states"), [f"{moment(at)}  {state_name(state)}" for state, at in stored.states])
    _section(output, _("epochs"), _epochs(stored))
    _section(output, _("transactions"), [_transaction(tx, symbol) for tx in stored.transactions])
    moved = [
        f"{moment(one.at_unix_s)}  {one.kind.value}  {exact_token(one.amount_wei)} EMT  {one.tx_hash}"
        for one in stored.movements
    ]
    _section(output, _("movements"), moved)
    _section(output, _("files"), [f"{name}  {size(size_bytes)}" for name, size_bytes in stored.files])
    _print_events(output, stored.events[-EVENTS_SHOWN:])


def _facts(job: Job) -> list[tuple[str, str, str]]:
    facts = [
        (_("job"), job.job_id, "accent"),
        (_("state"), state_text(job), STATE_ROLES.get(job.state, "")),
        (_("dataset"), f"{_clean(job.dataset)}, {size(job.dataset_bytes)}, {job.language.value}", ""),
        (_("model"), _clean(job.model), ""),
        (_("batch"), _("{n:block|blocks}").format(n=Count(job.batch_size)), ""),
        (_("epochs"), f"{job.epochs_done}/{job.epochs}", ""),
        (_("fee"), f"{exact_token(job.fee_wei)} EMT", ""),
        (_("deposit"), f"{exact_token(job.deposit_wei)} EMT", ""),
        (_("deadline"), f"{moment(job.deadline_unix_s)} UTC", ""),
    ]
    if job.paused and job.paused_until_unix_s is not None:
        facts.insert(2, (_("paused until"), f"{moment(job.paused_until_unix_s)} UTC", "warn"))
    if said := losses(job.start_loss, job.best_loss, job.valid_loss):
        facts.insert(-3, (_("validation loss"), said, ""))
    if job.state.is_final:
        facts.append((_("earned"), f"{exact_token(job.earned_wei)} EMT", "good" if job.earned_wei else ""))
        facts.append((_("lost"), f"{exact_token(job.lost_wei)} EMT", "bad" if job.lost_wei else ""))
        facts.append((_("gas"), f"{job.gas:,}", ""))
    if job.error is not None:
        facts.append((_("reason"), _error(job), "warn"))
    return facts


def _net_facts(stored: StoredJob, prices: Prices) -> list[tuple[str, str, str]]:
    """Say what energy a job took, and what is left of it at the owner's prices once it has ended."""
    job, facts = stored.job, list[tuple[str, str, str]]()
    prices = prices.at(job.ended_at_unix_s)
    if job.energy_mj is not None:
        costs = energy_worth(job.energy_mj, prices.energy)
        at_price = "" if costs is None else f", {costs:,.2f} {prices.currency}"
        facts.append((_("energy"), energy(job.energy_mj) + at_price, ""))
    net = net_worth(prices, job.earned_wei - job.lost_wei, stored.fee_wei, job.energy_mj)
    if job.state.is_final and net is not None:
        facts.append((_("net"), f"{net:,.2f} {prices.currency}", "bad" if net < 0 else "good"))
    return facts


def _epochs(stored: StoredJob) -> list[str]:
    shown = stored.epochs[-EPOCHS_SHOWN:]
    lines = [
        _("{n}: training loss {train}, validation loss {valid}, {time}").format(
            n=epoch.epoch,
            train=f"{epoch.train_loss:.4f}",
            valid=f"{epoch.valid_loss:.4f}",
            time=duration(epoch.seconds),
        )
        for epoch in shown
    ]
    left_out = len(stored.epochs) - len(shown)
    return [_("{n} before").format(n=left_out), *lines] if left_out else lines


def _transaction(tx: JournaledTransaction, symbol: str) -> str:
    fee = f"  {exact_token(tx.fee_wei)} {symbol}" if tx.fee_wei is not None else ""
    state = transaction_state_name(tx.state)
    return f"{moment(tx.created_at_unix_s)}  {tx.purpose}  {state}{fee}  {tx.tx_hash}"


def _section(output: Output, title: str, lines: Sequence[str]) -> None:
    if lines:
        style = output.style
        output.lines(["", style.paint(style.text(title), "title")])
        output.lines(paragraph_lines([(line, "") for line in lines], style, indent=2))


def _print_events(output: Output, events: Sequence[Event]) -> None:
    """Print a job's events, with what to do under each that asks for something."""
    if not events:
        return
    style = output.style
    output.lines(["", style.paint(style.text(_("events")), "title")])
    for event in events:
        output.lines(paragraph_lines([(event_text(event, with_job=False), "")], style, indent=2))
        output.lines(remedy_lines(event, style))


def _clean(text: str) -> str:
    from emeth_tui.foreign_text import clean

    return clean(text)
