"""How long workers may be silent, how often they may die, and how soon they are tried again."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.backoff import Backoff
from emeth_tui.training import reports
from emeth_tui.training.reports import Event

RESTARTS = Backoff(1.0, 30.0)
DEVICE_RETRIES = Backoff(5.0, 300.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a worker may be silent in each phase, and how often it may die."""

    start_s: float = 1200.0  # protocol.md §10, idle
    answer_s: float = 5.0  # from Ping to Pong, between jobs
    first_s: float = 300.0  # protocol.md §10, waiting for data: from a job to the first word about it
    preparing_s: float = 1800.0  # a model's download and a large tokenizer have little news
    first_step_s: float = 600.0  # kernels are chosen and compiled
    training_s: float = 120.0  # protocol.md §10 allows 10 s, which one step on a slow device can take
    saving_s: float = 2400.0  # protocol.md §10, checkpoint
    stop_s: float = 6.0  # from Stop to the checkpoint on disk; the whole node has 10 s to leave
    stop_saving_s: float = 60.0  # the same where one is being written: gpt2-medium's takes 43 s at 100 MB/s
    deaths: int = 5  # in a row, without a newer checkpoint in between
    others_s: float = 60.0  # from the first device that has started to the first job
    none_s: float = 180.0  # until a node goes on that needs none; systemd waits 300 s for its start
    restart: Backoff = RESTARTS
    device: Backoff = DEVICE_RETRIES  # one that does not start

    def after(self, message: Event, before_s: float) -> float:
        """Return how long the next message may take after this one."""
        match message:
            case reports.Preparing():
                return self.preparing_s
            case reports.Prepared() | reports.WentBack() | reports.OutOfMemory() | reports.Paused():
                return self.first_step_s
            case reports.Progress() | reports.EpochDone() | reports.Validating() | reports.Resumed():
                return self.training_s
            case reports.Untrained() | reports.BackToBest():
                return self.training_s
            case reports.PartTrained() | reports.PartValidated():  # said again while it waits for others
                return self.training_s
            case reports.Saving() | reports.Trained():
                return self.saving_s
            case _:
                return before_s
