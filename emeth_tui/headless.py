"""`--no-ui`: a node without a screen. Its events become lines on stdout, for people or for machines."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Literal

from emeth_tui.errors import ExitCode
from emeth_tui.model import AskedAt, Asker, Severity
from emeth_tui.notices.notice import field_data
from emeth_tui.process.journal import Journal
from emeth_tui.process.signals import on_signal
from emeth_tui.protocol.job_ids import short
from emeth_tui.streams import LineWriter
from emeth_tui.words.sentences import english

if TYPE_CHECKING:
    # The screen need not wait for what the node, or lines, are made with: web3 takes a second to load.
    from emeth_tui.engine.events import Subscription
    from emeth_tui.engine.money.summary import Summary
    from emeth_tui.engine.node import Node
    from emeth_tui.notices.event import Event

A_SIGNAL = Asker(AskedAt.SIGNAL)
ONE_SIGNAL_S = 0.3  # a signal to a whole process group arrives a second time through its first process
_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_PRIORITIES = {Severity.DEBUG: 7, Severity.INFO: 6, Severity.WARNING: 4, Severity.ERROR: 3}  # syslog(3)
_MARKS = {Severity.WARNING: "warning: ", Severity.ERROR: "error: "}


def format_json(event: Event, *, ascii_only: bool = False) -> str:
    """Return an event as one JSON object: first `ts`, `level`, `event`, and `job_id` if there is one."""
    import json

    record: dict[str, object] = {
        "ts": _utc(event.at_unix_s).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": event.severity.value,
        "event": event.kind,
    }
    if event.job_id is not None:
        record["job_id"] = event.job_id
    record["message"] = english(event.body)
    record.update(field_data(event.body))
    return json.dumps(record, ensure_ascii=ascii_only)


def format_text(event: Event) -> str:
    """Return an event as one line: UTC time, job, what happened."""
    job = short(event.job_id) if event.job_id else "-"
    return (
        f"{_utc(event.at_unix_s):%Y-%m-%d %H:%M:%S}Z  {job:<7}  {_MARKS.get(event.severity, '')}"
        f"{english(event.body)}"
    )


def journal_fields(event: Event) -> dict[str, str]:
    """Return an event as the fields of a journal's entry: `journalctl EMETH_EVENT=failed` finds it."""
    import json

    fields = {
        "MESSAGE": english(event.body),
        "PRIORITY": str(_PRIORITIES[event.severity]),
        "SYSLOG_IDENTIFIER": "emeth-tui",
        "EMETH_EVENT": event.kind,
    }
    if event.job_id is not None:
        fields["EMETH_JOB_ID"] = event.job_id
        fields["MESSAGE"] = f"{short(event.job_id)} {fields['MESSAGE']}"
    for name, value in field_data(event.body).items():
        fields[f"EMETH_{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    return fields


class LinePrinter:
    """Prints events of at least a severity; into systemd's journal with their fields, where there is one."""

    def __init__(
        self,
        output: LineWriter,
        log_format: Literal["text", "json"],
        level: Severity,
        journal: Journal | None = None,
    ) -> None:
        in_json = partial(format_json, ascii_only=not output.speaks_unicode)
        self._output = output
        self._format = in_json if log_format == "json" else format_text
        self._least = _RANK[level]
        self._journal = journal

    async def follow(self, stream: Subscription) -> None:
        """Print events until the stream ends."""
        from emeth_tui.notices.event import Event

        async for item in stream:
            if isinstance(item, Event):
                self.print(item)

    def print(self, event: Event) -> None:
        if _RANK[event.severity] < self._least:
            return
        if self._journal is None or not self._journal.send(journal_fields(event)):
            self._output.write(self._format(event))


async def print_events(
    stream: Subscription,
    engine: asyncio.Task[Summary],
    *,
    output: LineWriter,
    log_format: Literal["text", "json"],
    level: Severity,
    journal: Journal | None = None,
) -> None:
    """Print the events of a stream until `engine`, the task that publishes them, has ended in any way."""
    printer = LinePrinter(output, log_format, level, journal)
    printing = asyncio.create_task(printer.follow(stream))
    try:
        await asyncio.wait({engine})
    finally:
        stream.close()
        await printing


def cancel_on_signals(starting: asyncio.Task[Summary]) -> None:
    """Make SIGINT and SIGTERM cancel a node that is starting, until `handle_signals`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        on_signal(number, starting.cancel)


def handle_signals(node: Node) -> None:
    """Make SIGINT and SIGTERM save and quit, and a second one quit at once."""
    loop = asyncio.get_running_loop()
    told_at: list[float] = []

    def stop() -> None:
        if not told_at:
            told_at.append(loop.time())
            node.begin_to_stop(A_SIGNAL)
        elif loop.time() - told_at[0] > ONE_SIGNAL_S:
            # Workers end with their parent, and every job resumes from its last checkpoint.
            os._exit(ExitCode.INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        on_signal(number, stop)


def handle_hang_up() -> None:
    """Keep the node running when its terminal is closed."""
    on_signal(signal.SIGHUP, lambda: None, at_once=detach_from_terminal)


def detach_from_terminal() -> None:
    """Redirect the standard streams to the null device: a dropped connection must not cost a deposit."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def print_summary(summary: Summary, output: LineWriter) -> None:
    """Print the summary of a run for people."""
    from emeth_tui.words.summary import summary_lines  # late: the first paint does not need it

    for line in ("", *summary_lines(summary.as_event())):
        output.write(line)


def _utc(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, tz=timezone.utc)
