"""What the disk, the models, the terminal and the system are like."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason


class DiskWrites(Reason):
    directory: Path
    speed_bytes: int


class DiskSlow(Reason):
    directory: Path
    speed_bytes: int
    checkpoint_s: float


class DiskHasRoom(Reason):
    directory: Path
    free_bytes: int
    limit_bytes: int


class LimitAboveRoom(Reason):
    directory: Path
    free_bytes: int
    limit_bytes: int


class LimitBelowJob(Reason):
    limit_bytes: int
    needed_bytes: int
    model: str


class FileSystemIs(Reason):
    directory: Path
    file_system: str


class DatabaseRemote(Reason):
    directory: Path
    file_system: str


class StateInMemory(Reason):
    directory: Path
    file_system: str


class ModelMade(Reason):
    model: str


class ModelHere(Reason):
    model: str


class ModelOnHub(Reason):
    model: str
    size_bytes: int


class ModelOutOfReach(Reason):
    model: str
    detail: ForeignText


class TerminalFits(Reason):
    terminal: str
    columns: int
    rows: int
    colours: int


class TerminalAbsent(Reason):
    pass


class FewCharacters(Reason):
    terminal: str


class TerminalSmall(Reason):
    columns: int
    rows: int


class EncodingFits(Reason):
    encoding: str


class EncodingPoor(Reason):
    encoding: str


class UnitThere(Reason):
    path: Path


class UnitLingers(Reason):
    user: str


class UnitEndsAtLogout(Reason):
    user: str
    path: Path


class UnitStopsTooSoon(Reason):
    path: Path
    limit_s: float
    needed_s: float


class NoUnit(Reason):
    pass


class NoSystemd(Reason):
    pass
