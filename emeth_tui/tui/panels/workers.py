"""Panel 1: each worker with its job, its progress and speed, and whether it will be in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.foreign_text import clean
from emeth_tui.model import WorkerPhase
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.drawing.graphs import GAP_CELLS, in_a_row
from emeth_tui.tui.drawing.lines import (
    BLANK,
    Line,
    Span,
    bar,
    cut,
    fit,
    join,
    left,
    line,
    right,
    sparkline,
    width_of,
)
from emeth_tui.tui.frame import RECENT_POINTS, Frame, Outlook, Row, outlook, outlook_if_resumed
from emeth_tui.tui.panels.graphs import HOT_C, worker_graphs
from emeth_tui.tui.panels.worker_groups import Heading, entries_in, heading_line, headings
from emeth_tui.words.formats import (
    duration,
    duration_range,
    moment,
    percent,
    phase_name,
    size,
    speed,
    state_name,
)
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emeth_tui.engine.gpus.reading import Slowdown
    from emeth_tui.job import Job
    from emeth_tui.tui.drawing.glyphs import Glyphs
    from emeth_tui.tui.panels.worker_groups import Entry
    from emeth_tui.workers.views import WorkerView

DEVICE_CELLS = 8
INDENT = " " * (DEVICE_CELLS + 1)
ROOMY_CELLS, VERY_ROOMY_CELLS = 100, 125
MOST_BAR_CELLS = 96
TEXT_LINES = 3  # a worker, at most
LEAST_NEWS_CELLS = 24  # of why a worker does not train, beside the forecast
LEAST_GRAPH_LINES = 3  # under them, where there is room: a title over two rows
MOST_GRAPH_LINES = 7
LEAST_GRAPH_CELLS, MOST_GRAPH_CELLS = 13, 40
_TROUBLE = frozenset({WorkerPhase.RESTARTING, WorkerPhase.AWAY, WorkerPhase.DOWN, WorkerPhase.CLOSED})


def worker_lines(frame: Frame, width: int, height: int, chosen: int, glyphs: Glyphs) -> list[Line]:
    """Draw as many workers as fit, the chosen one among them, in three lines each, or two, or one.

    Where there is room for all of them, graphs stand under each. Those of a machine have a heading.
    """
    if not frame.rows and not headings(frame):
        return [line((_("there are no workers"), "muted"))]
    each, entries = _shown(frame, height, chosen)
    lines: list[Line] = []
    for entry in entries:
        if isinstance(entry, Heading):
            lines.append(heading_line(frame, entry, width))
        else:
            block = _row_lines(frame, frame.rows[entry], width, each, entry == chosen, glyphs)
            lines += [part.chosen(entry == chosen and len(frame.rows) > 1) for part in block]
    return lines


def _shown(frame: Frame, height: int, chosen: int) -> tuple[int, Sequence[Entry]]:
    """Return how many lines each worker gets, and what is shown in them."""
    above = headings(frame)
    each = block_lines((height - above) // max(1, len(frame.rows)))
    room = above + (height - above) // each if each > 1 else height
    return each, entries_in(frame, max(1, room), chosen)


def block_lines(available: int) -> int:
    """Return how many of the lines available to a worker are of use: text alone, or graphs under it."""
    if available >= TEXT_LINES + LEAST_GRAPH_LINES:
        return min(available, TEXT_LINES + MOST_GRAPH_LINES)
    return max(1, min(TEXT_LINES, available))


def worker_at(frame: Frame, height: int, chosen: int, y: int) -> int:
    """Return the worker that a line of the panel belongs to."""
    each, entries = _shown(frame, height, chosen)
    for entry in entries:
        if y < (1 if isinstance(entry, Heading) else each):
            break
        y -= 1 if isinstance(entry, Heading) else each
    return entry.first_row if isinstance(entry, Heading) else entry


def _row_lines(frame: Frame, row: Row, width: int, each: int, chosen: bool, glyphs: Glyphs) -> list[Line]:
    mark = ("▶", "accent") if chosen else (" ", "")
    start = [mark, (left(_device(row), DEVICE_CELLS), "title")]
    text_lines = min(each, TEXT_LINES)
    graphs = _graphs(row, width, each - TEXT_LINES, glyphs)
    if row.job is None:
        return [*_idle_lines(frame, row, start, width, text_lines), *graphs]
    head = _head(row, row.job, start, width, glyphs)
    details = _details(frame, row, row.job, width, text_lines - 1, glyphs)
    tip = _("deadline {moment} UTC").format(moment=moment(row.job.deadline_unix_s))
    return [
        *([part.tipped(tip) for part in (head, *details)] + [BLANK] * text_lines)[:text_lines],
        *graphs,
    ]


def _device(row: Row) -> str:
    """Name a row's device as its machine does, whose name is in the heading."""
    return row.worker.device.rpartition(" · ")[2] if row.worker else "–"


def _graphs(row: Row, width: int, lines: int, glyphs: Glyphs) -> list[Line]:
    """Draw what the worker did in the last minutes, with a blank line where that is not tight."""
    if lines < LEAST_GRAPH_LINES:
        return []
    graphs = worker_graphs(row.series, RECENT_POINTS) if row.series else []
    if not graphs:
        return [BLANK] * lines
    room = width - len(INDENT)
    cells = (room + GAP_CELLS) // len(graphs) - GAP_CELLS
    cells = max(LEAST_GRAPH_CELLS, min(MOST_GRAPH_CELLS, cells))
    spaced = lines > LEAST_GRAPH_LINES
    drawn = in_a_row(graphs, room, lines - spaced, cells, glyphs)
    return [*(_indented(part) for part in drawn), *([BLANK] if spaced else [])]


def _head(row: Row, job: Job, start: list[Span], width: int, glyphs: Glyphs) -> Line:
    phase_cells = 14 if width >= ROOMY_CELLS else 11
    name, role = _phase(row, job)
    epoch = row.worker.epoch if row.worker and row.at_work else job.epochs_done
    spans: list[Span] = [
        *start,
        (short(job.job_id), "accent"),
        (f" {job.language.value}{right(size(job.dataset_bytes), 8)}  ", "muted"),
        (left(name, phase_cells), role),
        (right(f"{epoch}/{job.epochs}", 6) + " ", ""),
    ]
    room = width - Line(tuple(spans)).width - 6
    if room >= 6:
        spans += bar(row.fraction, min(room, MOST_BAR_CELLS), glyphs)
    spans.append((right(percent(row.fraction), 6), ""))
    return fit(Line(tuple(spans)), width)


def _phase(row: Row, job: Job) -> Span:
    if job.seen_end is not None:
        return state_name(job.seen_end) + " …", "muted"
    if job.error and not row.at_work:
        return "✗ " + state_name(job.state), "bad"
    if job.paused:
        return "‖ " + _("paused"), "warn"
    if row.held is not None and row.held.finishing is None:
        return "‖ " + _("held"), "warn"
    if row.worker and row.at_work:
        role = "warn" if row.worker.phase in _TROUBLE else ""
        return phase_name(row.worker.phase), role
    return state_name(job.state), ""


def _details(frame: Frame, row: Row, job: Job, width: int, count: int, glyphs: Glyphs) -> list[Line]:
    if count < 1:
        return []
    if job.error:
        return [fit(line(INDENT, (text_of(job.error), "bad")), width)]
    room = width - len(INDENT)
    times = [*_hold(row), *_times(frame, row, job)]
    if count == 1:
        forecast_cells = sum(width_of(group) + 2 for group in times[:2])
        news = _speed(row, 6, glyphs, max(LEAST_NEWS_CELLS, room - forecast_cells))
        groups = [news, *times, _losses(row, job), *_gpu(row)]
        return [_indented(join(groups, room, gap=2))]
    spark = 40 if width >= VERY_ROOMY_CELLS else 16 if width >= ROOMY_CELLS else 8
    first = [_speed(row, spark, glyphs, room), _losses(row, job), *_gpu(row)]
    return [_indented(join(first, room)), _indented(join([*times, _device_name(row)], room))]


def _hold(row: Row) -> list[list[Span]]:
    """Say why a device rests and until when, or that its job is finished first."""
    if row.held is None:
        return []
    if row.held.finishing is not None:
        return [[(_("finished first"), "warn")]]
    return [[(text_of(row.held.reason), "warn")]]


def _speed(row: Row, cells: int, glyphs: Glyphs, most_news_cells: int) -> list[Span]:
    """Draw the speed with so many cells of its last minutes, or what else there is to say of the worker."""
    if not row.at_work or row.worker is None or row.worker.phase is WorkerPhase.AWAY:
        return []  # of one that is away, the speed is not known, and the heading says why
    if row.worker.tokens_per_s is None:
        return [(cut(text_of(row.worker.detail), most_news_cells), "muted")] if row.worker.detail else []
    return [
        (right(speed(row.worker.tokens_per_s), 6), ""),
        (" " + _("tok/s") + " ", "muted"),
        (sparkline(_speeds(row), cells, glyphs, floor=0.5), "accent"),
    ]


def _speeds(row: Row) -> list[float]:
    """Return the speeds of the last minutes at which anything was trained."""
    return [value for value in row.series.tokens_per_s if value] if row.series else []


def _losses(row: Row, job: Job) -> list[Span]:
    train = row.worker.train_loss if row.worker and row.at_work else None
    valid = job.valid_loss
    if train is None and valid is None:
        return []
    return [
        (_("loss") + " ", "muted"),
        (f"{train:.3f}" if train is not None else "–", ""),
        (" · " + _("valid") + " ", "muted"),
        (f"{valid:.3f}" if valid is not None else "–", ""),
    ]


def _gpu(row: Row) -> list[list[Span]]:
    gpu = row.gpu
    if gpu is None:
        return []
    if gpu.lost:
        return [[("✗ " + _("GPU lost"), "bad")]]
    load = "–" if gpu.load_percent is None else f"{gpu.load_percent:3d} %"
    groups: list[list[Span]] = [[("GPU ", "muted"), (load, "")]]
    if gpu.memory_used_bytes is not None:
        groups.append([(size(gpu.memory_used_bytes), "")])
    if gpu.temperature_c is not None:
        groups.append([(f"{gpu.temperature_c} °C", "warn" if gpu.temperature_c >= HOT_C else "")])
    if gpu.power_w is not None:
        groups.append([(f"{gpu.power_w:.0f} W", "")])
    if gpu.slowdown is not None:
        groups.append([("! " + _slowdown_name(gpu.slowdown), "warn")])
    return groups


def _slowdown_name(slowdown: Slowdown) -> str:
    return {
        "heat": _("slowed by heat"),
        "power brake": _("slowed by its power supply"),
        "hardware": _("slowed"),
    }[slowdown.value]


def _times(frame: Frame, row: Row, job: Job) -> list[list[Span]]:
    forecast = outlook(row, frame.now)
    deadline_s = job.deadline_unix_s - frame.now
    if forecast is None:
        role = "bad" if deadline_s < 0 else ""
        deadline: list[Span] = [(_("deadline in") + " ", "muted"), (duration(deadline_s), role)]
        resumed = outlook_if_resumed(row, frame.now)
        times = [deadline]
        if resumed is not None and resumed.slack_s < 0:  # to be read before it is resumed
            times.append(slack(resumed))
        if job.paused and job.paused_until_unix_s is not None:
            resumes_s = job.paused_until_unix_s - frame.now
            times.append([(_("resumes in") + " ", "muted"), (duration(resumes_s), "")])
        return times
    return [
        [(_("done in") + " ", "muted"), (duration_range(forecast.low_s, forecast.high_s), "")],
        slack(forecast),
        [(_("deadline in") + " ", "muted"), (duration(forecast.deadline_s), "")],
    ]


def slack(forecast: Outlook) -> list[Span]:
    """Draw how much time is left over, with a sign if that is little or nothing."""
    if forecast.slack_s < 0:
        return [("✗ " + _("late by {time}").format(time=duration(-forecast.slack_s)), "bad")]
    sign, role = ("! ", "warn") if forecast.role == "warn" else ("", "muted")
    return [
        (sign + _("slack") + " ", role),
        (duration(forecast.slack_s), forecast.role),
    ]


def _device_name(row: Row) -> list[Span]:
    name = row.worker.device_name if row.worker else ""
    return [(clean(name), "faint")] if name else []


def _idle_lines(frame: Frame, row: Row, start: list[Span], width: int, each: int) -> list[Line]:
    worker = row.worker
    if worker is not None and worker.phase is not WorkerPhase.IDLE:
        role = "bad" if worker.phase in _TROUBLE else "muted"
        sign = "✗ " if worker.phase in _TROUBLE else ""
        first = line(
            *start,
            (sign + phase_name(worker.phase), role),
            "  ",
            (
                text_of(worker.detail) if worker.detail and worker.phase is not WorkerPhase.AWAY else "",
                "muted",
            ),
        )
    elif row.held is not None:
        first = line(*start, ("‖ " + _("held") + ": ", "warn"), (text_of(row.held.reason), "muted"))
    else:
        first = line(*start, (_("idle") + ": ", ""), (_why_idle(frame, worker), "muted"))
    name = _device_name(row)
    second = line(INDENT, *name) if name else BLANK
    return ([fit(first, width), fit(second, width)] + [BLANK] * each)[:each]


def _why_idle(frame: Frame, worker: WorkerView | None) -> str:
    if worker is not None and _host_drains(frame, worker):
        return _("draining")
    from emeth_tui.notices.reasons.market import WorkersBusy  # late: the first paint needs no reasons

    standstill = frame.snapshot.standstill
    if standstill is None or isinstance(standstill.reason, WorkersBusy):  # of the others, not of this one
        return _("looking for work")
    return text_of(standstill.reason)


def _host_drains(frame: Frame, worker: WorkerView) -> bool:
    return any(host.draining for host in frame.snapshot.hosts if host.name == worker.host)


def _indented(content: Line) -> Line:
    return Line(((INDENT, ""), *content.spans))
