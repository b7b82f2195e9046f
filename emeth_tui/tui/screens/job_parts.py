"""The parts of a job's page, each drawn as a list of lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emeth_tui.foreign_text import clean
from emeth_tui.model import (
    JobState,
    JournaledTransaction,
    Prices,
    TransactionState,
    WorkerPhase,
    energy_worth,
    net_worth,
)
from emeth_tui.tui.drawing.charts import Curve, chart
from emeth_tui.tui.drawing.lines import BLANK, Line, fit, left, line, right, wrap
from emeth_tui.tui.frame import Frame, outlook
from emeth_tui.tui.panels.workers import slack
from emeth_tui.words.formats import (
    Count,
    duration,
    duration_range,
    energy,
    exact_token,
    losses,
    moment,
    phase_name,
    size,
    state_name,
    transaction_state_name,
)
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.view.records import JobRecord
    from emeth_tui.job import Job
    from emeth_tui.protocol.contracts import ChainJob
    from emeth_tui.store.jobs import AverageRecord, EpochRecord
    from emeth_tui.tui.drawing.glyphs import Glyphs

LABEL_CELLS = 18
CHART_LINES = 12
CHART_CELLS = 100
LINK_CHARACTERS = 8
MEMBER_CELLS, PHASE_CELLS = 20, 16
TRANSACTION_SIGNS = {
    TransactionState.SIGNED: ("… ", "warn"),
    TransactionState.MINED: ("✓ ", "good"),
    TransactionState.REVERTED: ("✗ ", "bad"),
    TransactionState.REPLACED: ("  ", "muted"),
}


def section(title: str, lines: Sequence[Line], note: str = "") -> list[Line]:
    """Put a title over lines; without any, a dash."""
    return [BLANK, line((title, "title"), ("   " + note, "muted")), *(lines or [line(("–", "muted"))])]


def facts(
    frame: Frame, job: Job, width: int, fee_wei: int = 0, averages: Sequence[AverageRecord] = ()
) -> list[Line]:
    """Draw what the node knows about a job, and why it is stuck if it is; `fee_wei` is native token."""
    paused = " · ‖ " + _("paused") if job.paused else ""
    state = state_name(job.state)
    if job.seen_end is not None:
        state = _("{state}, not final yet").format(state=state_name(job.seen_end))
    taken = f"{moment(job.created_at_unix_s)} UTC"
    alone = frame.snapshot.from_chain_alone
    size_of = "" if alone else f", {size(job.dataset_bytes)} ({job.dataset_bytes:,} B)"
    rows = [
        (_("state"), state + paused),
        (_("paused until"), _pause_end(frame, job)),
        (_("taken"), taken + (_(", ") + _("by hand") if job.by_hand else "")),
        (_("deadline"), _deadline(frame, job)),
        (_("done"), _forecast(frame, job)),
        (_("fee, deposit"), f"{exact_token(job.fee_wei)} EMT, {exact_token(job.deposit_wei)} EMT"),
        (_("earned, lost"), f"{exact_token(job.earned_wei)} EMT, {exact_token(job.lost_wei)} EMT"),
        (_("gas"), f"{job.gas:,}" if job.gas else ""),
        (_("energy"), _energy(job, frame.snapshot.prices.at(job.ended_at_unix_s))),
        (_("net"), _net(job, frame.snapshot.prices.at(job.ended_at_unix_s), fee_wei)),
        (_("language") if alone else _("language, size"), job.language.value + size_of),
        (_("epochs"), f"{job.epochs}" if alone else f"{job.epochs_done} / {job.epochs}"),
        (_("shared out"), _("over {n} workers").format(n=job.parts) if job.parts > 1 else ""),
        (_("averages"), _averages(job, averages)),
        (_("model, seed"), "" if alone else f"{job.model}, {job.seed}"),
        (_("batch"), "" if alone else _("{n:block|blocks}").format(n=Count(job.batch_size))),
        (_("validation loss"), losses(job.start_loss, job.best_loss, job.valid_loss)),
        (_("dataset"), job.dataset),
        (_("result"), job.result_name),
    ]
    lines = _labelled([(label, value) for label, value in rows if value], width)
    return lines + (wrap(f"✗ {text_of(job.error)}", width, "bad") if job.error else [])


def _averages(job: Job, averages: Sequence[AverageRecord]) -> str:
    """Say what the newest average took, and all of them on average."""
    if not averages:
        return ""
    last = averages[-1]
    mean_s = sum(each.seconds for each in averages) / len(averages)
    took = f"{job.averaging}, " + _("last {last}, mean {mean}").format(
        last=duration_of_epoch(last.seconds), mean=duration_of_epoch(mean_s)
    )
    if not last.bytes_up and not last.bytes_down:
        return took
    return f"{took}, " + _("{up} up, {down} down each").format(
        up=size(last.bytes_up), down=size(last.bytes_down)
    )


def members(frame: Frame, job: Job, width: int) -> list[Line]:
    """Draw the section on who trains which part of a job; nothing of one that is not shared out."""
    if job.parts == 1 or job.state not in {JobState.PREPARING, JobState.TRAINING}:
        return []
    return section(_("Members"), _member_lines(frame, job, width), _averaging(frame, job))


def _member_lines(frame: Frame, job: Job, width: int) -> list[Line]:
    workers = {worker.part: worker for worker in frame.snapshot.workers if worker.job_id == job.job_id}
    lines = []
    for part in range(1, job.parts + 1):
        start = (right(f"{part}/{job.parts}", 6) + "  ", "muted")
        worker = workers.get(part)
        if worker is None:
            lines.append(line(start, (_("waits for a worker"), "muted")))
            continue
        within = f"{worker.step:,} / {worker.steps:,}" if worker.steps else ""
        lines.append(
            line(
                start,
                left(worker.device, MEMBER_CELLS),
                (left(phase_name(worker.phase), PHASE_CELLS), "accent"),
                (_("epoch") + " ", "muted"),
                right(str(min(worker.epoch + 1, job.epochs)), 3),
                (right(within, 16), "muted"),
            )
        )
    return [fit(each, width) for each in lines]


def _averaging(frame: Frame, job: Job) -> str:
    """Say how many members have trained their part of the epoch."""
    waiting = sum(
        worker.job_id == job.job_id and worker.phase is WorkerPhase.AVERAGING
        for worker in frame.snapshot.workers
    )
    return _("{done} of {parts} have trained their part of epoch {epoch}").format(
        done=waiting, parts=job.parts, epoch=min(job.epochs_done + 1, job.epochs)
    )


def _energy(job: Job, prices: Prices) -> str:
    if job.energy_mj is None:
        return ""
    costs = energy_worth(job.energy_mj, prices.energy)
    return energy(job.energy_mj) + ("" if costs is None else f", {costs:,.2f} {prices.currency}")


def _net(job: Job, prices: Prices, fee_wei: int) -> str:
    """Say what is left of a job that has ended, without its part of the day's reward."""
    net = net_worth(prices, job.earned_wei - job.lost_wei, fee_wei, job.energy_mj)
    return f"{net:,.2f} {prices.currency}" if job.state.is_final and net is not None else ""


def _deadline(frame: Frame, job: Job) -> str:
    deadline = f"{moment(job.deadline_unix_s)} UTC"
    left_s = job.deadline_unix_s - frame.now
    if job.state.is_final:
        return deadline
    if left_s < 0:
        return f"{deadline}, " + _("{time} ago").format(time=duration(-left_s))
    return f"{deadline}, " + _("in {time}").format(time=duration(left_s))


def _pause_end(frame: Frame, job: Job) -> str:
    until = job.paused_until_unix_s
    if until is None or not job.paused:
        return ""
    return f"{moment(until)} UTC, " + _("in {time}").format(time=duration(until - frame.now))


def _forecast(frame: Frame, job: Job) -> str:
    row = frame.row_of(job)
    forecast = outlook(row, frame.now) if row else None
    if forecast is None:
        return ""
    times = duration_range(forecast.low_s, forecast.high_s)
    when = f"{moment(frame.now + forecast.high_s)} UTC"
    return _(", ").join((when, _("in {time}").format(time=times), line(*slack(forecast)).text))


def chain_facts(job: ChainJob, width: int) -> list[Line]:
    """Draw a job's record on the chain."""
    times = [
        (_("requested"), job.requested_at_unix_s),
        (_("started"), job.started_at_unix_s),
        (_("submitted"), job.submitted_at_unix_s),
        (_("verified"), job.verified_at_unix_s),
    ]
    rows = [
        (_("status"), job.status.name),
        (_("requester"), job.owner),
        (_("node"), job.node),
        (_("fee, deposit"), f"{exact_token(job.fee_wei)} EMT, {exact_token(job.deposit_wei)} EMT"),
        (_("deadline"), f"{moment(job.deadline_unix_s)} UTC"),
        *((label, f"{moment(at)} UTC" if at else "–") for label, at in times),
        (_("gas"), f"{job.gas:,}"),
        (_("program"), str(job.program_id)),
        (_("parameters"), job.param),
        (_("dataset"), job.dataset),
        (_("result"), job.result or "–"),
    ]
    return _labelled(rows, width)


def _labelled(rows: Sequence[tuple[str, str]], width: int) -> list[Line]:
    return [fit(line((left(label, LABEL_CELLS), "muted"), clean(value)), width) for label, value in rows]


def timeline(record: JobRecord, now: float, width: int) -> list[Line]:
    """Draw the states with how long each took, and between them the transactions."""
    starts = [at for _state, at in record.states]
    ends = [*starts[1:], record.job.ended_at_unix_s or now]
    lines = []
    for (state, at), end in zip(record.states, ends, strict=True):
        took = "" if state.is_final else _("for {time}").format(time=duration(end - at))
        name = ("  " + left(state_name(state), 14), "title")
        lines.append((at, 0, line((moment(at), "muted"), name, (took, "muted"))))
    for tx in record.transactions:
        lines.append((tx.created_at_unix_s, 1, _transaction(tx)))
    return [fit(content, width) for _at, _rank, content in sorted(lines, key=lambda entry: entry[:2])]


def _transaction(tx: JournaledTransaction) -> Line:
    gas = f"{tx.gas_used:,} " + _("gas") if tx.gas_used else ""
    sign, role = TRANSACTION_SIGNS[tx.state]
    return line(
        (moment(tx.created_at_unix_s), "muted"),
        "    " + left(tx.purpose, 10),
        (left(sign + transaction_state_name(tx.state), 12), role),
        (right(gas, 14) + "  ", "muted"),
        (tx.tx_hash, "accent"),
    )


def loss_chart(epochs: Sequence[EpochRecord], width: int, glyphs: Glyphs) -> list[Line]:
    """Draw training and validation loss over the epochs."""
    curves = [
        Curve([epoch.valid_loss for epoch in epochs], glyphs.chart_point, "accent"),
        Curve([epoch.train_loss for epoch in epochs], glyphs.chart_second, "warn"),
    ]
    lines = chart(curves, min(width, CHART_CELLS), CHART_LINES, glyphs)
    return lines or [line((_("the curve starts with the second epoch"), "muted"))]


def loss_legend(glyphs: Glyphs) -> str:
    """Return which mark is which curve."""
    return _("{valid} validation, {train} training, nats per token").format(
        valid=glyphs.chart_point, train=glyphs.chart_second
    )


def files(record: JobRecord, width: int) -> list[Line]:
    """Draw what the job holds on disk."""
    cells = max((len(name) for name, _size in record.files), default=0) + 2
    return [
        fit(line(left(clean(name), min(cells, width - 12)), (right(size(held), 10), "muted")), width)
        for name, held in record.files
    ]


def epoch_lines(epochs: Sequence[EpochRecord], width: int) -> list[Line]:
    """Draw every epoch with the beginning of its link.

    Never the whole link: a job's last one is what proves its training (protocol.md §9), the same for everyone
    who trains the same dataset. The beginning is enough to compare.
    """
    return [
        fit(
            line(
                right(str(epoch.epoch), 4),
                ("  " + _("loss") + " ", "muted"),
                f"{epoch.train_loss:.3f}",
                (" · " + _("valid") + " ", "muted"),
                f"{epoch.valid_loss:.3f}",
                (right(duration_of_epoch(epoch.seconds), 12) + "  ", "muted"),
                (epoch.link[:LINK_CHARACTERS] + "…", "faint"),
            ),
            width,
        )
        for epoch in epochs
    ]


def duration_of_epoch(seconds: float) -> str:
    """Show how long an epoch took, to a tenth of a second while that says anything."""
    return f"{seconds:.1f} s" if seconds < 600 else duration(seconds)
