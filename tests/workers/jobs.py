"""Small jobs for real worker processes, and a listener that acts on what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from emeth_tui.backoff import Backoff
from emeth_tui.training.reports import TrainRequest
from emeth_tui.workers.supervisor import Limits, WorkerDirectories
from tests.training.texts import english

HASH = "cd" * 32
JOBS_DIR = Path("/")  # tests put their jobs anywhere
QUICK = Limits(restart=Backoff(0.01, 0.02), deaths=1, stop_s=20.0)


def make_request(directory: Path, size_bytes: int = 4096, **changes: Any) -> TrainRequest:
    """A job on English text of this size, deterministic, on one thread, that keeps every epoch it can."""
    dataset = directory / "dataset.txt"
    if not dataset.exists():
        dataset.write_text(english(size_bytes), encoding="utf-8")
    values: dict[str, Any] = {
        "job_id": "0x" + "6f" * 16,
        "language": "en",
        "epochs": 4,
        "directory": str(directory.relative_to(JOBS_DIR)),
        "model": "devnet-small",
        "batch_size": 2,
        "threads": 1,
        "deterministic": True,
        "checkpoint_share": 1e9,
        "checkpoint_gap_s": 0.0,
        "checkpoint_bytes_a_day": 1e18,
    }
    return TrainRequest(**{**values, **changes})


def in_directories(logs: Path) -> WorkerDirectories:
    """Directories for a pool that keeps its logs here and trains jobs anywhere."""
    return WorkerDirectories(logs, JOBS_DIR)


class Listener:
    """Keeps a job's messages, and calls `act` with each."""

    def __init__(self, act: Callable[[Any], None] = lambda message: None) -> None:
        self.heard: list[Any] = []
        self._act = act

    def __call__(self, message: object) -> None:
        self.heard.append(message)
        self._act(message)

    def of_type(self, kind: type[Any]) -> list[Any]:
        """The messages of one type, in order."""
        return [message for message in self.heard if isinstance(message, kind)]


def once(condition: Callable[[Any], bool], act: Callable[[], None]) -> Callable[[Any], None]:
    """Act on the first message that fulfils the condition."""
    done = False

    def look(message: Any) -> None:
        nonlocal done
        if not done and condition(message):
            done = True
            act()

    return look


def hash_for(dataset_digest: str, epochs: int) -> str:
    """Stands for the hash chain, whose key the parent keeps."""
    return HASH
