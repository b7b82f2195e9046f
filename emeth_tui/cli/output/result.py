"""What a command that acts has done: lines for people as it goes, with `--json` one object at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from emeth_tui.cli.output.printing import Output, print_json
from emeth_tui.errors import EmethError
from emeth_tui.streams import narrate
from emeth_tui.words.sentences import english, text_of

if TYPE_CHECKING:
    from emeth_tui.engine.settings_editor import SettingChange
    from emeth_tui.listings.records import ChangeRecord, JobOutcomeRecord
    from emeth_tui.notices.notice import Reason


class Result:
    """What is said of a command while it is carried out."""

    def __init__(self, command: str, output: Output) -> None:
        self.pid: int | None = None  # of the node that did it
        self.withdrawn_wei: int | None = None
        self.until: str | None = None  # when a pause ends by itself
        self.reason: Reason | None = None  # why something was not done
        self._command = command
        self._output = output
        self._jobs: list[JobOutcomeRecord] = []
        self._changes: list[ChangeRecord] = []

    def say(self, text: str) -> None:
        """Say to people what was done."""
        if self._output.for_people:
            print(text, flush=True)

    def note_job(
        self, job_id: str, text: str = "", *, cost_wei: int | None = None, reason: Reason | None = None
    ) -> None:
        """Note what became of one job: `text` says to people that it was done, `reason` why it was not."""
        from emeth_tui.listings.records import JobOutcomeRecord

        cost = None if cost_wei is None or reason is not None else str(cost_wei)
        self._jobs.append(JobOutcomeRecord(job_id, reason is None, cost, *_said(reason)))
        if reason is None:
            self.say(text)
        else:
            self.reason = reason
            narrate(f"emeth-tui: {text_of(reason)}")

    def note_changes(self, changes: Sequence[SettingChange]) -> None:
        """Note which settings have changed."""
        from emeth_tui.listings.records import ChangeRecord

        self._changes = [
            ChangeRecord(change.key, change.before, change.after, change.in_effect) for change in changes
        ]

    def end(self) -> None:
        """Print the object for programs."""
        if not self._output.as_json:
            return
        from emeth_tui.listings.records import ResultRecord

        record = ResultRecord(
            self._command,
            self.reason is None,
            self.pid,
            self._jobs,
            None if self.withdrawn_wei is None else str(self.withdrawn_wei),
            self._changes,
            self.until,
            *_said(self.reason),
        )
        print_json(asdict(record))


@contextmanager
def result_of(command: str, output: Output) -> Iterator[Result]:
    """Report what a command has done when the body has ended, also when that was with an EmethError."""
    result = Result(command, output)
    try:
        yield result
    except EmethError as error:
        result.reason = error.reason
        result.end()
        raise
    result.end()


def _said(reason: Reason | None) -> tuple[str | None, str | None]:
    return (None, None) if reason is None else (english(reason), reason.kind)
