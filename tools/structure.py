"""What `make lint` checks of the tree as a whole: no import cycle between files, and no crowded folder."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent
PACKAGE = "emeth_tui"
FOLDERS = (PACKAGE, "tests", "benchmarks", "tools")
MOST_MODULES = 15  # in a folder, `__init__.py` and tests' `conftest.py` not counted


def main() -> int:
    """Print each problem on a line; return the exit status."""
    problems = [*import_cycles(), *crowded_folders()]
    for problem in problems:
        print(problem)
    print(
        f"structure: {len(problems)} problems"
        if problems
        else "structure: no import cycle, no crowded folder"
    )
    return bool(problems)


def import_cycles() -> Iterator[str]:
    """Name one cycle, if any; imports within functions and those for types count as well."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        yield f"import cycle: {' -> '.join(reversed(error.args[1]))}"


def crowded_folders() -> Iterator[str]:
    """Name the folders with too many modules to find one's way in."""
    modules = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    sizes = Counter(path.parent for path in modules if path.name not in {"__init__.py", "conftest.py"})
    for folder, size in sorted(sizes.items()):
        if size > MOST_MODULES:
            yield f"crowded folder: {folder.relative_to(ROOT)} holds {size} modules, more than {MOST_MODULES}"


if __name__ == "__main__":
    sys.exit(main())
