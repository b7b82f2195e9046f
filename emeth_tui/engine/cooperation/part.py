"""One part of a job that is shared out: who trains it, and what of the epoch is at home."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from emeth_tui.model import JobId
from emeth_tui.store.jobs import AverageRecord
from emeth_tui.training.reports import PartTrained
from emeth_tui.workers.supervisor import Worker


@dataclass(slots=True)
class Part:
    """A part as its job's training keeps it, from worker to worker."""

    number: int
    name: JobId
    worker: Worker | None = None
    last_worker: Worker | None = None  # that had it, or has it
    is_known: bool = False  # a process has prepared it, and has not left it of the node's own will
    starving: bool = False  # it waits for a worker
    begins_anew: bool = False  # what there is of it beside the average is not to be gone on from
    losses: int = 0  # since the last average
    handed_over: PartTrained | None = None  # what it trained in this epoch lies at home
    broken_moves: int = 0  # in a row
    moving: set[str] = field(default_factory=set)  # the transfers under way


class Exchange:
    """What an average takes: the time from the last part trained until all members have it, and the bytes.

    Bytes are those of members on other machines alone.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now_s = monotonic
        self._trained_at_s: dict[int, float] = {}
        self._averaged_at_s = self._in_s = 0.0
        self._out_s: dict[int, float] = {}
        self._up_bytes: dict[int, int] = {}  # of the epoch that is not averaged yet
        self._bytes_up = self._bytes_down = 0

    def trained(self, part: int) -> None:
        """Note that a part is trained."""
        self._trained_at_s[part] = self._now_s()

    def handed_over(self, part: int, size_bytes: int) -> None:
        """Note that what a member has trained is at home."""
        self._up_bytes[part] = size_bytes

    def averaged(self) -> float | None:
        """Note that an average is made. Return what the one before took; None when nothing was handed out."""
        before_s = self._in_s + max(self._out_s.values()) if self._out_s else None
        self._averaged_at_s = self._now_s()
        self._in_s = self._averaged_at_s - max(self._trained_at_s.values(), default=self._averaged_at_s)
        self._out_s = {}
        self._bytes_up, self._bytes_down = max(self._up_bytes.values(), default=0), 0
        self._up_bytes = {}
        return before_s

    def handed_out(self, part: int, size_bytes: int, epoch: int) -> AverageRecord:
        """Note that a member has the average of `epoch`. Return what that average has taken so far."""
        self._out_s.setdefault(part, self._now_s() - self._averaged_at_s)
        self._bytes_down = max(self._bytes_down, size_bytes)
        seconds = self._in_s + max(self._out_s.values())
        return AverageRecord(epoch, seconds, self._bytes_up, self._bytes_down)


def agreed_vocab_size(parts: Sequence[Part]) -> int:
    """Return the vocabulary's size that most parts have handed over; of as many, what this machine says."""
    said = [(part.handed_over.vocab_size, part.last_worker) for part in parts if part.handed_over]
    counts = Counter(size for size, _worker in said)
    here = {size for size, worker in said if worker is not None and not worker.host}
    return max(counts, key=lambda size: (counts[size], size in here))
