"""A node's books on a chain that a test writes line by line: a real store, and no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from emeth_tui.clients.chain.contract_events import ChainEvent, StatusChanged, Transfer
from emeth_tui.clients.chain.json_rpc import RpcRefusal
from emeth_tui.engine.clock import ChainClock
from emeth_tui.engine.context import Context
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.money.ledger import Ledger
from emeth_tui.engine.money.settle import Hooks, Settler
from emeth_tui.engine.money.terms import Terms
from emeth_tui.engine.money.witnesses import Witnesses
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.errors import ChainUnreachable
from emeth_tui.job import Job
from emeth_tui.model import Head, JobId, JobState, token_to_wei
from emeth_tui.notices.events.node import Leftovers
from emeth_tui.notices.notice import EventBody
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, ChainJob, JobStatus, SlotShare
from emeth_tui.store.database import Store
from emeth_tui.workers.job_files import LocalJobFiles
from tests.factories import JOB_ID, make_job

US = "0x" + "Aa" * 20
OTHER = "0x" + "bb" * 20
CORE = "0x" + "cc" * 20
CONFIRMATIONS = 3
BLOCK_S = 10
EMT = token_to_wei(1)


def record(status: JobStatus = JobStatus.PROCESSING, **changes: Any) -> ChainJob:
    """A job of ours as the chain shows it: 20 EMT for a fee of 20, claimed in block 10."""
    values: dict[str, Any] = {
        "job_id": JOB_ID,
        "owner": OTHER,
        "deadline_unix_s": 2_000_000_000,
        "fee_wei": 20 * EMT,
        "status": status,
        "requested_at_unix_s": 50,
        "program_id": 1,
        "param": "{}",
        "dataset": "text.txt",
        "result": "",
        "node": US.lower(),
        "deposit_wei": 20 * EMT,
        "gas": 0,
        "started_at_unix_s": 10 * BLOCK_S,
        "submitted_at_unix_s": 0 if status in (JobStatus.REQUESTED, JobStatus.PROCESSING) else 150,
        "verified_at_unix_s": 0,
    }
    return ChainJob(**{**values, **changes})


class _Endpoint:
    """What web3 asks an endpoint about transactions."""

    def __init__(self, chain: ScriptedChain) -> None:
        self._chain = chain

    @property
    async def block_number(self) -> int:
        return self._chain.height

    async def get_transaction_count(self, address: str) -> int:
        assert address == US
        return 1

    async def get_transaction_receipt(self, tx_hash: bytes) -> dict[str, Any] | None:
        return self._chain.receipts.get("0x" + tx_hash.hex())

    async def get_transaction(self, _tx_hash: bytes) -> None:
        return None


@dataclass
class ScriptedChain:
    """What a test says is on the chain. `reads` are the ranges of blocks whose events were asked for."""

    height: int = 100
    records: dict[JobId, ChainJob] = field(default_factory=dict)
    final_records: dict[JobId, ChainJob] | None = field(default_factory=dict)  # None: that state is gone
    logs: list[ChainEvent] = field(default_factory=list)
    moved: list[Transfer] = field(default_factory=list)
    fork: str = "a"  # a part of each block's hash
    later_s: int = 0  # how much younger each block is than on the first fork
    emt_wei: dict[int, int] | None = None  # by block, the newest before it counts; None: that state is gone
    shares: list[SlotShare] = field(default_factory=list)
    reads: list[tuple[int, int]] = field(default_factory=list)
    read_at: list[int] = field(default_factory=list)  # blocks at which records were asked for
    logs_fail: bool = False
    witnesses: list[ScriptedChain] = field(default_factory=list)  # other endpoints
    asked: list[JobId] = field(default_factory=list)  # whose newest record was asked for
    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)  # by transaction, as web3 gives them
    assigned: list[JobId] | None = None  # the contract's list of our claims; None: it keeps none

    @property
    def w3(self) -> Any:
        """The endpoint itself, for what is asked of a transaction."""
        return SimpleNamespace(to_checksum_address=lambda address: address, eth=_Endpoint(self))

    async def head(self, number: int | None = None) -> Head:
        number = self.height if number is None else number
        return Head(number, f"0x{self.fork}{number}", number * BLOCK_S + self.later_s)

    async def events(self, first: int, last: int) -> list[ChainEvent]:
        if self.logs_fail:
            raise ChainUnreachable(Foreign("no logs today"))
        self.reads.append((first, last))
        return [log for log in self.logs if first <= log.block_number <= last]  # type: ignore[union-attr]

    async def transfers(self, address: str, first: int, last: int) -> list[Transfer]:
        assert address == US
        return [log for log in self.moved if first <= log.block_number <= last]

    async def jobs(self, ids: Sequence[JobId], *block: int) -> dict[JobId, ChainJob]:
        self.read_at += block
        self.asked += [] if block else ids
        if block and self.final_records is None:
            raise RpcRefusal("here", "eth_call", {"code": -32000, "message": "missing trie node"})
        known = self.final_records if block else self.records
        return {one: known[one] for one in ids if one in known}  # type: ignore[index, operator]

    async def emt_at(self, address: str, block: int) -> int:
        assert address == US
        if self.emt_wei is None:
            raise ChainUnreachable(Foreign("missing trie node"))
        return self.emt_wei[max(number for number in self.emt_wei if number <= block)]

    async def slot_shares(self, address: str, slots: Sequence[int]) -> list[SlotShare]:
        assert address == US
        return [share for share in self.shares if share.slot in slots]

    async def block_at(self, unix_s: int) -> int:
        return unix_s // BLOCK_S

    async def assigned_count(self, address: str) -> int | None:
        assert address == US
        return None if self.assigned is None else len(self.assigned)

    async def assigned_jobs(self, address: str, indexes: Sequence[int]) -> list[JobId]:
        assert self.assigned is not None
        assert address == US
        return [self.assigned[index] for index in indexes]

    def others(self) -> list[ScriptedChain]:
        return self.witnesses

    @property
    def rpc(self) -> Any:
        return SimpleNamespace(where=self.fork)

    # ---- writing

    def status(
        self,
        block: int,
        status: JobStatus,
        *,
        tx: str,
        index: int = 1,
        node: str = US,
        job_id: JobId = JOB_ID,
    ) -> None:
        """Write that a job went to a status."""
        self.logs.append(
            StatusChanged(
                block_number=block, tx_hash=tx, log_index=index, job_id=job_id, node=node, status=status
            )
        )

    def transfer(self, block: int, amount_wei: int, *, tx: str, index: int = 2, own: str = US) -> None:
        """Write that EMT came to us (above 0) or went from us to the contract."""
        sender, recipient = (CORE, own) if amount_wei > 0 else (own, CORE)
        self.moved.append(
            Transfer(
                block_number=block,
                tx_hash=tx,
                log_index=index,
                sender=sender,
                recipient=recipient,
                amount_wei=abs(amount_wei),
            )
        )

    def claim_and(self, end: JobStatus | None = None, back_wei: int = 0, *, block: int = 20) -> None:
        """Write a claim of 20 EMT in block 10, and how the job ended."""
        self.status(10, JobStatus.PROCESSING, tx="0xclaim")
        self.transfer(10, -20 * EMT, tx="0xclaim")
        if end is not None:
            self.status(block, end, tx="0xend")
            self.transfer(block, back_wei, tx="0xend")


class Books:
    """Ledger and settler of a node that knows one job."""

    def __init__(self, store: Store, directory: Path, chain: ScriptedChain, job: Job | None = None) -> None:
        self.store, self.chain = store, chain
        self.monotonic_s = 0.0
        self.may_claim = False
        self.heard: list[tuple[str, Any]] = []
        self.context = self._context(directory)
        self.book = self.context.book
        if job is not None:
            self.book.add(make_job())
            if job.state is not JobState.CLAIMING:
                store.jobs.save(job, at_unix_s=1.0, state_changed=True)
                self.book._jobs[job.job_id] = job
        self.ledger = Ledger(self.context.chain, store, US)
        self.settler = Settler(
            self.context,
            self.ledger,
            Witnesses(self.context.chain),
            Hooks(
                ended=lambda job: self.heard.append(("ended", job)),
                stopped=lambda job_id: self._hear("stopped", job_id),
                restarted=lambda job_id: self._hear("restarted", job_id),
                deposits_kept=lambda: self.heard.append(("deposits_kept", None)),
            ),
        )
        self._said = len(self.bodies())

    def _may_claim(self, job_id: JobId) -> bool:
        assert job_id in self.book
        return self.may_claim

    def _hear(self, name: str, job_id: JobId) -> None:
        assert job_id in self.book
        self.heard.append((name, job_id))

    def _context(self, directory: Path) -> Context:
        clock = ChainClock(wall=lambda: 5_000.0, monotonic=lambda: self.monotonic_s)
        parts: dict[str, Any] = dict.fromkeys(Context.__dataclass_fields__)
        parts |= {
            "network": SimpleNamespace(confirmations=CONFIRMATIONS, verification="chain"),
            "address": US,
            "terms": Terms.load(ROUND_3_2_RATES, self.store.key_values),
            "chain": self.chain,
            "transactions": SimpleNamespace(nonces_lost=0, may_claim=self._may_claim),
            "store": self.store,
            "book": JobBook(self.store.jobs, lambda: 5_000.0),
            "disk": SimpleNamespace(files=LocalJobFiles(directory)),
            "events": EventLog(self.store.events, lambda: 5_000.0),
            "clock": clock,
        }
        return Context(**cast("Any", parts))

    async def look(self) -> list[EventBody]:
        """Have ledger and settler look once; return what was said."""
        head = await self.chain.head()
        await self.ledger.book_until(head.number - CONFIRMATIONS + 1)
        await self.settler.look(head)
        return self.said()

    def said(self) -> list[EventBody]:
        """Return what was published since the last call; of what concerns a job, it names the job."""
        events = self.context.events._recent.all()[self._said :]
        assert all(event.job_id or isinstance(event.body, Leftovers) for event in events)
        bodies = self.bodies()
        new, self._said = bodies[self._said :], len(bodies)
        return new

    def bodies(self) -> list[EventBody]:
        return [event.body for event in self.context.events._recent.all()]

    def names(self) -> list[str]:
        """Return which hooks were called, and forget them."""
        names = [name for name, _what in self.heard]
        self.heard.clear()
        return names


def submitted(**changes: Any) -> Job:
    """A job of ours whose result is delivered."""
    values = {"state": JobState.SUBMITTED, "result_name": "r.pt", "epochs_done": 30, "reserved_bytes": 0}
    return replace(make_job(), **{**values, **changes})
