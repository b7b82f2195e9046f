"""Python's recursion limit, kept: importing eth_account raises it a hundredfold, through py_ecc.

With that limit, lists of a stranger's nested deeply enough would overflow the stack and end the process;
with Python's own, they raise RecursionError. Packages that import eth_account or web3 import this module.
"""

from __future__ import annotations

import sys

import eth_account  # noqa: F401 - now, so that nothing raises the limit later

RECURSION_LIMIT = 1_000  # Python's default

if "eth" not in sys.modules:  # the devnet's virtual machine calls as deep as contracts do, and needs more
    sys.setrecursionlimit(RECURSION_LIMIT)
