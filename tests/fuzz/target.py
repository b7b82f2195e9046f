"""One parser under test, and what may come of any input: nothing, or an error that it documents."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fuzz.mutation import inputs

CPU_LIMIT_S = 5.0  # for one input of at most 64 kB; what hangs or grows with the square takes longer
PYTHONS_RECURSION_LIMIT = 1_000
GROWTH_LIMIT_MB = 500.0  # of the whole process in one run, whatever came in

Take = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Target:
    """`take` reads an input; `errors` are all that it may raise. `share` is its part of a run's bytes."""

    name: str
    corpus: Sequence[bytes]
    take: Take
    errors: tuple[type[Exception], ...] = ()
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that made a parser do what it must not."""

    target: str
    number: int
    data: bytes
    problem: str


@dataclass(slots=True)
class Figures:
    """What a run has measured."""

    name: str
    cases: int = 0
    size_bytes: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    grown_mb: float = 0.0


def run(target: Target, seed: int, size_bytes: int, findings: list[Finding]) -> Figures:
    """Feed a target inputs of so many bytes in all, and add what goes wrong to `findings`."""
    sys.setrecursionlimit(PYTHONS_RECURSION_LIMIT)  # as in a node; the devnet's virtual machine raises it
    figures = Figures(target.name)
    before_mb = _peak_mb()
    started_s = time.monotonic()
    for data in inputs(f"{target.name} {seed}", target.corpus):
        if figures.size_bytes >= size_bytes and figures.cases >= len(target.corpus):
            break
        problem = _problem(target, data, figures)
        if problem:
            findings.append(Finding(target.name, figures.cases, data, problem))
        figures.cases += 1
        figures.size_bytes += len(data)
    figures.seconds = time.monotonic() - started_s
    figures.grown_mb = _peak_mb() - before_mb
    if figures.grown_mb > GROWTH_LIMIT_MB:
        findings.append(Finding(target.name, -1, b"", f"the process has grown by {figures.grown_mb:.0f} MB"))
    return figures


def _problem(target: Target, data: bytes, figures: Figures) -> str:
    started_s = time.process_time()
    try:
        target.take(data)
    except target.errors:
        figures.refused += 1
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        return f"{type(error).__name__}: {str(error)[:200]}"
    took_s = time.process_time() - started_s
    figures.slowest_s = max(figures.slowest_s, took_s)
    return f"it took {took_s:.1f} s" if took_s > CPU_LIMIT_S else ""


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
