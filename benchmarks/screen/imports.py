"""What a program imports before its first paint, and how long that takes, by Python's own count."""

from __future__ import annotations

import re
from collections.abc import Mapping

VARIABLE = "PYTHONPROFILEIMPORTTIME"  # as `python -X importtime`
_LINE = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)")


def imports_of(report: str) -> dict[str, float]:
    """Return the seconds that each module took by itself, from what Python reports on stderr."""
    return {name: int(own_us) / 1e6 for own_us, name in _LINE.findall(report)}


def least_of(starts: list[Mapping[str, float]]) -> float:
    """Return the seconds of all modules of a start, each the least of several starts.

    Python counts the waiting for a core as well; on a busy machine the least is the nearest to the truth.
    """
    names = {name for start in starts for name in start}
    return sum(min(start[name] for start in starts if name in start) for name in names)
