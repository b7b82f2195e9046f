"""One job: what is known of it, its states and transactions with their times, its losses, its hash chain."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from emeth_tui.engine.inquiries import JobRecord
from emeth_tui.model import Job, JobId, JournaledTransaction
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.store.jobs import EpochRecord
from emeth_tui.tui.i18n import _
from emeth_tui.tui.lines import BLANK, Line, chart, clean, fit, left, line, right, wrap
from emeth_tui.tui.panels.events import event_line
from emeth_tui.tui.panels.keys import KeyHint
from emeth_tui.tui.panels.workers import slack
from emeth_tui.tui.ports import Records
from emeth_tui.tui.scene import Scene, outlook
from emeth_tui.tui.screens.base import PageScreen
from emeth_tui.tui.words import duration, duration_range, exact_token, moment, size, state_name

LABEL_CELLS = 18
CHART_LINES = 8
CHART_CELLS = 60
EVENTS_SHOWN = 50


class JobScreen(PageScreen):
    """All about one job."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "chain_record", "On the chain", id="chain-record"),
    ]

    def __init__(self, job_id: JobId) -> None:
        super().__init__()
        self.job_id = job_id
        self.record: JobRecord | None = None
        self.chain_job: ChainJob | None = None
        self.chain_error = ""

    @property
    def target_job(self) -> Job | None:
        return self.record.job if self.record else None

    async def inquire(self, records: Records) -> None:
        self.record = await records.job(self.job_id)

    def hints(self) -> list[KeyHint]:
        hints = [
            hint for hint in self.emeth.job_hints(self.target_job) if hint.key in {"p", "D", "t", "?", "q"}
        ]
        return [
            KeyHint("Esc", _("Back"), "back", brief=_("Back")),
            KeyHint("o", _("On the chain"), "chain_record", brief=_("On the chain")),
            *hints,
        ]

    def action_chain_record(self) -> None:
        """Read the job from the chain and show what it says."""
        self.emeth.ask_chain(self)

    def show_chain_job(self, chain_job: ChainJob | None, error: str) -> None:
        self.chain_job, self.chain_error = chain_job, error
        self.repaint()

    def heading(self, scene: Scene, width: int) -> list[Line]:
        return [line((_("Job {job}").format(job=self.job_id), "title")), BLANK]

    def content(self, scene: Scene, width: int) -> list[Line]:
        record = self.record
        if record is None:
            return [line((_("this job was never ours; the market may still list it"), "muted"))]
        parts = [
            self._facts(scene, record.job, width),
            self._chain(width),
            _section(_("States"), _timeline(record, scene.now)),
            _section(_("Transactions"), [_transaction(tx, width) for tx in record.transactions]),
            _section(_("Validation loss by epoch"), self._losses(record, width)),
            _section(_("Epochs and hash chain"), _epochs(record, width)),
            _section(_("Events"), [event_line(e, width) for e in record.events[::-1][:EVENTS_SHOWN]]),
        ]
        lines = [content for part in parts for content in part]
        return [content for content in lines if self.passes(content.text)] if self.words else lines

    def _facts(self, scene: Scene, job: Job, width: int) -> list[Line]:
        deadline = f"{moment(job.deadline_unix_s)} UTC"
        if not job.state.is_final:
            deadline += ", " + _("in {time}").format(time=duration(job.deadline_unix_s - scene.now))
        paused = " · ‖ " + _("paused") if job.paused else ""
        facts = [
            (_("state"), state_name(job.state) + paused),
            (
                _("language, size"),
                f"{job.language.value}, {size(job.dataset_bytes)} ({job.dataset_bytes:,} B)",
            ),
            (_("fee, deposit"), f"{exact_token(job.fee_wei)} EMT, {exact_token(job.deposit_wei)} EMT"),
            (_("deadline"), deadline),
            (_("done in"), self._outlook(scene, job)),
            (_("epochs"), f"{job.epochs_done} / {job.epochs}"),
            (_("model, seed"), f"{job.model}, {job.seed}"),
            (_("dataset"), job.dataset),
            (_("result"), job.result_name),
            (_("earned, lost"), f"{exact_token(job.earned_wei)} EMT, {exact_token(job.lost_wei)} EMT"),
            (_("gas"), f"{job.gas:,}" if job.gas else ""),
        ]
        lines = [
            fit(line((left(label, LABEL_CELLS), "muted"), clean(value)), width)
            for label, value in facts
            if value
        ]
        return lines + (wrap(clean(f"✗ {job.error}"), width, "bad") if job.error else [])

    def _outlook(self, scene: Scene, job: Job) -> str:
        row = scene.row_of(job)
        forecast = outlook(row, scene.now) if row else None
        if forecast is None:
            return ""
        return duration_range(forecast.low_s, forecast.high_s) + ", " + line(*slack(forecast)).text

    def _chain(self, width: int) -> list[Line]:
        if self.chain_error:
            return [BLANK, *wrap(f"✗ {clean(self.chain_error)}", width, "bad")]
        job = self.chain_job
        if job is None:
            return []
        facts = [
            (_("status"), job.status.name),
            (_("requester"), job.owner),
            (_("node"), job.node),
            (_("fee, deposit"), f"{exact_token(job.fee_wei)} EMT, {exact_token(job.deposit_wei)} EMT"),
            (_("requested"), moment(job.requested_at_unix_s) if job.requested_at_unix_s else "–"),
            (_("started"), moment(job.started_at_unix_s) if job.started_at_unix_s else "–"),
            (_("submitted"), moment(job.submitted_at_unix_s) if job.submitted_at_unix_s else "–"),
            (_("verified"), moment(job.verified_at_unix_s) if job.verified_at_unix_s else "–"),
            (_("parameters"), job.param),
            (_("result"), job.result or "–"),
        ]
        lines = [
            fit(line((left(label, LABEL_CELLS), "muted"), clean(value)), width) for label, value in facts
        ]
        return _section(_("On the chain"), lines)

    def _losses(self, record: JobRecord, width: int) -> list[Line]:
        values = [epoch.valid_loss for epoch in record.epochs]
        if len(values) < 2:
            return [line((_("the curve starts with the second epoch"), "muted"))]
        rows = chart(values, min(width - 8, CHART_CELLS), CHART_LINES, self.emeth.glyphs)
        labels = {0: f"{max(values):.3f}", len(rows) - 1: f"{min(values):.3f}"}
        return [
            line((right(labels.get(number, ""), 7) + " │", "muted"), (row, "accent"))
            for number, row in enumerate(rows)
        ]


def _section(title: str, lines: list[Line]) -> list[Line]:
    return [BLANK, line((title, "title")), *(lines or [line(("–", "muted"))])]


def _timeline(record: JobRecord, now: float) -> list[Line]:
    times = [at for _state, at in record.states[1:]]
    ends = [*times, record.job.ended_at_unix_s or now]
    return [
        line(
            (moment(at), "muted"),
            ("  " + left(state_name(state), 14), ""),
            ("" if state.is_final else _("for {time}").format(time=duration(end - at)), "muted"),
        )
        for (state, at), end in zip(record.states, ends, strict=True)
    ]


def _transaction(tx: JournaledTransaction, width: int) -> Line:
    gas = f"{tx.gas_used:,} gas" if tx.gas_used else ""
    return fit(
        line(
            (moment(tx.created_at_unix_s), "muted"),
            "  " + left(tx.purpose, 10),
            (left(tx.state.value, 10), ""),
            (right(gas, 14) + "  ", "muted"),
            (tx.tx_hash, "accent"),
        ),
        width,
    )


def _epochs(record: JobRecord, width: int) -> list[Line]:
    return [_epoch(epoch, width) for epoch in record.epochs]


def _epoch(epoch: EpochRecord, width: int) -> Line:
    return fit(
        line(
            (right(str(epoch.epoch), 4), ""),
            ("  " + _("loss") + " ", "muted"),
            f"{epoch.train_loss:.3f}",
            (" · " + _("valid") + " ", "muted"),
            f"{epoch.valid_loss:.3f}",
            (right(f"{epoch.seconds:.1f} s", 10) + "  ", "muted"),
            (epoch.link, "faint" if width < 90 else "muted"),
        ),
        width,
    )
