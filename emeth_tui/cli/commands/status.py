"""`emeth-tui status`: the node at a glance, once or again and again."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.commands.jobs import job_columns
from emeth_tui.cli.node.job_ids import short_ids
from emeth_tui.cli.node.place import LiveNode, Place, place_of, run
from emeth_tui.cli.output.printing import JSON, Output, example, print_json, print_json_line
from emeth_tui.cli.output.table import Column, fact_lines, table_lines
from emeth_tui.errors import ExitCode, NotRunning, StoreError
from emeth_tui.model import JobState, WorkerPhase, format_token
from emeth_tui.streams import narrate
from emeth_tui.words.formats import Count, cost, countdown, duration, emt, exact_emt, phase_name, size, speed
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.view.snapshot import Snapshot
    from emeth_tui.job import Job
    from emeth_tui.workers.views import WorkerView

WATCH_EVERY_S = 2.0
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_BAD_PHASES = frozenset({WorkerPhase.AWAY, WorkerPhase.DOWN, WorkerPhase.RESTARTING})

Facts = list[tuple[str, str, str]]


@click.command(epilog=example("emeth-tui status --watch", "emeth-tui status --json | jq .claims_paused"))
@click.option(
    "--watch", "-w", is_flag=True, help="Show it again every two seconds, until the node ends or Ctrl-C."
)
@JSON
@click.pass_context
def status(context: click.Context, watch: bool, as_json: bool) -> ExitCode:
    """Show the running node at a glance: claiming, workers, jobs, money, services.

    Without a running node it shows the jobs that are still open, and exits with 22. With --watch, --json
    prints one object a line.
    """
    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    try:
        run(_watch(place, output) if watch else _once(place, output))
    except NotRunning as error:
        if watch:
            raise
        _without_node(place, output)
        narrate(f"emeth-tui: {text_of(error.reason)}")
        return ExitCode.NOT_RUNNING
    return ExitCode.OK


async def _once(place: Place, output: Output) -> None:
    async with place.node() as node:
        snapshot = await node.snapshot()
        if output.as_json:
            print_json(_document(node, snapshot))
        else:
            output.lines(_lines(output, node, snapshot))


async def _watch(place: Place, output: Output) -> None:
    import asyncio

    from emeth_tui.control.connection import ConnectionBroken

    async with place.node() as node:
        while True:
            try:
                snapshot = await node.snapshot()
            except ConnectionBroken:
                if not node.has_ended:
                    raise
                return
            if output.as_json:
                print_json_line(_document(node, snapshot))
            else:
                sys.stdout.write(_CLEAR if output.style.width else "")
                print("\n".join(_lines(output, node, snapshot)), end="\n" if output.style.width else "\n\n")
                sys.stdout.flush()
            await asyncio.wait({node.reading}, timeout=WATCH_EVERY_S)
            if node.has_ended:
                return


def _without_node(place: Place, output: Output) -> None:
    """Show what the database says of jobs that wait for a node."""
    try:
        with place.tables() as tables:
            jobs = [job for job in tables.jobs.all() if not job.state.is_final]
    except StoreError:  # no node has worked here
        jobs = []
    if output.as_json:
        from emeth_tui.listings.status import status_without_node

        network = place.network()
        print_json(asdict(status_without_node(network, jobs, time.time())))
    else:
        facts: Facts = [(_("node"), _("not running"), "warn"), (_("network"), place.settings.network, "")]
        output.facts([*facts, *jobs_fact(jobs)])
        output.lines(_job_lines(output, jobs, time.time()))


def _document(node: LiveNode, snapshot: Snapshot) -> dict[str, object]:
    from emeth_tui.listings.status import status_of

    return asdict(status_of(node.hello.pid, node.hello.version, snapshot))


def _lines(output: Output, node: LiveNode, snapshot: Snapshot) -> list[str]:
    facts = [
        *_node_facts(node, snapshot),
        *jobs_fact(snapshot.jobs),
        *money_facts(snapshot),
        *_rest(snapshot),
    ]
    lines = fact_lines(facts, output.style)
    if snapshot.workers:
        lines += ["", *table_lines(_worker_columns(snapshot), snapshot.workers, output.style)]
    return [*lines, *_job_lines(output, snapshot.jobs, snapshot.at_unix_s)]


def _node_facts(node: LiveNode, snapshot: Snapshot) -> Facts:
    from emeth_tui.notices.reasons.market import WorkersBusy

    running = _("process {pid}, emeth-tui {version}").format(pid=node.hello.pid, version=node.hello.version)
    facts: Facts = [(_("node"), running, ""), (_("network"), network_text(snapshot), "")]
    facts.append((_("account"), snapshot.address, ""))
    if snapshot.stopping:
        stopping = _("draining: takes no new jobs") if snapshot.stopping == "draining" else _("stopping")
        facts.append((_("claiming"), stopping, "warn"))
    elif snapshot.claims_paused is not None:
        paused = _("paused: {reason}").format(reason=text_of(snapshot.claims_paused))
        facts.append((_("claiming"), paused, "warn"))
    elif snapshot.standstill is not None and isinstance(snapshot.standstill.reason, WorkersBusy):
        facts.append((_("claiming"), text_of(snapshot.standstill.reason), "good"))
    elif snapshot.standstill is not None:
        since = duration(snapshot.at_unix_s - snapshot.standstill.since_unix_s)
        nothing = _("nothing for {time}: {reason}").format(
            time=since, reason=text_of(snapshot.standstill.reason)
        )
        facts.append((_("claiming"), nothing, ""))
    else:
        facts.append((_("claiming"), _("on"), "good"))
    facts += [(_("comes next"), text_of(change.what), "") for change in snapshot.coming]
    return facts


def network_text(snapshot: Snapshot) -> str:
    """Name the network, its chain and its newest block."""
    network = _("{name}, chain {chain}").format(name=snapshot.network, chain=snapshot.chain_id)
    if snapshot.head is None:
        return network
    age_s = max(0.0, snapshot.at_unix_s - snapshot.head.timestamp_unix_s)
    block = _("block {number}, {time} ago").format(number=f"{snapshot.head.number:,}", time=duration(age_s))
    return _(", ").join((network, block))


def jobs_fact(jobs: Sequence[Job]) -> Facts:
    """Count the open jobs."""
    waiting = sum(job.state is JobState.SUBMITTED for job in jobs)
    counts = _("{n} under way, {waiting:waits|wait} for the verifier").format(
        n=Count(len(jobs) - waiting), waiting=Count(waiting)
    )
    return [(_("jobs"), counts, "")]


def money_facts(snapshot: Snapshot) -> Facts:
    """Say what is free, locked and at risk, today's share, and the rewards that wait."""
    deposits, today = snapshot.deposits, snapshot.today
    facts: Facts = []
    if deposits is not None:
        amounts = _("{free} free, {locked} locked, {risk} at risk").format(
            free=emt(deposits.free_wei),
            locked=emt(deposits.locked_wei),
            risk=f"{cost(deposits.at_risk_wei)} EMT",
        )
        native = f"{format_token(deposits.native_wei, 4)} {snapshot.native_symbol}"
        facts += [(_("deposits"), amounts, ""), (_("for gas"), native, "")]
        if deposits.lost_today_wei:
            facts.append((_("lost today"), exact_emt(deposits.lost_today_wei), "bad"))
    if today is not None:
        share = _("{own} of {total} gas, ≈ {reward} if the day ended now; it ends in {time}").format(
            own=f"{today.share.own_gas:,}",
            total=f"{today.share.total_gas:,}",
            reward=emt(today.share.own_reward_wei),
            time=countdown(today.ends_at_unix_s - snapshot.at_unix_s),
        )
        facts.append((_("today"), share, ""))
        if today.waiting:
            waiting_wei = sum(share.withdrawable_wei for share in today.waiting)
            waiting = _("{amount} of {n:closed day waits|closed days wait} to be withdrawn").format(
                amount=emt(waiting_wei), n=Count(len(today.waiting))
            )
            facts.append((_("rewards"), waiting, "accent"))
    return facts


def _rest(snapshot: Snapshot) -> Facts:
    from emeth_tui.words.formats import service_name

    disk = _("{used} of {limit}").format(
        used=size(snapshot.disk.used_bytes), limit=size(snapshot.disk.limit_bytes)
    )
    facts: Facts = [(_("disk"), disk, "")]
    for service in snapshot.services:
        if service.broken_since_unix_s is not None:
            since = duration(snapshot.at_unix_s - service.broken_since_unix_s)
            reason = text_of(service.reason) if service.reason else ""
            down = _("no answer for {time}: {reason}").format(time=since, reason=reason)
            facts.append((service_name(service.name), down, "bad"))
    return facts


def _worker_columns(snapshot: Snapshot) -> list[Column[WorkerView]]:
    short = short_ids([job.job_id for job in snapshot.jobs])
    resting = {held.worker: held.reason for held in snapshot.held if held.finishing is None}
    forecasts = {forecast.job_id: forecast for forecast in snapshot.forecasts}

    def left(worker: WorkerView) -> str:
        forecast = next((forecasts[job] for job in forecasts if job == worker.job_id), None)
        return f"≈ {duration(forecast.left.expected_s)}" if forecast and forecast.left.measured else ""

    return [
        Column(_("worker"), lambda worker: str(worker.index), right=True),
        Column(_("device"), lambda worker: worker.device),
        Column(_("name"), lambda worker: worker.device_name, rank=4, flexible=True),
        Column(
            _("phase"),
            lambda worker: (
                f"{_('held')}: {text_of(resting[worker.index])}"
                if worker.index in resting
                else phase_name(worker.phase)
            ),
            lambda w: "bad" if w.phase in _BAD_PHASES else "",
        ),
        Column(_("job"), lambda worker: short.get(worker.job_id or "", ""), lambda _worker: "accent"),
        Column(
            _("epoch"), lambda worker: f"{worker.epoch}/{worker.epochs}" if worker.job_id else "", right=True
        ),
        Column(
            _("loss"),
            lambda worker: f"{worker.train_loss:.3f}" if worker.train_loss else "",
            right=True,
            rank=2,
        ),
        Column(_("tokens/s"), lambda w: speed(w.tokens_per_s) if w.tokens_per_s else "", right=True, rank=3),
        Column(_("left"), left, right=True, rank=1),
    ]


def _job_lines(output: Output, jobs: Sequence[Job], now: float) -> list[str]:
    if not jobs:
        return []
    columns = job_columns([job.job_id for job in jobs], now, ended=False)
    return ["", *table_lines(columns, jobs, output.style)]
