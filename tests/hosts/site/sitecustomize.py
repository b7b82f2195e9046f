"""What Python runs first in every process of a test's host: site looks for it."""

import os
import sys

if "keeper" in sys.orig_argv:
    from tests import forked_program

    forked_program.use(os.environ[forked_program.VARIABLE])
