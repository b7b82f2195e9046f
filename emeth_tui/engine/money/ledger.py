"""The ledger: every movement of the account's EMT, from the token's own logs, booked once it is final."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.contract_events import ChainEvent, StatusChanged, Transfer
from emeth_tui.clients.transactions.broadcast import Receipt
from emeth_tui.errors import NetworkError
from emeth_tui.model import JobId
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.store import key_values
from emeth_tui.store.database import Store
from emeth_tui.store.movements import Movement, MovementKind

BLOCKS_AT_ONCE = 20_000  # after a long absence the ledger catches up over several looks
REREAD_BLOCKS = 256  # before the newest final block, where that one is no longer in the chain

_KINDS = {
    JobStatus.PROCESSING: MovementKind.CLAIM,
    JobStatus.VERIFIED: MovementKind.VERIFY,
    JobStatus.FAILED: MovementKind.REJECT,
    JobStatus.TIMEOUT: MovementKind.TIMEOUT,
    JobStatus.DECLINED: MovementKind.DECLINE,
}

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a range of blocks holds for the account: EmethCore's events, and the movements of EMT."""

    events: Sequence[ChainEvent] = ()
    movements: Sequence[Movement] = ()


@dataclass(slots=True)
class _Withdrawal:
    """A withdrawal of ours in a block. `expected_wei` is what the rules say that it brought."""

    receipt: Receipt
    expected_wei: int


@dataclass
class Ledger:
    """Books what moved. `block` is the newest final block that has been read."""

    chain: ChainClient
    store: Store
    address: str
    _withdrawals: dict[str, _Withdrawal] = field(default_factory=dict)

    @property
    def block(self) -> int | None:
        """The newest final block that has been read, None before the first."""
        marked = self._marked()
        return None if marked is None else marked[0]

    def _marked(self) -> tuple[int, str] | None:
        """Return the newest final block that has been read, and its hash."""
        marked = self.store.key_values.get(key_values.LEDGER_BLOCK)
        if marked is None:
            return None
        number, block_hash = marked.split()
        return int(number), block_hash

    async def book_until(self, final_block: int) -> bool:
        """Book what moved up to a final block; return whether the chain dropped a block that was final.

        A long absence is caught up with over several calls. Raise NetworkError.
        """
        marked = self._marked()
        if marked is None or marked[0] > final_block:
            await self._mark(final_block)
            return False
        start, block_hash = marked
        dropped = await self._is_dropped(start, block_hash)
        if dropped:
            start = max(0, start - REREAD_BLOCKS)
            self.store.movements.forget_after(start)
        if start < final_block:
            end = min(final_block, start + BLOCKS_AT_ONCE)
            self._book(await self.scan(start + 1, end))
            await self._mark(end)
        return dropped

    async def scan(self, from_block: int, to_block: int) -> Scan:
        """Read a range of blocks, both ends in, and book nothing. Raise NetworkError."""
        if from_block > to_block:
            return Scan()
        events = await self.chain.events(from_block, to_block)
        ours = [event for event in events if isinstance(event, StatusChanged) and self._is_us(event.node)]
        transfers = await self.chain.transfers(self.address, from_block, to_block)
        movements = [*self._status_rows(ours), *self._transfer_rows(ours, transfers)]
        movements += await self._silent_withdrawals(movements, from_block, to_block)
        return Scan(events, await self._with_times(movements))

    async def book_job(self, job_id: JobId, started_at_unix_s: int, until_block: int) -> None:
        """Book a job's movements that were never read, or that the store has lost.

        Raise NetworkError.
        """
        start = await self.chain.block_at(started_at_unix_s - 1)
        scan = await self.scan(start, until_block)
        txs = {movement.tx_hash for movement in scan.movements if movement.job_id == job_id}
        self.store.movements.add(movement for movement in scan.movements if movement.tx_hash in txs)

    def note_withdrawal(self, receipt: Receipt, expected_wei: int) -> None:
        """Remember a withdrawal: a token may mint without a log, and then only balances show the amount."""
        self._withdrawals[receipt.tx_hash] = _Withdrawal(receipt, expected_wei)

    def _book(self, scan: Scan) -> None:
        self.store.movements.add(scan.movements)
        for movement in scan.movements:
            self._withdrawals.pop(movement.tx_hash, None)

    async def _mark(self, number: int) -> None:
        head = await self.chain.head(number)
        self.store.key_values.set(key_values.LEDGER_BLOCK, f"{head.number} {head.hash}")

    async def _is_dropped(self, number: int, block_hash: str) -> bool:
        if (await self.chain.head(number)).hash == block_hash:
            return False
        _logger.warning("block %d, which was final, is no longer in the chain", number)
        return True

    # ---- rows

    def _is_us(self, address: str) -> bool:
        return address.lower() == self.address.lower()

    def _status_rows(self, ours: Iterable[StatusChanged]) -> list[Movement]:
        return [
            _movement(event, _KINDS[event.status], event.job_id, 0)
            for event in ours
            if event.status in _KINDS
        ]

    def _transfer_rows(self, ours: Sequence[StatusChanged], transfers: Iterable[Transfer]) -> list[Movement]:
        by_tx: dict[str, list[StatusChanged]] = {}
        for event in ours:
            by_tx.setdefault(event.tx_hash, []).append(event)
        return [self._transfer_row(transfer, by_tx.get(transfer.tx_hash, [])) for transfer in transfers]

    def _transfer_row(self, transfer: Transfer, in_its_transaction: Sequence[StatusChanged]) -> Movement:
        came = transfer.amount_wei if self._is_us(transfer.recipient) else 0
        went = transfer.amount_wei if self._is_us(transfer.sender) else 0
        event = _nearest(transfer, in_its_transaction)
        if event is not None and event.status in _KINDS:
            return _movement(transfer, _KINDS[event.status], event.job_id, came - went)
        is_withdrawal = self.store.journal.purpose_of(transfer.tx_hash) == "withdraw"
        kind = MovementKind.WITHDRAW if is_withdrawal else MovementKind.OTHER
        return _movement(transfer, kind, None, came - went)

    async def _silent_withdrawals(
        self, movements: Sequence[Movement], from_block: int, to_block: int
    ) -> list[Movement]:
        """Return a row for each withdrawal of ours in these blocks that left no log of the token."""
        logged = {movement.tx_hash for movement in movements}
        rows = []
        for tx_hash, withdrawal in self._withdrawals.items():
            block = withdrawal.receipt.block_number
            if tx_hash in logged or not from_block <= block <= to_block:
                continue
            moved_wei = sum(other.amount_wei for other in movements if other.block_number == block)
            amount_wei = await self._minted(withdrawal, moved_wei)
            rows.append(Movement(tx_hash, 0, block, 0.0, MovementKind.WITHDRAW, None, amount_wei))
        return rows

    async def _minted(self, withdrawal: _Withdrawal, moved_wei: int) -> int:
        """Return what a withdrawal brought: what nothing else in its block explains of the balance."""
        block = withdrawal.receipt.block_number
        try:
            before_wei = await self.chain.emt_at(self.address, block - 1)
            after_wei = await self.chain.emt_at(self.address, block)
        except NetworkError as error:
            _logger.info(
                "no balances at block %d, so the rules say what a withdrawal brought: %s", block, error
            )
            return withdrawal.expected_wei
        return after_wei - before_wei - moved_wei

    async def _with_times(self, movements: Sequence[Movement]) -> list[Movement]:
        numbers = sorted({movement.block_number for movement in movements})
        heads = await asyncio.gather(*map(self.chain.head, numbers))
        times = {head.number: float(head.timestamp_unix_s) for head in heads}
        return [replace(movement, at_unix_s=times[movement.block_number]) for movement in movements]


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
