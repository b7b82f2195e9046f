"""`emeth-tui requests`: what became of the jobs that this account requested."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.job_ids import short_ids
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.printing import CSV, JSON, Output, example, print_json_line
from emeth_tui.cli.output.table import Column
from emeth_tui.cli.requester.completing import REQUEST_ID
from emeth_tui.cli.requester.place import find_request, known_requests, requester_of, wallet_of
from emeth_tui.errors import ContractMissing, ExitCode, NetworkError, WrongChain
from emeth_tui.model import ServiceName
from emeth_tui.streams import narrate
from emeth_tui.words.formats import cost, duration, job_status_name, moment, shorten_address, size
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.clients.chain.client import ChainClient
    from emeth_tui.engine.view.following import FollowedJob
    from emeth_tui.store.requests import StoredRequest


@click.group(
    invoke_without_command=True,
    epilog=example("emeth-tui requests", "emeth-tui requests --json | jq '.[].state'"),
)
@JSON
@CSV
@click.pass_context
def requests(context: click.Context, as_json: bool, as_csv: bool) -> ExitCode:
    """List the jobs that this account requested, the newest first; the commands below take one of them.

    What became of them is read from the chain. ID is the beginning of a job's id, as long as no other job's
    begins with the same.
    """
    if context.invoked_subcommand:
        return ExitCode.OK
    from emeth_tui.listings.request_records import RequestRecord
    from emeth_tui.listings.requests import request_record

    place = place_of(context)
    output = Output(as_json, as_csv, place.settings.screen.ascii)
    known = known_requests(place)[::-1]
    followed = run(_look(place, known)) if known else []
    if not followed:
        output.nothing(_("nothing requested yet"))
    output.table(RequestRecord, followed, request_record, lambda: _columns(followed))
    return ExitCode.OK


@requests.command(
    epilog=example("emeth-tui requests watch 6f2a", "emeth-tui requests watch 6f2a --json | jq .state")
)
@click.argument("job_id", metavar="ID", type=REQUEST_ID)
@JSON
@click.pass_context
def watch(context: click.Context, job_id: str, as_json: bool) -> ExitCode:
    """Follow a requested job to its end: a line for each state. Exits with 26 unless it is verified.

    At a terminal, a line below shows the time that is left. With --json each state is one object a line.
    Where the chain stops answering, it says so and goes on when it can.
    """
    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    end = run(_watch(place, output, find_request(place, job_id)))
    return ExitCode.OK if end.is_verified else ExitCode.NOT_VERIFIED


@requests.command(epilog=example("emeth-tui requests cancel 6f2a"))
@click.argument("job_id", metavar="ID", type=REQUEST_ID)
@click.pass_context
def cancel(context: click.Context, job_id: str) -> ExitCode:
    """Cancel a job that no node has taken yet: its fee comes back.

    One that was never requested, because its `request` broke off, is forgotten.
    """
    place = place_of(context)
    request = find_request(place, job_id)
    run(_cancel(place, request, take_secrets()))
    print(_("job {job} is cancelled").format(job=request.job_id), flush=True)
    return ExitCode.OK


async def _look(place: Place, known: Sequence[StoredRequest]) -> list[FollowedJob]:
    from emeth_tui.clients.chain.client import ChainClient
    from emeth_tui.engine.view.following import follow

    chain = await ChainClient.connect(place.network())
    try:
        return await follow(chain, known)
    finally:
        await chain.close()


async def _watch(place: Place, output: Output, request: StoredRequest) -> FollowedJob:
    from emeth_tui.clients.chain.client import ChainClient
    from emeth_tui.engine.view.following import UNFINISHED
    from emeth_tui.notices.reasons.network.requesting import NotRequestedYet

    network = place.network()
    chain = await ChainClient.connect(network)
    said = ""
    try:
        followed, now_unix_s = await _look_once(chain, request)
        while True:
            if followed.state != said:
                _clear_line()
                _show(output, followed)
                if followed.state == UNFINISHED:
                    narrate(f"emeth-tui: {text_of(NotRequestedYet(request.path))}")
                said = followed.state
            if followed.has_ended:
                return followed
            _show_left(followed, now_unix_s)
            followed, now_unix_s = await _look_again(chain, request, network.poll_interval_s)
    finally:
        _clear_line()
        await chain.close()


async def _look_once(chain: ChainClient, request: StoredRequest) -> tuple[FollowedJob, int]:
    from emeth_tui.engine.view.following import follow

    (followed,) = await follow(chain, [request])
    return followed, (await chain.head()).timestamp_unix_s


async def _look_again(chain: ChainClient, request: StoredRequest, rest_s: float) -> tuple[FollowedJob, int]:
    """Look after a rest, and again until the chain answers; say once that it does not."""
    from emeth_tui.notices.events.node import ServiceLost

    is_silent = False
    while True:
        await asyncio.sleep(rest_s)
        try:
            return await _look_once(chain, request)
        except (WrongChain, ContractMissing):
            raise
        except NetworkError as error:
            if not is_silent:
                _clear_line()
                narrate(f"emeth-tui: {text_of(ServiceLost(ServiceName.CHAIN, error.reason))}")
            is_silent = True


def _show(output: Output, followed: FollowedJob) -> None:
    from emeth_tui.listings.requests import request_record, request_state_role

    if output.as_json:
        print_json_line(asdict(request_record(followed)))
        return
    job = followed.on_chain
    node = f"  {job.node}" if job and job.started_at_unix_s else ""
    style = output.style
    state = style.paint(style.text(job_status_name(followed.state)), request_state_role(followed.state))
    print(f"{followed.request.job_id}  {state}{node}", flush=True)


def _show_left(followed: FollowedJob, now_unix_s: int) -> None:
    if sys.stderr.isatty():
        left = duration(followed.deadline_unix_s - now_unix_s)
        sys.stderr.write(f"\r\x1b[K{_('{time} until the deadline').format(time=left)}")
        sys.stderr.flush()


def _clear_line() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


async def _cancel(place: Place, request: StoredRequest, secrets: Mapping[str, str]) -> None:
    """Cancel a request: by the running node where there is one."""
    if place.pid is not None:
        async with place.node() as node:
            await node.connection.do("cancel_request", job_id=request.job_id)
        return
    async with requester_of(place, place.network(), wallet_of(place, secrets)) as requester:
        await requester.cancel(request.job_id)


def _columns(followed: Sequence[FollowedJob]) -> list[Column[FollowedJob]]:
    from emeth_tui.foreign_text import clean
    from emeth_tui.listings.requests import request_state_role

    short = short_ids([one.request.job_id for one in followed])
    return [
        Column(_("job"), lambda one: short[one.request.job_id], lambda _one: "accent"),
        Column(_("state"), lambda one: job_status_name(one.state), lambda one: request_state_role(one.state)),
        Column(_("node"), _node, rank=4),
        Column(_("fee"), lambda one: cost(one.request.fee_wei, 9), right=True, rank=3),
        Column(
            _("size"),
            lambda one: f"{one.request.language.value} {size(one.request.dataset_bytes)}",
            right=True,
            rank=5,
        ),
        Column(
            _("requested"),
            lambda one: moment(one.request.created_at_unix_s)[:16],
            lambda _one: "muted",
            rank=2,
        ),
        Column(_("deadline"), lambda one: moment(one.deadline_unix_s)[:16], lambda _one: "muted", rank=1),
        Column(_("file"), lambda one: clean(one.request.path.name), rank=6, flexible=True),
    ]


def _node(one: FollowedJob) -> str:
    job = one.on_chain
    return shorten_address(job.node) if job and job.started_at_unix_s else ""
