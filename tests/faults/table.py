"""`python -m tests.faults.table REPORTS…`: what came of each fault in the runs of some reports."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.faults.faults import CATALOGUE

Report = dict[str, Any]


def main() -> None:
    reports = [json.loads(line) for name in sys.argv[1:] for line in Path(name).read_text().splitlines()]
    print("\n".join(table(reports)))


def table(reports: list[Report]) -> list[str]:
    """Return the lines of a table: each fault, how many runs had it, and how many of these went wrong."""
    by_fault: dict[str, list[Report]] = defaultdict(list)
    for report in reports:
        for name in {each["fault"] for each in report["faults"]}:
            by_fault[name].append(report)
    lines = ["| fault | runs | all jobs saved, all accounts right |", "| --- | --- | --- |"]
    for name in CATALOGUE:
        runs = by_fault[name]
        right = sum(not report["violations"] for report in runs)
        lines.append(f"| {name} | {len(runs)} | {right} |")
    right = sum(not report["violations"] for report in reports)
    return [*lines, f"| all | {len(reports)} | {right} |"]


if __name__ == "__main__":
    main()
