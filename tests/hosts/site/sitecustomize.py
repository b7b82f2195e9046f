"""What Python runs first in every process of a test's host: site looks for it."""

import sys
from pathlib import Path

if "keeper" in sys.orig_argv:
    from tests.forked.program import use_server

    use_server((Path.home() / "fork-server").read_text())
