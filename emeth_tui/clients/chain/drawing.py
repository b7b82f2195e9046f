"""The block that draws which epochs are trained again (protocol.md §9b)."""

from __future__ import annotations

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.model import Head


async def drawing_block(chain: ChainClient, submitted_at_unix_s: int) -> Head | None:
    """Return the first block that is younger than a submission; None while it is not final.

    Raise NetworkError.
    """
    head = await chain.head()
    number = await chain.block_at(submitted_at_unix_s) + 1
    if number > head.number - chain.network.confirmations + 1:
        return None
    return await chain.head(number)


def hash_bytes(block: Head) -> bytes:
    """Return a block's hash as what is drawn from."""
    return bytes.fromhex(block.hash.removeprefix("0x"))
