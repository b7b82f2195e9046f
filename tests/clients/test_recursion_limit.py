"""What a node has loaded leaves Python's recursion limit alone: it guards against what strangers nest."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

LOAD = """
import sys
before = sys.getrecursionlimit()
from emeth_tui.clients.wallet import Wallet
assert sys.getrecursionlimit() == before, "after the wallet"
import emeth_tui.engine.opening
assert "py_ecc" in sys.modules, "nothing raises the limit any more: recursion_limit.py is not needed"
assert sys.getrecursionlimit() == before, "after the engine"
import msgspec
try:
    msgspec.json.decode(b"[" * 200_000)
except RecursionError:
    print("refused")
"""


@pytest.mark.process
def test_a_nodes_libraries_do_not_lift_the_recursion_limit() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
