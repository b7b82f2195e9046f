"""What Python runs first in every process of a test's host: site looks for it."""

import sys
from pathlib import Path

if "keeper" in sys.orig_argv:
    from tests import forked_program

    forked_program.use((Path.home() / "fork-server").read_text())
