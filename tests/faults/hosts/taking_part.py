"""What a process on a host, or a link to one, does differently in a run: limits, clock, version, training.

`stage/site/sitecustomize.py` calls it, because a keeper and a link are started by the program itself.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SITE = Path(__file__).parents[1] / "stage" / "site"
ROOT = Path(__file__).parents[3]
_LINKS = ("emeth_tui.hosts.link.process", "emeth_tui.hosts.tls.process")


@dataclass(frozen=True, slots=True)
class Part:
    """What a machine's processes are told; it lies beside the machine's directory."""

    limits: float = 1.0  # limits and waits, of what they are
    quick: bool = True  # workers train nothing
    version: str = ""  # of emeth-tui there, where it is another
    protocol: int = 0  # between node and keeper, where it is another

    @staticmethod
    def path_for(home: Path) -> Path:
        return home.parent / f"{home.name}.part"

    def write(self, home: Path) -> None:
        self.path_for(home).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, home: Path) -> Part | None:
        path = cls.path_for(home)
        return cls(**json.loads(path.read_text())) if path.exists() else None


def clock_of(home: Path) -> Path:
    """Return the file that holds how far a host's clock is off."""
    return home.parent / f"{home.name}.clock"


def path_variable() -> str:
    """Return the PYTHONPATH of such processes."""
    return os.pathsep.join((str(SITE), str(ROOT)))


def take_part() -> None:
    """Do what this process's machine was told, if it is a link's or a host's."""
    home = Path(os.environ.get("HOME", "/"))
    if (part := Part.read(home)) is None:
        return
    words = sys.orig_argv
    if clock_of(home).exists():
        from tests.faults.stage.settings import follow_clock

        follow_clock(clock_of(home))
    if any(word in _LINKS for word in words):
        _be_a_link(part)
    elif "hosts" in words:
        _be_a_host(part, keeper="keeper" in words)


def shorten_limits(part: Part) -> None:
    """Have the links to hosts wait less: for signs of life, and between tries."""
    from emeth_tui.backoff import Backoff
    from emeth_tui.hosts.link import link

    delay_s = Backoff.delay_s
    Backoff.delay_s = lambda self, failures: delay_s(self, failures) * part.limits  # type: ignore[method-assign]
    for name in ("BEAT_EVERY_S", "SILENT_AFTER_S", "AGAIN_AFTER_REFUSAL_S"):
        setattr(link, name, getattr(link, name) * part.limits)


def _be_a_link(part: Part) -> None:
    shorten_limits(part)
    _speak_another_version(part)


def _be_a_host(part: Part, *, keeper: bool) -> None:
    _speak_another_version(part)
    shorten_limits(part)
    if keeper and part.quick:
        from tests.faults.stage import quick_training
        from tests.faults.stage.node import have_workers_run

        have_workers_run(quick_training.main)


def _speak_another_version(part: Part) -> None:
    import emeth_tui
    from emeth_tui.hosts import messages

    if part.version:
        emeth_tui.__version__ = part.version
    if part.protocol:
        changed: Any = messages
        changed.PROTOCOL = part.protocol
