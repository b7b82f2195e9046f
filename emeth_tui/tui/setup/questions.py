"""Questions as a front end shows them: a title, facts, and how to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

STEPS = 5


class Kind(Enum):
    """How an answer is given."""

    CHOICE = "choice"  # one of the options
    SEVERAL = "several"  # some of the options, comma-separated
    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a text that is not shown
    NOTICE = "notice"  # nothing to answer


@dataclass(frozen=True, slots=True)
class Option:
    """One possible answer."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """One step. `default` is what Enter alone answers; `step` counts from 1 to STEPS."""

    step: int
    title: str
    facts: tuple[str, ...]
    kind: Kind
    options: tuple[Option, ...] = ()
    default: str = ""
    prompt: str = ""


class Result(Enum):
    """How the questions ended."""

    SKIPPED = "skipped"
    WRITTEN = "written"
    DEVNET = "devnet"  # nothing is written: the node starts with a devnet


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the wizard ended. `password` opens the keystore that it made; it is stored nowhere."""

    result: Result
    password: str | None = field(default=None, repr=False)
    has_key: bool = False  # whether the settings name a file with the verification key
