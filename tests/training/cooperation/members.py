"""Members of one job in threads of the test, and a node that does for them what the real one does."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from emeth_tui.training import job
from emeth_tui.training.cooperation.average import average
from emeth_tui.training.devices import open_device
from emeth_tui.training.files.checkpoint import checkpoint_name
from emeth_tui.training.job_control import Control
from emeth_tui.training.reports import (
    AverageRequest,
    Best,
    Event,
    PartTrained,
    PartValidated,
    Trained,
    TrainRequest,
)
from tests.training.jobs import HASH, JOBS_DIR


class Members:
    """A job shared out over some members; `on_average` sees what they handed over, before it is averaged."""

    def __init__(
        self, request: TrainRequest, parts: int, on_average: Callable[[int, list[Path]], None] | None = None
    ) -> None:
        home = JOBS_DIR / request.directory
        directories = [home, *(home.with_name(f"{home.name}-{part}") for part in range(2, parts + 1))]
        for directory in directories[1:]:
            directory.mkdir(exist_ok=True)
            shutil.copy(home / request.dataset, directory)
        self.requests = [
            replace(request, directory=str(path.relative_to(JOBS_DIR)), part=part, parts=parts)
            for part, path in enumerate(directories, start=1)
        ]
        self.heard: list[list[Event]] = [[] for _ in directories]
        self.counted: dict[int, float] = {}
        self.best: Best | None = None
        self.far: set[int] = set()  # members that receive differences alone, as those on hosts do
        self.on_average = on_average or (lambda epoch, paths: None)
        self.on_event: Callable[[Event], None] = lambda event: None
        self._trained: dict[int, set[int]] = {}
        self._averaged: set[int] = set()
        self._lock = threading.Lock()
        self._controls = [Control() for _ in directories]

    def train(self) -> None:
        """Train the job to its end."""
        self._controls = [Control() for _ in self.requests]
        with ThreadPoolExecutor(len(self.requests)) as pool:
            for running in [pool.submit(self._run, index) for index in range(len(self.requests))]:
                running.result()

    def again(self) -> Members:
        """Return the same job with a node that knows what counts and what is averaged, and nothing else."""
        anew = Members(self.requests[0], len(self.requests))
        anew.requests, anew.counted, anew.far = self.requests, dict(self.counted), self.far
        averages = (self.directory(0) / "averages").glob("epoch-*.pt")
        anew._averaged = {int(path.stem.split("-")[1]) for path in averages}
        return anew

    def stop(self) -> None:
        """Stop every member."""
        for control in self._controls:
            control.stop()

    def directory(self, index: int) -> Path:
        return JOBS_DIR / self.requests[index].directory

    def _run(self, index: int) -> None:
        def hear(event: Event) -> None:
            with self._lock:
                self.heard[index].append(event)
                self._act(index, event)
                self.on_event(event)

        try:
            job.run(self.requests[index], JOBS_DIR, open_device("cpu"), hear, self._controls[index])
        except BaseException:
            self.stop()
            raise

    def _act(self, index: int, event: Event) -> None:
        if isinstance(event, PartTrained):
            self._take_part(index, event)
        elif isinstance(event, PartValidated):
            self.counted.setdefault(event.epoch, event.valid_loss)
            self._controls[index].count_epoch(event.epoch, self.counted[event.epoch])
        elif isinstance(event, Trained):
            self._controls[index].write_result(HASH)

    def _take_part(self, index: int, event: PartTrained) -> None:
        if event.epoch not in self._averaged:
            trained = self._trained.setdefault(event.epoch, set())
            trained.add(index)
            if len(trained) < len(self.requests):
                return
            self.on_average(event.epoch, [self.directory(each) / "checkpoint.pt" for each in sorted(trained)])
            first = self.requests[0]
            directories = tuple(request.directory for request in self.requests)
            average(
                AverageRequest(
                    first.directory,
                    directories,
                    event.epoch,
                    first.model,
                    event.vocab_size,
                    self.best,
                    first.averaging,
                ),
                JOBS_DIR,
            )
            for far in self.far:
                name = checkpoint_name(event.epoch, 0)
                if event.epoch > 1:
                    (self.directory(far) / "checkpoints" / name).unlink()
            self._averaged.add(event.epoch)
        for control in self._controls:
            control.take_average(event.epoch)
