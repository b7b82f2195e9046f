"""One job: what the node and the chain know about it, timeline, losses, files, hash chain, events, log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.errors import EmethError
from emeth_tui.foreign_text import clean
from emeth_tui.model import JobId, JobState
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.drawing.lines import BLANK, Line, line, wrap
from emeth_tui.tui.panels.events import event_line, fold_epochs
from emeth_tui.tui.screens import job_parts
from emeth_tui.tui.screens.log_lines import lines_of_job, log_rows
from emeth_tui.tui.screens.page import PageScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.view.records import JobRecord
    from emeth_tui.job import Job
    from emeth_tui.protocol.contracts import ChainJob
    from emeth_tui.tui.frame import Frame
    from emeth_tui.tui.node_front import Records

EVENTS_SHOWN = 50
LOG_LINES = 20
LOG_BYTES = 16_000
_OF_THE_NODE = (2, 4, 5, 7)  # the parts of the page on losses, files, hash chain and log


class JobScreen(PageScreen):
    """Everything about one job. Scrolled to its end, the page follows the log."""

    FOLLOWS = True
    SCOPE = Scope.JOB
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.JOB)

    def __init__(self, job_id: JobId) -> None:
        super().__init__()
        self.job_id = job_id
        self.record: JobRecord | None = None
        self.chain_job: ChainJob | None = None
        self.chain_error = ""
        self.log_name = ""
        self.log_lines: Sequence[str] = ()
        self._chain_read_in: JobState | None = None
        self._chain_line: int | None = None  # where it stands
        self._to_chain = False  # whether the record that was asked for is to be brought into view

    @property
    def job(self) -> Job | None:
        return self.record.job if self.record else None

    @property
    def target(self) -> Target:
        return Target(job=self.job)

    async def load(self, records: Records) -> None:
        self.record = await records.job(self.job_id)
        await self._read_log(records)
        state = self.record.job.state if self.record else JobState.LOST
        if state is not self._chain_read_in:  # the chain has something new to say when our state has changed
            self._chain_read_in = state
            self.host.runner.start("", self._read_chain)

    async def _read_log(self, records: Records) -> None:
        """Read the log of the worker that has the job, or the lines about the job in the node's log."""
        frame, job = self.host.frame, self.job
        row = frame.row_of(job) if frame and job else None
        worker = row.worker if row and row.at_work else None
        paths = await records.logs()
        self.log_name = f"worker-{worker.index}.log" if worker else "node.log"
        path = next((path for path in paths if path.name == self.log_name), None)
        lines = await records.log_tail(path, LOG_BYTES) if path else ()
        own = lines_of_job(lines, self.job_id, by_worker=worker is not None)
        self.log_lines = own[-LOG_LINES:]

    def read_chain_record(self) -> None:
        """Read the job from the chain again, and show the record."""
        self.host.runner.start(_("asking the chain …"), self._show_chain)

    async def _show_chain(self) -> str:
        self._to_chain = True
        return await self._read_chain()

    async def _read_chain(self) -> str:
        try:
            self.chain_job = await self.host.node.records.chain_record(self.job_id)
        except EmethError as error:
            self.chain_job, self.chain_error = None, text_of(error.reason)
            return ""
        else:
            self.chain_error = "" if self.chain_job else _("the chain does not know it")
            return _("read from the chain")
        finally:
            if self.is_current:
                self.repaint()

    def open_log(self) -> None:
        """Open the log that the page shows the end of, with this job's lines."""
        self.host.pages.open_log(self.log_name, self.job_id)

    def heading(self, frame: Frame, width: int) -> list[Line]:
        return [line((_("Job {job}").format(job=self.job_id), "title")), BLANK]

    def show_content(self, frame: Frame) -> None:
        follow = self.page.scrolled_to_end
        super().show_content(frame)
        if self._to_chain and self._chain_line is not None:
            self._to_chain = False
            self.page.to_line(self._chain_line)
        elif follow:
            self.page.to_end()

    def content(self, frame: Frame, width: int) -> list[Line]:
        record = self.record
        if record is None:
            never = line((_("this job was never ours; the market may still list it"), "muted"))
            self._chain_line = 1
            return [never, *self._chain(width)]
        glyphs, section = self.host.glyphs, job_parts.section
        chart = job_parts.loss_chart(record.epochs, width, glyphs)
        events = [event_line(event, width) for event in fold_epochs(record.events)[::-1][:EVENTS_SHOWN]]
        log = [row for text in self.log_lines for row in log_rows(text, width)]
        fees_wei = sum(tx.fee_wei or 0 for tx in record.transactions)
        facts = job_parts.facts(frame, record.job, width, fees_wei, record.averages)
        parts = [
            [*facts, *job_parts.members(frame, record.job, width)],
            section(_("States and transactions"), job_parts.timeline(record, frame.now, width)),
            section(_("Loss by epoch"), chart, job_parts.loss_legend(glyphs)),
            self._chain(width),
            section(_("Files"), job_parts.files(record, width)),
            section(_("Epochs and hash chain"), job_parts.epoch_lines(record.epochs, width)),
            section(_("Events"), events),
            section(_("Log"), log, self.log_name),
        ]
        if frame.snapshot.from_chain_alone:  # what only the node that trained it knows
            parts = [part if index not in _OF_THE_NODE else [] for index, part in enumerate(parts)]
        lines = [content for part in parts for content in part]
        self._chain_line = 1 + sum(len(part) for part in parts[:3])
        return [content for content in lines if self.passes(content.text)] if self.words else lines

    def _chain(self, width: int) -> list[Line]:
        title = _("On the chain")
        if self.chain_error:
            return job_parts.section(title, wrap(f"✗ {clean(self.chain_error)}", width, "bad"))
        if self.chain_job is None:
            return job_parts.section(title, [line((_("asking the chain …"), "muted"))])
        return job_parts.section(title, job_parts.chain_facts(self.chain_job, width))
