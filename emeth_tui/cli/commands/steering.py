"""`emeth-tui pause`, `resume`, `finish` and `stop`: what the running node does next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import click

from emeth_tui.cli.node.completing import OPEN_JOB_ID
from emeth_tui.cli.node.job_ids import open_job
from emeth_tui.cli.node.place import LiveNode, Place, place_of, run
from emeth_tui.cli.output.printing import JSON, Output, example
from emeth_tui.cli.output.result import Result, result_of
from emeth_tui.cli.types import DURATION, TIME_OF_DAY
from emeth_tui.errors import ExitCode
from emeth_tui.model import JobId
from emeth_tui.words.translation import _

NodeWideCommand = Literal["resume_claims", "finish_then_pause", "drain"]
CLAIMS = click.option("--claims", is_flag=True, help="Claiming, and no job.")
JOB = click.argument("job_id", metavar="[ID]", type=OPEN_JOB_ID, required=False)


@click.command(epilog=example("emeth-tui pause 6f2a --for 2h", "emeth-tui pause --claims --until 07:00"))
@JOB
@CLAIMS
@click.option("--for", "for_s", type=DURATION, metavar="TIME", help="For so long: 90s, 30m, 2h, 1d, 1h30m.")
@click.option(
    "--until", type=TIME_OF_DAY, metavar="HH:MM", help="Until it is that time by schedule.time_zone."
)
@JSON
@click.pass_context
def pause(
    context: click.Context,
    job_id: str | None,
    claims: bool,
    for_s: int | None,
    until: str | None,
    as_json: bool,
) -> ExitCode:
    """Pause a job at its next step, or claiming. Both stay paused when the node starts anew.

    A job that would miss its deadline is not paused, but finished or given back: schedule.job_at_risk.
    """
    _check_one(job_id, claims)
    if for_s is not None and until:
        raise click.UsageError("--for or --until, not both")
    with _result(context, as_json) as (place, result):
        paused, end = run(_pause(place, result, job_id, {"for_s": for_s, "until": until or ""}))
        if paused is None and end:
            result.say(_("the node takes no new jobs until {end}").format(end=end))
        elif paused is None:
            result.say(_("the node takes no new jobs until `emeth-tui resume --claims`"))
        else:
            said = (
                _("job {job} pauses at its next step, until {end}")
                if end
                else _("job {job} pauses at its next step")
            )
            result.note_job(paused, said.format(job=paused, end=end))
    return ExitCode.OK


@click.command(epilog=example("emeth-tui resume 6f2a", "emeth-tui resume --claims"))
@JOB
@CLAIMS
@JSON
@click.pass_context
def resume(context: click.Context, job_id: str | None, claims: bool, as_json: bool) -> ExitCode:
    """Let a paused job go on, or take new jobs again."""
    _check_one(job_id, claims)
    with _result(context, as_json) as (place, result):
        if job_id is None:
            run(_do(place, result, "resume_claims"))
            result.say(_("the node takes new jobs again"))
        else:
            resumed = run(_resume_job(place, result, job_id))
            result.note_job(resumed, _("job {job} goes on").format(job=resumed))
    return ExitCode.OK


@click.command(epilog=example("emeth-tui finish"))
@JSON
@click.pass_context
def finish(context: click.Context, as_json: bool) -> ExitCode:
    """Finish the jobs under way, and take no new ones until `emeth-tui resume --claims`."""
    with _result(context, as_json) as (place, result):
        run(_do(place, result, "finish_then_pause"))
        result.say(
            _("the jobs under way are finished, and no new ones taken until `emeth-tui resume --claims`")
        )
    return ExitCode.OK


@click.command(epilog=example("emeth-tui stop --drain", "emeth-tui stop --now"))
@click.option("--drain", is_flag=True, help="Once the jobs under way are submitted; no new ones are taken.")
@click.option(
    "--now", is_flag=True, help="At once; every job is saved and goes on at the next start. [default]"
)
@JSON
@click.pass_context
def stop(context: click.Context, drain: bool, now: bool, as_json: bool) -> ExitCode:
    """Stop the node, and wait until it has ended. With --drain it ends later, and is not waited for."""
    if drain and now:
        raise click.UsageError("--drain or --now, not both")
    with _result(context, as_json) as (place, result):
        if drain:
            run(_do(place, result, "drain"))
            result.say(_("the node ends when the jobs under way are submitted"))
        else:
            result.pid = run(_stop(place))
            result.say(_("the node (process {pid}) has ended").format(pid=result.pid))
    return ExitCode.OK


@contextmanager
def _result(context: click.Context, as_json: bool) -> Iterator[tuple[Place, Result]]:
    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    with result_of(str(context.info_name), output) as result:
        yield place, result


async def _stop(place: Place) -> int:
    """Stop the node, wait for its goodbye, and return its process."""
    import asyncio

    from emeth_tui.control.connection import NodeEnded

    async with place.node() as node:
        await node.connection.ask("events")  # who follows events may be silent for as long as it takes
        await node.connection.do("request_stop")
        await asyncio.wait({node.reading})
        try:
            node.reading.result()
        except NodeEnded:
            return node.hello.pid
        raise AssertionError("the task that reads ends with an error alone")


async def _pause(
    place: Place, result: Result, typed: str | None, length: dict[str, Any]
) -> tuple[JobId | None, str]:
    """Pause a job or claiming; return the job, and until when."""
    async with place.node() as node:
        result.pid = node.hello.pid
        if typed is None:
            job_id, end = None, await node.connection.do("pause_claims", **length)
        else:
            job_id = await _open_job(place, node, typed)
            end = await node.connection.do("pause_job", job_id=job_id, **length)
        result.until = await _exact_end(node, job_id) if end else None
        return job_id, end


async def _exact_end(node: LiveNode, job_id: JobId | None) -> str | None:
    """Return when a pause of a job or of claiming ends, for programs."""
    from emeth_tui.listings.status import end_of_claims_pause
    from emeth_tui.listings.texts import iso_or_none

    snapshot = await node.snapshot()
    if job_id is None:
        return end_of_claims_pause(snapshot.claims_paused)
    ends = [job.paused_until_unix_s for job in snapshot.jobs if job.job_id == job_id]
    return iso_or_none(ends[0]) if ends else None


async def _do(place: Place, result: Result, command: NodeWideCommand) -> None:
    async with place.node() as node:
        result.pid = node.hello.pid
        await node.connection.do(command)


async def _resume_job(place: Place, result: Result, typed: str) -> JobId:
    """Let an open job go on, and return its id."""
    async with place.node() as node:
        result.pid = node.hello.pid
        job_id = await _open_job(place, node, typed)
        await node.connection.do("resume_job", job_id=job_id)
        return job_id


async def _open_job(place: Place, node: LiveNode, typed: str) -> JobId:
    """Return the open job that was meant. Raise NoSuchJob or CommandRefused."""
    snapshot = await node.snapshot()
    return open_job(place, typed, [job.job_id for job in snapshot.jobs])


def _check_one(job_id: str | None, claims: bool) -> None:
    if (job_id is not None) == claims:
        raise click.UsageError("name a job, or --claims")
