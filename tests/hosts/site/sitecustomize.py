"""What Python runs first in every process of a test's host: site looks for it."""

import sys

if any("multiprocessing" in word for word in sys.orig_argv):  # a worker's process, or the one that forks them
    from tests.hosts.site.holding import hold_training

    hold_training()
