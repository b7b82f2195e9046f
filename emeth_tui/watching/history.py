"""What the chain's logs hold of an account: read piece by piece, remembered, read again where they change.

The newest blocks come first, so that there is something to show at once; older ones follow, back to the
network's first. A block that is `confirmations` deep is final and read once; those above it are read again
whenever there is a new one, as a reorganisation may take back what they show.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emeth_tui.clients.chain.client import READS_AT_ONCE, ChainClient
from emeth_tui.clients.chain.contract_events import StatusChanged
from emeth_tui.engine.money.ledger import account_movements, is_same_account
from emeth_tui.model import Head, JobId
from emeth_tui.store.movements import Movement

PIECE_BLOCKS = 20_000  # read of older blocks at a time
REREAD_BLOCKS = 256  # before the newest final block, where that one is no longer in the chain
MOST_CHANGES = 20_000  # kept; what is older than that is not read

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """A status change of one of the account's jobs, and the time of its block."""

    event: StatusChanged
    at_unix_s: float

    @property
    def place(self) -> tuple[int, int, str]:
        """Where on the chain it stands: changes sort by it, and two with the same are the same."""
        return self.event.block_number, self.event.log_index, self.event.tx_hash


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a range of blocks holds, in the chain's order."""

    changes: Sequence[Change] = ()
    movements: Sequence[Movement] = ()


class History:
    """The status changes of an account's jobs, and the EMT that they moved."""

    def __init__(self, chain: ChainClient, address: str) -> None:
        self._chain = chain
        self._address = address
        self._newest: Head | None = None  # the newest final block that has been read
        self._oldest = 0
        self._final: list[_Piece] = []  # in the chain's order
        self._fresh = _Piece()  # of the blocks that are not final
        self.is_current = False  # whether it reaches up to the block that `follow` was given last
        self.drops = 0  # how often final blocks turned out to be gone

    @property
    def final_block(self) -> int:
        """The newest final block that has been read, -1 before the first."""
        return -1 if self._newest is None else self._newest.number

    @property
    def oldest_block(self) -> int:
        """The oldest block that has been read."""
        return self._oldest

    @property
    def is_cut(self) -> bool:
        """Whether older blocks are left out, because there is too much in the newer ones."""
        return sum(len(piece.changes) for piece in self._final) >= MOST_CHANGES

    @property
    def is_complete(self) -> bool:
        """Whether nothing remains to be read."""
        return self.is_current and self._reaches_back

    @property
    def _reaches_back(self) -> bool:
        return self._oldest <= self._first_block or self.is_cut

    @property
    def _first_block(self) -> int:
        return self._chain.network.first_block

    def changes(self) -> list[Change]:
        """Return the status changes, oldest first."""
        return [change for piece in (*self._final, self._fresh) for change in piece.changes]

    def movements(self) -> dict[JobId, list[Movement]]:
        """Return what moved for each job."""
        found: dict[JobId, list[Movement]] = {}
        for piece in (*self._final, self._fresh):
            for movement in piece.movements:
                if movement.job_id is not None:
                    found.setdefault(movement.job_id, []).append(movement)
        return found

    async def follow(self, head: Head) -> None:
        """Read what is new up to a block. Raise NetworkError.

        After a long absence the newest final blocks come over several calls.
        """
        final_block = max(0, head.number - self._chain.network.confirmations + 1)
        if self._newest is None:
            self._oldest = final_block + 1
            self._newest = await self._chain.head(final_block)
        elif final_block > self._newest.number:
            await self._drop_what_is_gone(self._newest)
            start = self._newest.number + 1
            end = min(final_block, start + PIECE_BLOCKS - 1)
            piece = await self._read(start, end)
            newest = await self._chain.head(end)
            self._keep(piece, newer=True)
            self._newest = newest
        self.is_current = final_block <= self._newest.number
        self._fresh = _Piece()
        if self.is_current:
            self._fresh = await self._read(self._newest.number + 1, head.number)

    async def go_back(self) -> None:
        """Read a piece of what is older than all that has been read. Raise NetworkError."""
        if self._newest is None or self._reaches_back:
            return
        start = max(self._first_block, self._oldest - PIECE_BLOCKS)
        piece = await self._read(start, self._oldest - 1)
        self._keep(piece, newer=False)
        self._oldest = start

    def _keep(self, piece: _Piece, *, newer: bool) -> None:
        if piece.changes:
            self._final.insert(len(self._final) if newer else 0, piece)

    async def _drop_what_is_gone(self, newest: Head) -> None:
        """Forget the last blocks where the newest final one is no longer in the chain."""
        if (await self._chain.head(newest.number)).hash == newest.hash:
            return
        _logger.warning("block %d, which was final, is no longer in the chain", newest.number)
        self.drops += 1
        last = max(0, newest.number - REREAD_BLOCKS)
        self._newest = await self._chain.head(last)
        self._oldest = min(self._oldest, last + 1)
        self._final = [_until(last, piece) for piece in self._final]

    async def _read(self, from_block: int, to_block: int) -> _Piece:
        if from_block > to_block:
            return _Piece()
        events = [
            event
            for event in await self._chain.events(from_block, to_block)
            if isinstance(event, StatusChanged) and is_same_account(event.node, self._address)
        ]
        if not events:
            return _Piece()
        transfers = await self._chain.transfers(self._address, from_block, to_block)
        times = await self._times(event.block_number for event in events)
        changes = [Change(event, times[event.block_number]) for event in events]
        return _Piece(changes, account_movements(self._address, events, transfers))

    async def _times(self, blocks: Iterable[int]) -> dict[int, float]:
        numbers = sorted(set(blocks))
        times: dict[int, float] = {}
        for start in range(0, len(numbers), READS_AT_ONCE):
            several = numbers[start : start + READS_AT_ONCE]
            heads = await asyncio.gather(*map(self._chain.head, several))
            times |= {
                number: float(head.timestamp_unix_s) for number, head in zip(several, heads, strict=True)
            }
        return times


def _until(block: int, piece: _Piece) -> _Piece:
    return _Piece(
        [change for change in piece.changes if change.event.block_number <= block],
        [movement for movement in piece.movements if movement.block_number <= block],
    )
