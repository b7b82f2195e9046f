"""Sending transactions: gas, signing, broadcasting, and watching until they are settled.

The intent comes before the effect: sign, journal the bytes and their hash, broadcast, wait for the receipt.
After a restart the chain is read first; then the *same* bytes are broadcast again, or nothing is.
"""

from emeth_tui.clients import recursion_limit  # noqa: F401 - before web3
