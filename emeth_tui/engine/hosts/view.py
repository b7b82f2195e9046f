"""A host as a front end shows it."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class HostView:
    """A host at a moment. `away_s` and `reason` say since when and why it is not reached; 0 and None else."""

    name: str
    destination: str
    joined: bool
    draining: bool
    away_s: float = 0.0
    reason: Reason | None = None
    devices: tuple[str, ...] = ()
    version: str = ""  # of emeth-tui there; "" before it was reached
    python: str = ""
    torch: str = ""
    free_bytes: int | None = None
    lacks: Reason | None = None  # what keeps it from being given jobs, or the last one, while it is reached
    checkpoint_age_s: float | None = (
        None  # of the oldest newest checkpoint at home of a job that trains there
    )
