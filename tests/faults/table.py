"""`python -m tests.faults.table REPORTS…`: put what came of each fault into docs/reliability.md."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.faults.injected.faults import CATALOGUE

Report = dict[str, Any]
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- the table of tests/faults/table.py -->", "<!-- its end -->"


def main() -> None:
    reports = [json.loads(line) for name in sys.argv[1:] for line in Path(name).read_text().splitlines()]
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text("\n".join([before + BEGIN, *table(reports), END + rest.partition(END)[2]]), "utf-8")


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
