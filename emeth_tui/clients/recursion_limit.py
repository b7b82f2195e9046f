"""Python's recursion limit, kept: importing eth_account raises it a hundredfold, through py_ecc.

With that limit, lists of a stranger's nested deeply enough would overflow the stack and end the process;
with Python's own, they raise RecursionError. Packages that import web3 import this module first, and what
is used of eth_account comes from it.
"""

from __future__ import annotations

import sys

from emeth_tui.clients.loaded_later import VALIDATORS_CURVES, loaded_later

with loaded_later(VALIDATORS_CURVES):  # now, so that nothing raises the limit later
    from eth_account import Account
    from eth_account.signers.local import LocalAccount

__all__ = ["RECURSION_LIMIT", "Account", "LocalAccount"]

RECURSION_LIMIT = 1_000  # Python's default

if "eth" not in sys.modules:  # the devnet's virtual machine calls as deep as contracts do, and needs more
    sys.setrecursionlimit(RECURSION_LIMIT)
