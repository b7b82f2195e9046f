"""What every duty of the engine works with, put together once by the node."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.info_server import InfoServer
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.transactions.sender import TransactionSender
from emeth_tui.engine.clock import ChainClock
from emeth_tui.engine.disk import DiskBudget
from emeth_tui.engine.endpoints import LinkHealth
from emeth_tui.engine.estimates.forecasts import Forecasts
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.market.model_readiness import Models
from emeth_tui.engine.market.rules import ClaimRules, judge
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.errors import ChainUnreachable
from emeth_tui.job import Job
from emeth_tui.model import JournaledTransaction, Language
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.job import ChainLacksJob
from emeth_tui.protocol.contracts import ChainJob, Rates
from emeth_tui.settings import Network, Settings
from emeth_tui.store.database import Store


@dataclass(slots=True)
class LiveSettings:
    """The settings in effect: who asks again sees what was changed meanwhile."""

    now: Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The clients, the memory and the rules of one node."""

    live: LiveSettings
    network: Network
    address: str
    rates: Rates
    chain: ChainClient
    transactions: TransactionSender
    storage: StorageClient
    info: InfoServer
    store: Store
    book: JobBook
    disk: DiskBudget
    events: EventLog
    clock: ChainClock
    health: LinkHealth
    forecasts: Forecasts
    models: Models

    @property
    def settings(self) -> Settings:
        """The settings in effect now: not to be kept."""
        return self.live.now

    @property
    def claim_interval_s(self) -> float:
        """Seconds between two looks at the market."""
        return self.settings.claims.poll_interval_s or self.network.poll_interval_s

    def model_for(self, language: Language) -> str:
        """Name the model that jobs of a language are trained with now."""
        return self.settings.model_for(language, self.network)

    async def chain_job(self, job: Job) -> ChainJob:
        """Read a job of ours from the chain. Raises ChainUnreachable when it does not show it."""
        records = await self.chain.jobs([job.job_id])
        if job.job_id not in records:
            raise ChainUnreachable(ChainLacksJob())
        return records[job.job_id]

    def is_ours(self, record: ChainJob) -> bool:
        """Whether a job is assigned to this node's account."""
        return record.node.lower() == self.address.lower()

    async def settle_sent(self, job: Job) -> None:
        """Wait for what was signed for this job before; the same bytes go out again if need be."""
        await self.transactions.settle_pending(job.job_id, wanted=self.is_wanted)

    def is_wanted(self, tx: JournaledTransaction) -> bool:
        """Whether what never left is still to be sent: a claim only while its job can be done."""
        job = None if tx.job_id is None else self.book.known(tx.job_id)
        if job is None or tx.purpose not in {"approve", "process"}:
            return True
        return self.claim_refusal(job) is None

    def claim_refusal(self, job: Job) -> Reason | None:
        """Return why a job that was chosen before is not to be claimed any more, None while it is."""
        return judge(
            fee_wei=job.fee_wei,
            dataset_bytes=job.dataset_bytes,
            deadline_unix_s=job.deadline_unix_s,
            needed=self.forecasts.left(job),
            rules=self.rules_for(job),
            now_unix_s=self.clock.now_unix_s(),
        )

    def rules_for(self, job: Job) -> ClaimRules:
        """Return the rules that a job was chosen by."""
        rules = ClaimRules.of(self.settings.claims, self.network)
        return rules.by_hand() if job.by_hand else rules
