"""What the disk, the models, the terminal and the system are like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class DiskWrites(Reason):
    directory: Path
    speed_bytes: int


@dataclass(frozen=True, slots=True)
class DiskSlow(Reason):
    directory: Path
    speed_bytes: int
    checkpoint_s: float


@dataclass(frozen=True, slots=True)
class DiskHasRoom(Reason):
    directory: Path
    free_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class LimitAboveRoom(Reason):
    directory: Path
    free_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class LimitBelowJob(Reason):
    limit_bytes: int
    needed_bytes: int
    model: str


@dataclass(frozen=True, slots=True)
class FileSystemIs(Reason):
    directory: Path
    file_system: str


@dataclass(frozen=True, slots=True)
class DatabaseRemote(Reason):
    directory: Path
    file_system: str


@dataclass(frozen=True, slots=True)
class StateInMemory(Reason):
    directory: Path
    file_system: str


@dataclass(frozen=True, slots=True)
class ModelMade(Reason):
    model: str


@dataclass(frozen=True, slots=True)
class ModelHere(Reason):
    model: str


@dataclass(frozen=True, slots=True)
class ModelOnHub(Reason):
    model: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ModelOutOfReach(Reason):
    model: str
    detail: str


@dataclass(frozen=True, slots=True)
class TerminalFits(Reason):
    terminal: str
    columns: int
    rows: int
    colours: int


class TerminalAbsent(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FewCharacters(Reason):
    terminal: str


@dataclass(frozen=True, slots=True)
class TerminalSmall(Reason):
    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class EncodingFits(Reason):
    encoding: str


@dataclass(frozen=True, slots=True)
class EncodingPoor(Reason):
    encoding: str


@dataclass(frozen=True, slots=True)
class UnitThere(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class UnitLingers(Reason):
    user: str


@dataclass(frozen=True, slots=True)
class UnitEndsAtLogout(Reason):
    user: str
    path: Path


@dataclass(frozen=True, slots=True)
class UnitStopsTooSoon(Reason):
    path: Path
    limit_s: float
    needed_s: float


class NoUnit(Reason):
    __slots__ = ()


class NoSystemd(Reason):
    __slots__ = ()
