"""What all processes of a run agree on: the layout of its directory, and how a quick worker trains."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

_OFFSET = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class Layout:
    """A run's directory."""

    root: Path

    @property
    def devnet(self) -> Path:
        return self.root / "devnet"

    def home(self, node: int = 0) -> Path:
        """Where a node keeps state, cache and logs."""
        return self.root / f"node-{node}"

    def host(self, name: str) -> Path:
        """Where a host keeps all that it has."""
        return self.root / name

    def settings(self, node: int = 0) -> Path:
        return self.root / f"node-{node}.toml"

    def output(self, name: str) -> Path:
        """Where a process's output goes."""
        return self.root / f"{name}.out"

    @property
    def clock(self) -> Path:
        """Holds the seconds that the wall clock is off, of the node or of whatever follows it."""
        return self.root / "clock"

    @property
    def verdict(self) -> Path:
        return self.root / "verdict.json"


def ledger_of(jobs_dir: Path) -> Path:
    """Return the file in which a machine's quick workers note what they train: outside of what is deleted."""
    home = next(home for home in jobs_dir.parents if Layout(home.parent).clock.exists())
    return home.parent / f"{home.name}.ledger"


@dataclass(frozen=True, slots=True)
class Training:
    """How a quick worker trains."""

    epoch_s: float = 0.05
    checkpoint_every: int = 3  # epochs
    checkpoint_bytes: int = 50_000
    result_bytes: int = 20_000

    @staticmethod
    def path_for(jobs_dir: Path) -> Path:
        return ledger_of(jobs_dir).with_suffix(".training")

    def write(self, jobs_dir: Path) -> None:
        self.path_for(jobs_dir).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, jobs_dir: Path) -> Training:
        path = cls.path_for(jobs_dir)
        return cls(**json.loads(path.read_text())) if path.exists() else cls()


def set_clock(path: Path, offset_s: float) -> None:
    """Set a node's wall clock off by so many seconds."""
    written = path.with_name(f".{path.name}.new")  # the node reads it at any moment
    written.write_bytes(_OFFSET.pack(offset_s))
    written.replace(path)


def clock_offset_s(path: Path) -> float:
    return float(_OFFSET.unpack(path.read_bytes())[0])


def follow_clock(path: Path) -> None:
    """Have this process's wall clock follow the file; the monotonic clock goes on as it is.

    To be called before anything is imported that keeps `time.time`.
    """
    now: Callable[[], float] = time.time
    time.time = lambda: now() + clock_offset_s(path)
    time.time_ns = lambda: round(time.time() * 1e9)
