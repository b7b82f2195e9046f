"""What a front end displays: one frozen picture of the node."""

from __future__ import annotations

from dataclasses import dataclass

from emeth_tui.engine.disk import DiskUsage
from emeth_tui.engine.estimates.durations import Duration
from emeth_tui.engine.gpus.reading import GpuReading
from emeth_tui.engine.hosts.view import HostView
from emeth_tui.engine.machine.reading import NOTHING_READ, MachineReading
from emeth_tui.engine.market.rules import Offer
from emeth_tui.engine.market.standstill import Standstill
from emeth_tui.engine.pauses.view import Coming, HeldDevice
from emeth_tui.engine.service_health import ServiceStatus
from emeth_tui.job import Job
from emeth_tui.model import NO_PRICES, Head, JobId, Prices
from emeth_tui.notices.event import Event
from emeth_tui.notices.notice import Reason
from emeth_tui.protocol.contracts import Rates, SlotShare
from emeth_tui.settings.values import Verification
from emeth_tui.workers.supervisor import WorkerView


@dataclass(frozen=True, slots=True)
class Deposits:
    """EMT of the account in wei. `at_risk_wei` is what would be lost if every open job timed out, and every
    submitted one were rejected.

    `native_per_transaction_wei` is the recent average cost of our transactions, 0 while unknown.
    """

    free_wei: int
    locked_wei: int
    at_risk_wei: int
    returned_today_wei: int
    lost_today_wei: int
    native_wei: int
    native_per_transaction_wei: int
    staked_limit_wei: int | None = None  # the owner's, None where there is none
    lost_limit_wei: int | None = None


@dataclass(frozen=True, slots=True)
class TodaysShare:
    """The current UTC day: all gas, when it ends; `days` are the closed days on which we earned gas."""

    share: SlotShare
    ends_at_unix_s: int
    waiting: tuple[SlotShare, ...]
    days: tuple[SlotShare, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The time until a job of ours is submitted, if it continued now.

    `slack_s` is the least time that then remains until the deadline; below 0 it may be late.
    """

    job_id: JobId
    left: Duration
    slack_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The node at a moment. What has not been read from the chain yet is None."""

    at_unix_s: float
    network: str
    chain_id: int
    native_symbol: str
    address: str
    head: Head | None
    rates: Rates
    workers: tuple[WorkerView, ...]
    gpus: tuple[GpuReading, ...]
    jobs: tuple[Job, ...]
    forecasts: tuple[Forecast, ...]  # for the jobs that are not submitted yet
    ended_today: tuple[Job, ...]
    offers: tuple[Offer, ...]  # the best of those that are `listed`
    listed: int
    deposits: Deposits | None
    disk: DiskUsage
    today: TodaysShare | None
    claims_paused: Reason | None
    stopping: str  # "", "draining" (no new jobs, ends when those under way are submitted) or "stopping"
    standstill: Standstill | None  # why nothing is claimed, also while every worker has a job
    services: tuple[ServiceStatus, ...]
    events: tuple[Event, ...]
    held: tuple[HeldDevice, ...] = ()
    coming: tuple[Coming, ...] = ()  # what the schedule and timed pauses change next, the soonest first
    time_zone: str = "UTC"  # of the owner's clock, by which pauses end
    prices: Prices = NO_PRICES
    machine: MachineReading = NOTHING_READ
    hosts: tuple[HostView, ...] = ()
    verification: Verification = "chain"  # what the network asks of a result
    from_chain_alone: bool = False  # no node: an account as its chain shows it
    temporary_state: bool = False  # the node's directories are removed when it ends
