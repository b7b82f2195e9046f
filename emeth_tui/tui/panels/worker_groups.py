"""The workers by machine: which lines the panel shows, and the heading over those of each machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct

from emeth_tui.tui.drawing.lines import Line, Span, fit, join, line
from emeth_tui.words.formats import duration, host_state_name, size
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.hosts.view import HostView
    from emeth_tui.tui.frame import Frame, Row

GAP_CELLS = 3


class Heading(Struct, frozen=True):
    """Stands over the rows of a machine: a host's, those of this machine, or of no worker."""

    name: str  # "" where it is no host's
    first_row: int


Entry = Heading | int  # or a row of the frame, by its place


def headings(frame: Frame) -> int:
    """Return how many headings the panel has; none where there is no machine but this one."""
    return sum(isinstance(entry, Heading) for entry in _entries(frame))


def entries_in(frame: Frame, room: int, chosen: int) -> Sequence[Entry]:
    """Return what is shown of headings and rows with `room` for so many; the chosen row is among it.

    Where not all fit, the heading of what comes first stays in sight.
    """
    entries = list(_entries(frame))
    if len(entries) <= room:
        return entries
    place = entries.index(chosen) if chosen in entries else 0
    first = max(0, min(place - room // 2, len(entries) - room))
    shown = entries[first : first + room]
    if isinstance(entries[0], Heading) and room > 1 and not isinstance(shown[0], Heading):
        shown[0] = next(entry for entry in reversed(entries[:first]) if isinstance(entry, Heading))
    return shown


def heading_line(frame: Frame, heading: Heading, width: int) -> Line:
    """Draw a machine's name, the state of its link, and what moves on it."""
    host = next((host for host in frame.snapshot.hosts if host.name == heading.name), None)
    if host is None:
        here = heading.first_row < len(frame.rows) and frame.rows[heading.first_row].worker
        text = heading.name or (_("this machine") if here else _("without a worker"))
        return fit(line((text, "muted")), width)
    name = (host.name, "title")
    if not host.joined:
        state = host_state_name(joined=False, draining=False, away_s=host.away_s)
        reason = f": {text_of(host.reason)}" if host.reason else ""
        return fit(line(name, " " * GAP_CELLS, (f"✗ {state}{reason}", "warn")), width)
    return join([[name], *_facts(host)], width, gap=GAP_CELLS)


def _facts(host: HostView) -> Iterator[list[Span]]:
    """Yield what there is to know of a host that is reached; where room is short, the last is left out."""
    if host.draining:
        yield [(_("draining"), "warn")]
    if (age_s := host.checkpoint_age_s) is not None:
        yield [(_("checkpoint at home {time} ago").format(time=duration(age_s)), "muted")]
    for text, rate in (
        (_("now {rate} home"), host.traffic.home_bytes_per_s),
        (_("now {rate} out"), host.traffic.out_bytes_per_s),
    ):
        if rate:
            yield [(text.format(rate=f"{size(rate)}/s"), "")]
    yield [(_("joined for {time}").format(time=duration(host.joined_s)), "muted")]


def _entries(frame: Frame) -> Iterator[Entry]:
    """Yield the rows with a heading before those of each machine, where there are others than this one.

    A host that has no worker yet has a heading alone.
    """
    rows = frame.rows
    names = {row.worker.host for row in rows if row.worker}
    unseen = [host.name for host in frame.snapshot.hosts if host.name not in names]
    if not unseen and not any(names):
        yield from range(len(rows))
        return
    for machine, indices in groupby(range(len(rows)), key=lambda index: _machine(rows[index])):
        for place, index in enumerate(indices):
            if place == 0:
                yield Heading(machine or "", index)
            yield index
    yield from (Heading(name, max(0, len(rows) - 1)) for name in unseen)


def _machine(row: Row) -> str | None:
    return row.worker.host if row.worker else None
