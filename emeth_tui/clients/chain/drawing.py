"""The block that draws which epochs are trained again (protocol.md §9b)."""

from __future__ import annotations

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.model import Head


async def drawing_block(chain: ChainClient, submitted_at_unix_s: int) -> Head | None:
    """Return the first block that is younger than a submission; None while it is not final.

    None, too, where one wrong time among the answers led to another block. Raise NetworkError.
    """
    head = await chain.head()
    number = await chain.block_at(submitted_at_unix_s) + 1
    if number > head.number - chain.network.confirmations + 1:
        return None
    before, block = await chain.head(number - 1), await chain.head(number)
    return block if before.timestamp_unix_s <= submitted_at_unix_s < block.timestamp_unix_s else None


def hash_bytes(block: Head) -> bytes:
    """Return a block's hash as what is drawn from."""
    return bytes.fromhex(block.hash.removeprefix("0x"))
