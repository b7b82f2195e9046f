"""The long form: `python -m tests.fuzz --megabytes 20 --seed 7 [--only NAME]`. Exit code 1 with findings."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings

from tests.fuzz.target import Figures, Finding, run
from tests.fuzz.targets import all_targets

SHOWN = 5  # findings of a target


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--megabytes", type=float, default=12.0, help="of input in all")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="", help="the targets whose name holds this")
    chosen = options.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    targets = [target for target in all_targets() if chosen.only in target.name]
    shares = sum(target.share for target in targets)
    everything: list[Finding] = []
    total = Figures("all")
    print("| parser | cases | kB | refused | s | slowest, ms | grown, MB | findings |")
    print("| --- |" + " --- |" * 7)
    for target in targets:
        findings: list[Finding] = []
        size_bytes = int(chosen.megabytes * 1_000_000 * target.share / shares)
        figures = run(target, chosen.seed, size_bytes, findings)
        print(_row(figures, len(findings)), flush=True)
        for finding in findings[:SHOWN]:
            print(
                f"{finding.target} #{finding.number}: {finding.problem}\n  {finding.data[:300]!r}",
                file=sys.stderr,
            )
        everything += findings
        total.cases += figures.cases
        total.size_bytes += figures.size_bytes
        total.refused += figures.refused
        total.seconds += figures.seconds
        total.grown_mb += figures.grown_mb
        total.slowest_s = max(total.slowest_s, figures.slowest_s)
    print(_row(total, len(everything)))
    return 1 if everything else 0


def _row(figures: Figures, findings: int) -> str:
    cells = (
        figures.name,
        f"{figures.cases:,}",
        f"{figures.size_bytes / 1_000:,.0f}",
        f"{figures.refused:,}",
        f"{figures.seconds:.1f}",
        f"{figures.slowest_s * 1_000:.0f}",
        f"{figures.grown_mb:.0f}",
        str(findings),
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
