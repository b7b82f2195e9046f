"""`emeth-tui events`: what happened, and what happens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING

import click

from emeth_tui.cli.node.completing import JOB_ID
from emeth_tui.cli.node.job_ids import known_job
from emeth_tui.cli.node.place import Place, run
from emeth_tui.cli.output.listing import listing
from emeth_tui.cli.output.printing import Output, example, print_json_line
from emeth_tui.cli.output.table import Column, Style, paragraph_lines, table_lines
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
    from emeth_tui.store.events import EventTable

SHOWN = 100
MOST_SHOWN = 200_000  # as many as are kept
REMEDY_INDENT = 4
LEAST_READ = 100  # what arrives meanwhile is recognised among them
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@click.command(
    epilog=example(
        "emeth-tui events --follow --level warning", "emeth-tui events --search 'epoch 30' --since 7d"
    )
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens, until the node ends or Ctrl-C.")
@click.option("--job", "job_id", metavar="ID", type=JOB_ID, help="Only those of one job.")
@click.option("--level", type=click.Choice([level.value for level in Severity]), help="At least this level.")
@click.option("--search", "words", metavar="WORDS", default="", help="Only those whose text holds all words.")
@click.option(
    "--limit", type=click.IntRange(0, MOST_SHOWN), default=SHOWN, show_default=True, help="The newest."
)
@SINCE
@listing
def events(
    place: Place,
    output: Output,
    follow: bool,
    job_id: str | None,
    level: str | None,
    words: str,
    limit: int,
    since: float | None,
) -> ExitCode:
    """List what happened, the newest last. With --follow, --json prints one object a line.

    The newest 200,000 events are kept, and epochs among the newest 50,000; older ones are in the log files.
    """
    if follow and output.as_csv:
        raise click.UsageError("--follow prints lines, or JSON with --json")
    only = known_job(place, job_id) if job_id else None
    wanted = _Wanted(only, Severity(level or "debug"), since or 0.0, words.lower().split())
    if follow:
        run(_follow(place, output, wanted, limit))
    else:
        _list(output, _recent(place, wanted, limit))
    return ExitCode.OK


@dataclass(frozen=True)
class _Wanted:
    """Which events are asked for."""

    job_id: JobId | None
    level: Severity
    since_unix_s: float
    words: Sequence[str]

    def __call__(self, event: Event) -> bool:
        return (
            self.job_id in {None, event.job_id}
            and _RANKS[event.severity] >= _RANKS[self.level]
            and event.at_unix_s >= self.since_unix_s
            and self._has_words(event)
        )

    def newest(self, events: EventTable, limit: int) -> list[Event]:
        """Return the newest that are wanted, oldest first."""
        severities = [one for one in Severity if _RANKS[one] >= _RANKS[self.level]]
        found = events.newest(job_id=self.job_id, severities=severities, since_unix_s=self.since_unix_s)
        return [*islice(filter(self._has_words, found), limit)][::-1]

    def _has_words(self, event: Event) -> bool:
        if not self.words:
            return True
        from emeth_tui.words.sentences import text_of

        text = text_of(event.body).lower()
        return all(word in text for word in self.words)


def event_text(event: Event, *, with_job: bool = True) -> str:
    """Return an event as a line."""
    from emeth_tui.words.sentences import text_of

    job = f"{short(event.job_id) if event.job_id else '-':<7}  " if with_job else ""
    return f"{moment(event.at_unix_s)}  {job}{text_of(event.body)}"


def _recent(place: Place, wanted: _Wanted, limit: int) -> list[Event]:
    with place.tables() as tables:
        return wanted.newest(tables.events, limit)


def _list(output: Output, events: Sequence[Event]) -> None:
    from emeth_tui.listings import making
    from emeth_tui.listings.records import EventRecord

    if not events:
        output.nothing(_("no event matches"))
    if output.for_people:
        output.lines(_lines(output, events))
    else:
        output.table(EventRecord, events, making.event, _columns)


def _lines(output: Output, events: Sequence[Event]) -> list[str]:
    """Return events as a table, with what to do under each that asks for something."""
    titles, *rows = table_lines(_columns(), events, output.style)
    lines = [titles]
    for event, row in zip(events, rows, strict=True):
        lines += [row, *remedy_lines(event, output.style)]
    return lines


def remedy_lines(event: Event, style: Style) -> list[str]:
    """Return what to do about an event, dim and below it; nothing where nothing has to be done."""
    from emeth_tui.words.remedies import remedy_of

    remedy = remedy_of(event)
    return paragraph_lines([(f"→ {remedy}", "muted")], style, REMEDY_INDENT) if remedy else []


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


async def _follow(place: Place, output: Output, wanted: _Wanted, limit: int) -> None:
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
        known = _recent(place, wanted, max(limit, LEAST_READ))
        first = max(0, len(known) - limit)
        await node.connection.ask("events")
        known += [event for event in _recent(place, wanted, max(limit, LEAST_READ)) if event not in known]
        for event in known[first:]:
            print_event(output, event)
        while (arrived := await news.get()) is not None:
            if arrived not in known and wanted(arrived):
                print_event(output, arrived)
        with suppress(NodeEnded):
            node.reading.result()


def print_event(output: Output, event: Event) -> None:
    """Print an event at once, with what to do about it."""
    if output.as_json:
        from emeth_tui.listings import making

        print_json_line(asdict(making.event(event)))
        return
    line = output.style.text(event_text(event))
    lines = [output.style.paint(line, SEVERITY_ROLES[event.severity]), *remedy_lines(event, output.style)]
    print("\n".join(lines), flush=True)
