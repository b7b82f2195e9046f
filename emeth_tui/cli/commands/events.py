"""`emeth-tui events`: what happened, and what happens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.completing import JOB_ID
from emeth_tui.cli.node.job_ids import known_job
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.printing import CSV, JSON, Output, example, print_json_line
from emeth_tui.cli.output.table import Column
from emeth_tui.cli.types import SINCE
from emeth_tui.errors import ExitCode
from emeth_tui.model import Severity
from emeth_tui.protocol.job_ids import short
from emeth_tui.words.formats import SEVERITY_ROLES, moment
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.events import JobProgress
    from emeth_tui.model import JobId
    from emeth_tui.notices.event import Event

SHOWN = 100
LEAST_SEARCHED = 100  # what arrives meanwhile is recognised among them
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@click.command(
    epilog=example("emeth-tui events --follow --level warning", "emeth-tui events --job 6f2a --since 1d")
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens, until the node ends or Ctrl-C.")
@click.option("--job", "job_id", metavar="ID", type=JOB_ID, help="Only those of one job.")
@click.option("--level", type=click.Choice([level.value for level in Severity]), help="At least this level.")
@click.option("--limit", type=click.IntRange(0, 10_000), default=SHOWN, show_default=True, help="The newest.")
@SINCE
@JSON
@CSV
@click.pass_context
def events(
    context: click.Context,
    follow: bool,
    job_id: str | None,
    level: str | None,
    limit: int,
    since: float | None,
    as_json: bool,
    as_csv: bool,
) -> ExitCode:
    """List what happened, the newest last. With --follow, --json prints one object a line."""
    place = place_of(context)
    output = Output(as_json, as_csv, place.settings.screen.ascii)
    if follow and as_csv:
        raise click.UsageError("--follow prints lines, or JSON with --json")
    wanted = _Wanted(known_job(place, job_id) if job_id else None, Severity(level or "debug"), since, limit)
    if follow:
        run(_follow(place, output, wanted))
    else:
        _list(output, wanted.among(_recent(place, wanted)))
    return ExitCode.OK


class _Wanted:
    """Which events are asked for."""

    def __init__(self, job_id: JobId | None, level: Severity, since: float | None, limit: int) -> None:
        self._job_id = job_id
        self._level = _RANKS[level]
        self._since = since
        self._limit = limit

    def __call__(self, event: Event) -> bool:
        return (
            self._job_id in {None, event.job_id}
            and _RANKS[event.severity] >= self._level
            and event.at_unix_s >= (self._since or 0.0)
        )

    @property
    def searched(self) -> int:
        """How many of the newest events have to be read to find them."""
        from emeth_tui.store.events import KEPT_EVENTS

        every = self._job_id is None and self._level == 0 and self._since is None
        return max(self._limit, LEAST_SEARCHED) if every else KEPT_EVENTS

    def among(self, events: Sequence[Event]) -> list[Event]:
        """Return the newest that are wanted, oldest first."""
        passing = [event for event in events if self(event)]
        return passing[len(passing) - self._limit :] if self._limit < len(passing) else passing


def event_text(event: Event, *, with_job: bool = True) -> str:
    """Return an event as a line."""
    from emeth_tui.words.sentences import text_of

    job = f"{short(event.job_id) if event.job_id else '-':<7}  " if with_job else ""
    return f"{moment(event.at_unix_s)}  {job}{text_of(event.body)}"


def _recent(place: Place, wanted: _Wanted) -> list[Event]:
    with place.tables() as tables:
        return tables.events.recent(wanted.searched)


def _list(output: Output, events: Sequence[Event]) -> None:
    from emeth_tui.listings import making
    from emeth_tui.listings.records import EventRecord

    if not events:
        output.nothing(_("no event matches"))
    output.table(EventRecord, events, making.event, _columns)


def _columns() -> list[Column[Event]]:
    from emeth_tui.words.sentences import text_of

    return [
        Column(_("time, UTC"), lambda event: moment(event.at_unix_s), lambda _event: "muted"),
        Column(
            _("level"),
            lambda event: event.severity.value,
            lambda event: SEVERITY_ROLES[event.severity],
            rank=1,
        ),
        Column(_("job"), lambda event: event.job_id[:10] if event.job_id else "", lambda _event: "accent"),
        Column(
            _("event"), lambda event: text_of(event.body), lambda e: SEVERITY_ROLES[e.severity], flexible=True
        ),
    ]


async def _follow(place: Place, output: Output, wanted: _Wanted) -> None:
    """Print what is known, then what comes; nothing twice and nothing left out between the two."""
    import asyncio

    from emeth_tui.control.connection import NodeEnded
    from emeth_tui.notices.event import Event as EventClass

    news: asyncio.Queue[Event | None] = asyncio.Queue()

    def take(item: Event | JobProgress) -> None:
        if isinstance(item, EventClass):
            news.put_nowait(item)

    async with place.node(take) as node:
        node.reading.add_done_callback(lambda _done: news.put_nowait(None))
        await node.connection.ask("events")
        known = _recent(place, wanted)
        for event in wanted.among(known):
            _print(output, event)
        while (arrived := await news.get()) is not None:
            if arrived not in known and wanted(arrived):
                _print(output, arrived)
        with suppress(NodeEnded):
            node.reading.result()


def _print(output: Output, event: Event) -> None:
    if output.as_json:
        from emeth_tui.listings import making

        print_json_line(asdict(making.event(event)))
        return
    line = output.style.text(event_text(event))
    print(output.style.paint(line, SEVERITY_ROLES[event.severity]), flush=True)
