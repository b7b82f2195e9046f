"""Training jobs for tests: small, on the CPU, deterministic."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from emeth_tui.training import job
from emeth_tui.training.devices import Device, open_device
from emeth_tui.training.files.models import DEVNET_SMALL
from emeth_tui.training.job_control import Control
from emeth_tui.training.reports import Event, Stopped, Trained, TrainRequest
from tests.training.texts import english

HASH = "ab" * 32
JOBS_DIR = Path("/")  # tests put their jobs anywhere


def make_request(directory: Path, text: str | None = None, **changes: Any) -> TrainRequest:
    """A request to train in `directory`, on 4 kB of English by default."""
    directory.mkdir(parents=True, exist_ok=True)
    dataset = directory / "dataset.txt"
    if not dataset.exists():
        dataset.write_text(english(4096) if text is None else text, encoding="utf-8")
    values: dict[str, Any] = {
        "job_id": "0x" + "6f" * 16,
        "language": "en",
        "epochs": 3,
        "directory": str(directory.relative_to(JOBS_DIR)),
        "model": DEVNET_SMALL,
        "batch_size": 2,
        "threads": 1,
        "deterministic": True,
        "checkpoint_gap_s": 0.0,
        "checkpoint_bytes_a_day": 1e18,
    }
    return TrainRequest(**{**values, **changes})


def directory_of(request: TrainRequest) -> Path:
    """Return the job's directory."""
    return JOBS_DIR / request.directory


def dataset_of(request: TrainRequest) -> Path:
    """Return the job's dataset."""
    return directory_of(request) / request.dataset


class Run:
    """One run of a job in this process; `on_event` may act on `control` as the parent would."""

    def __init__(self, on_event: Callable[[Event, Control], None] = lambda event, control: None) -> None:
        self.events: list[Event] = []
        self.control = Control()
        self._on_event = on_event

    def go(self, request: TrainRequest, device: Device | None = None) -> list[Event]:
        """Run to the end, on the CPU by default, and return everything that was reported."""
        job.run(request, JOBS_DIR, device or open_device("cpu"), self._hear, self.control)
        return self.events

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Trained):
            self.control.write_result(HASH)
        self._on_event(event, self.control)

    def of_type(self, kind: type[Any]) -> list[Any]:
        """The events of one type, in order."""
        return [event for event in self.events if isinstance(event, kind)]


def be_killed_while_writing(path: Path, other: Path) -> None:
    """Leave beside two files what a process leaves that is killed while it writes both."""
    program = (
        "import os, sys; from pathlib import Path; from emeth_tui.files import write_atomically as write;"
        "write(Path(sys.argv[1]), lambda _: write(Path(sys.argv[2]), lambda _: os.kill(os.getpid(), 9)))"
    )
    for each in (path, other):
        each.parent.mkdir(parents=True, exist_ok=True)
    killed = subprocess.run([sys.executable, "-c", program, path, other], check=False)
    assert killed.returncode == -signal.SIGKILL


class Observed(Control):
    """Acts while the job is paused, then resumes or stops it."""

    def __init__(self, act: Callable[[], object] = lambda: None, stop: bool = False) -> None:
        super().__init__()
        self._act = act
        self._stop = stop

    def wait_while_paused(self) -> None:
        self._act()
        self.stop() if self._stop else self.resume()
        super().wait_while_paused()


def result_weights(request: TrainRequest) -> dict[str, torch.Tensor]:
    """The weights in the result file of a job that is done."""
    content = torch.load(directory_of(request) / "checkpoint.pt", weights_only=True)
    weights: dict[str, torch.Tensor] = content["model_state_dict"]
    return weights


def assert_same_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    """Assert equality to the bit."""
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), f"{name} differs"


def was_stopped(run: Run) -> bool:
    """Whether the run ended with a stop."""
    return bool(run.of_type(Stopped))
