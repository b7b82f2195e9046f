"""The ledger: every movement of the account's EMT, from the token's own logs, booked once it is final."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contract_events import ChainEvent, StatusChanged, Transfer
from emeth_tui.clients.transactions.broadcast import nonce_status
from emeth_tui.clients.transactions.signed_bytes import withdrawn_slot
from emeth_tui.errors import NetworkError
from emeth_tui.model import Head, JobId, JournaledTransaction
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store import key_values
from emeth_tui.store.database import Store
from emeth_tui.store.movements import Movement, MovementKind

BLOCKS_AT_ONCE = 20_000  # after a long absence the ledger catches up over several looks
REREAD_BLOCKS = 256  # before the newest final block, where that one is no longer in the chain

_UNKNOWN_UNIX_S = 2**63  # of a block that an earlier version has read: no block is younger

_KINDS = {
    JobStatus.PROCESSING: MovementKind.CLAIM,
    JobStatus.VERIFIED: MovementKind.VERIFY,
    JobStatus.FAILED: MovementKind.REJECT,
    JobStatus.TIMEOUT: MovementKind.TIMEOUT,
    JobStatus.DECLINED: MovementKind.DECLINE,
}
_BY_PURPOSE = {
    "withdraw": MovementKind.WITHDRAW,
    "request": MovementKind.REQUEST,
    "cancel request": MovementKind.REQUEST,
}

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a range of blocks holds for the account: EmethCore's events, and the movements of EMT."""

    events: Sequence[ChainEvent] = ()
    movements: Sequence[Movement] = ()


@dataclass
class Ledger:
    """Books what moved. `block` is the newest final block that has been read."""

    chain: ChainClient
    store: Store
    address: str

    @property
    def block(self) -> int | None:
        """The newest final block that has been read, None before the first."""
        marked = self._marked()
        return None if marked is None else marked.number

    def _marked(self) -> Head | None:
        """Return the newest final block that has been read."""
        marked = self.store.key_values.get(key_values.LEDGER_BLOCK)
        if marked is None:
            return None
        number, block_hash, *time = marked.split()
        return Head(int(number), block_hash, int(time[0]) if time else _UNKNOWN_UNIX_S)

    async def book_until(self, final_block: int, on_dropped: Callable[[], None] = lambda: None) -> None:
        """Book what moved up to a final block; call `on_dropped` where the chain dropped one that was final.

        A long absence is caught up with over several calls. An endpoint that is merely behind what was read
        changes nothing. Raise NetworkError.
        """
        marked = self._marked()
        if marked is None:
            self._mark(await self.chain.head(final_block))
            return
        start = marked.number
        if await self._is_dropped(marked, final_block):
            start = max(0, min(start, final_block) - REREAD_BLOCKS)
            newest = await self.chain.head(start)
            on_dropped()
            # Both at once: what is forgotten is read again, whatever fails from here on.
            self.store.movements.forget_after(start)
            self._mark(newest)
        if start < final_block:
            end = min(final_block, start + BLOCKS_AT_ONCE)
            movements = (await self.scan(start + 1, end)).movements
            newest = await self.chain.head(end)
            self.store.movements.add(movements)
            self._mark(newest)

    async def scan(self, from_block: int, to_block: int) -> Scan:
        """Read a range of blocks, both ends in, and book nothing. Raise NetworkError."""
        if from_block > to_block:
            return Scan()
        events = await self.chain.events(from_block, to_block)
        ours = [
            event
            for event in events
            if isinstance(event, StatusChanged) and is_same_account(event.node, self.address)
        ]
        transfers = await self.chain.transfers(self.address, from_block, to_block)
        movements = account_movements(self.address, ours, transfers, self.store.journal.purpose_of)
        movements += await self._silent_withdrawals(movements, to_block)
        return Scan(events, await self._with_times(movements))

    async def book_job(self, job_id: JobId, started_at_unix_s: int, until_block: int) -> None:
        """Book a job's movements that were never read, or that the store has lost.

        Raise NetworkError.
        """
        start = await self.chain.block_at(started_at_unix_s - 1)
        scan = await self.scan(start, until_block)
        txs = {movement.tx_hash for movement in scan.movements if movement.job_id == job_id}
        self.store.movements.add(movement for movement in scan.movements if movement.tx_hash in txs)

    def _mark(self, newest: Head) -> None:
        self.store.key_values.set(
            key_values.LEDGER_BLOCK, f"{newest.number} {newest.hash} {newest.timestamp_unix_s}"
        )

    async def _is_dropped(self, marked: Head, final_block: int) -> bool:
        """Return whether the newest block that was read is no longer in the chain."""
        block = await self.chain.head(min(marked.number, final_block))
        if block.number == marked.number:
            dropped = block.hash != marked.hash
        else:  # an earlier block is no younger, except of another chain; else the endpoint is behind
            dropped = block.timestamp_unix_s > marked.timestamp_unix_s
        if dropped:
            _logger.warning("block %d, which was final, is no longer in the chain", marked.number)
        return dropped

    # ---- rows

    async def _silent_withdrawals(self, movements: Sequence[Movement], to_block: int) -> list[Movement]:
        """Return a row for each withdrawal up to a block of which the token left no log, and nothing is kept.

        A token may mint without a log, and then only balances show the amount.
        """
        logged = {movement.tx_hash for movement in movements}
        rows: list[Movement] = []
        for tx in self.store.journal.unbooked_withdrawals():
            block = None if tx.tx_hash in logged else await self._block_of(tx)
            if block is None or block > to_block:
                continue
            amount_wei = await self._minted(tx, block, self._moved_wei(block, (*movements, *rows)))
            rows.append(Movement(tx.tx_hash, 0, block, 0.0, MovementKind.WITHDRAW, None, amount_wei))
        return rows

    def _moved_wei(self, block: int, unbooked: Iterable[Movement]) -> int:
        """Return what the other movements in a block come to."""
        booked = self.store.movements.after(block - 1)
        in_block = {
            (row.tx_hash, row.log_index): row.amount_wei
            for row in (*booked, *unbooked)
            if row.block_number == block
        }
        return sum(in_block.values())

    async def _block_of(self, tx: JournaledTransaction) -> int | None:
        """Return the block that a transaction of ours succeeded in, None while it is in none."""
        if tx.block_number is not None:
            return tx.block_number
        seen = await nonce_status(self.chain.w3, self.address, [tx.tx_hash])
        return seen.receipt.block_number if seen.receipt is not None and seen.receipt.ok else None

    async def _minted(self, tx: JournaledTransaction, block: int, moved_wei: int) -> int:
        """Return what a withdrawal brought: what nothing else in its block explains of the balance."""
        try:
            before_wei = await self.chain.emt_at(self.address, block - 1)
            after_wei = await self.chain.emt_at(self.address, block)
        except NetworkError as error:
            _logger.info(
                "no balances at block %d, so the rules say what a withdrawal brought: %s", block, error
            )
            (share,) = await self.chain.slot_shares(self.address, [withdrawn_slot(tx.raw)])
            return share.own_reward_wei
        return after_wei - before_wei - moved_wei

    async def _with_times(self, movements: Sequence[Movement]) -> list[Movement]:
        numbers = sorted({movement.block_number for movement in movements})
        heads = await asyncio.gather(*map(self.chain.head, numbers))
        times = {head.number: float(head.timestamp_unix_s) for head in heads}
        return [replace(movement, at_unix_s=times[movement.block_number]) for movement in movements]


def account_movements(
    address: str,
    ours: Sequence[StatusChanged],
    transfers: Iterable[Transfer],
    purpose_of: Callable[[str], str | None] = lambda _tx_hash: None,
) -> list[Movement]:
    """Return an account's movements of EMT, without times: its jobs' status changes, and what moved.

    `ours` are the status changes of its jobs, in the chain's order. A transfer in the transaction of one
    belongs to that job; `purpose_of` says what another transaction, if it is the account's, was for.
    """
    by_tx: dict[str, list[StatusChanged]] = {}
    for event in ours:
        by_tx.setdefault(event.tx_hash, []).append(event)
    rows = [
        _movement(event, _KINDS[event.status], event.job_id, 0) for event in ours if event.status in _KINDS
    ]
    for transfer in transfers:
        came = transfer.amount_wei if is_same_account(transfer.recipient, address) else 0
        went = transfer.amount_wei if is_same_account(transfer.sender, address) else 0
        nearest = _nearest(transfer, by_tx.get(transfer.tx_hash, []))
        if nearest is not None and nearest.status in _KINDS:
            rows.append(_movement(transfer, _KINDS[nearest.status], nearest.job_id, came - went))
        else:
            kind = _BY_PURPOSE.get(purpose_of(transfer.tx_hash) or "", MovementKind.OTHER)
            rows.append(_movement(transfer, kind, None, came - went))
    return rows


def is_same_account(one: str, other: str) -> bool:
    """Whether two addresses are the same account's, in whatever case they are written."""
    return one.lower() == other.lower()


def _movement(
    logged: StatusChanged | Transfer, kind: MovementKind, job_id: JobId | None, amount_wei: int
) -> Movement:
    return Movement(logged.tx_hash, logged.log_index, logged.block_number, 0.0, kind, job_id, amount_wei)


def _nearest(transfer: Transfer, events: Sequence[StatusChanged]) -> StatusChanged | None:
    """Return the event that a transfer belongs to: the last before it in its transaction, else the first."""
    if not events:
        return None
    before = bisect_right([event.log_index for event in events], transfer.log_index)
    return events[max(0, before - 1)]
