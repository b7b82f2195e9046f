"""The garbage collector keeps out of the way of a start, and is as it was once the node is loaded."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from emeth_tui.process.garbage import collect_as_usual, collect_rarely


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_it_is_as_it_was_once_all_is_loaded_and_never_looks_at_that_again() -> None:
    before = gc.get_threshold()

    collect_rarely()
    while_loading = gc.get_threshold()
    collect_as_usual()

    assert while_loading[0] > 10 * before[0]
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() > 1_000


def test_a_start_hardly_looks_for_garbage() -> None:
    script = (
        "import gc, sys; sys.argv = ['emeth-tui', 'config', 'path']\n"
        "from emeth_tui.cli import main\n"
        "before = gc.get_stats()[0]['collections']\n"
        "try: main()\n"
        "except SystemExit: print(gc.get_stats()[0]['collections'] - before)"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert int(result.stdout.splitlines()[-1]) <= 3
