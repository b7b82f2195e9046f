"""An event as it travels: when, how severe, of which job, and the typed body that says what."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.model import JobId, Severity
from emeth_tui.notices.notice import EventBody


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. The body says what; `words` has its sentence."""

    at_unix_s: float
    severity: Severity
    body: EventBody
    job_id: JobId | None = None

    @property
    def kind(self) -> str:
        """What sort of event it is, for machines: stable across versions."""
        return self.body.kind
