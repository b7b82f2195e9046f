"""`python -m tests.faults.table REPORTS…`: add what came of runs to the table of docs/reliability.md."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.injected.faults import CATALOGUE
from tests.faults.injected.host_faults import HOST_FAULTS
from tests.faults.plan import HOSTILE, hostile_name

Report = dict[str, Any]
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- the table of tests/faults/table.py -->", "<!-- its end -->"
_ROW = re.compile(r"^\| (.+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
_DID_NOT_HAPPEN = "did not happen"
_ALL = "all"
_HOSTILE = [hostile_name(offer) for offer in HOSTILE]


def main() -> None:
    reports = [json.loads(line) for name in sys.argv[1:] for line in Path(name).read_text().splitlines()]
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    so_far, _, after = rest.partition(END)
    PAGE.write_text("\n".join([before + BEGIN, *table(so_far, reports), END + after]), "utf-8")


def table(so_far: str, reports: list[Report]) -> list[str]:
    """Return the lines of a table with these runs added: how many had each fault, and how many were right."""
    rows = _ROW.findall(so_far)
    runs = Counter({name: int(count) for name, count, _right in rows})
    right = Counter({name: int(count) for name, _runs, count in rows})
    for report in reports:
        happened = {
            each["fault"] for each in report["faults"] if not each["detail"].startswith(_DID_NOT_HAPPEN)
        }
        names = [*happened, _ALL] if happened else []
        runs.update(names)
        right.update([] if report["violations"] else names)
    return [
        "| fault | runs | all jobs saved, all accounts right |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {runs[name]} | {right[name]} |"
            for name in (*CATALOGUE, *HOST_FAULTS, *_HOSTILE, _ALL)
        ),
    ]


if __name__ == "__main__":
    main()
