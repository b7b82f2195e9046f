"""What every part of the engine works with, assembled once when the node opens."""

from __future__ import annotations

from dataclasses import dataclass, field

from emeth_tui.clients.appeals import AppealClient
from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.info_server import InfoServer
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.transactions.sender import TransactionSender
from emeth_tui.engine.clock import ChainClock
from emeth_tui.engine.disk import DiskBudget
from emeth_tui.engine.energy.meter import EnergyMeter
from emeth_tui.engine.estimates.forecasts import Forecasts
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.hosts.far_places import FarPlaces
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.market.model_readiness import Models
from emeth_tui.engine.money.terms import Terms
from emeth_tui.engine.pauses.schedule import Schedule
from emeth_tui.engine.requester.requester import Requester
from emeth_tui.engine.service_health import ServiceHealth
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.errors import ChainUnreachable
from emeth_tui.job import Job
from emeth_tui.model import Language
from emeth_tui.notices.reasons.job import ChainLacksJob
from emeth_tui.protocol.contracts import ChainJob, Rates
from emeth_tui.settings import Network, Settings
from emeth_tui.store.database import Store
from emeth_tui.training.files.models import model_spec


@dataclass(slots=True)
class LiveSettings:
    """The settings in effect; reading `now` again shows what has changed since."""

    now: Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The clients, the memory and the rules of one node."""

    live: LiveSettings
    network: Network
    address: str
    terms: Terms
    chain: ChainClient
    transactions: TransactionSender
    requester: Requester
    storage: StorageClient
    info: InfoServer
    appeals: AppealClient
    store: Store
    book: JobBook
    energy: EnergyMeter
    disk: DiskBudget
    events: EventLog
    clock: ChainClock
    health: ServiceHealth
    leases: WorkerLeases
    forecasts: Forecasts
    models: Models
    schedule: Schedule
    far: FarPlaces = field(default_factory=FarPlaces)
    temporary_state: bool = False  # its directories are removed when the node ends

    @property
    def settings(self) -> Settings:
        """The settings in effect now; do not keep a reference."""
        return self.live.now

    @property
    def rates(self) -> Rates:
        """The contract's rates in effect now."""
        return self.terms.rates

    @property
    def claim_interval_s(self) -> float:
        """Seconds between two polls of the market."""
        return self.settings.claims.poll_interval_s or self.network.poll_interval_s

    def model_for(self, language: Language) -> str:
        """Return the name of the model that jobs in a language are trained with now."""
        return self.settings.model_for(language, self.network)

    def batch_size_for(self, model: str, dataset_bytes: int) -> int:
        """Return how many blocks a step of a job learns from that is claimed now."""
        wanted = self.settings.training.batch_size
        if wanted == "auto" or self.network.verification == "replay":  # which leaves no choice
            return model_spec(model).batch_for(dataset_bytes)
        return wanted

    async def chain_job(self, job: Job) -> ChainJob:
        """Read a job of ours from the chain. Raise ChainUnreachable when the chain does not list it."""
        records = await self.chain.jobs([job.job_id])
        if job.job_id not in records:
            raise ChainUnreachable(ChainLacksJob())
        return records[job.job_id]

    def deadline_left_s(self, job: Job) -> float:
        """Return how long it is until a job's deadline."""
        return job.deadline_unix_s - self.clock.now_unix_s()

    def is_ours(self, record: ChainJob) -> bool:
        """Whether a job is assigned to this node's account."""
        return self.is_us(record.node)

    def is_us(self, address: str) -> bool:
        """Whether an address is this node's account, in whatever case it is written."""
        return address.lower() == self.address.lower()
