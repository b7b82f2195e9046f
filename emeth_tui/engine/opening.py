"""Assemble a node from its settings, and close it again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

from emeth_tui.backoff import Backoff
from emeth_tui.clients.appeals import AppealClient
from emeth_tui.clients.chain.client import Balances, ChainClient
from emeth_tui.clients.http.dates import listen_for_dates
from emeth_tui.clients.http.transport import Transport, open_transport
from emeth_tui.clients.info_server import InfoServer
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.storage.requester import RequesterStorage
from emeth_tui.clients.transactions.fee_limits import FeeLimits
from emeth_tui.clients.transactions.sender import TransactionSender
from emeth_tui.clients.wallet import Wallet
from emeth_tui.engine.account import take_state
from emeth_tui.engine.clock import ChainClock
from emeth_tui.engine.context import Context, LiveSettings
from emeth_tui.engine.devices import DeviceReports
from emeth_tui.engine.disk import DiskBudget
from emeth_tui.engine.energy.meter import EnergyMeter
from emeth_tui.engine.estimates.forecasts import Forecasts, Measurements
from emeth_tui.engine.events import EventLog
from emeth_tui.engine.hosts.far_places import FarPlaces
from emeth_tui.engine.hosts.hosts import Hosts
from emeth_tui.engine.leases import WorkerLeases
from emeth_tui.engine.market.model_readiness import Models
from emeth_tui.engine.money.terms import Terms, differences_from_published
from emeth_tui.engine.node import Node
from emeth_tui.engine.pauses.schedule import Schedule
from emeth_tui.engine.requester.requester import Requester
from emeth_tui.engine.requester.under_way import RequestsUnderWay
from emeth_tui.engine.service_health import ServiceHealth
from emeth_tui.engine.settings_editor import SettingsEditor
from emeth_tui.engine.steps.job_book import JobBook
from emeth_tui.engine.steps.pipeline import RETRIES
from emeth_tui.errors import InsufficientFunds, SettingsError
from emeth_tui.model import Language, ServiceName, token_to_wei
from emeth_tui.notices.reasons.start import NoEmt, NoGasToken, NoVerificationKey
from emeth_tui.settings import VERIFICATION_KEY_VARIABLE, Layers, LimitSettings, Network, Settings
from emeth_tui.store.database import Store
from emeth_tui.store.key_values import account_name
from emeth_tui.workers.job_files import LocalJobFiles
from emeth_tui.workers.model_keeper import make_ready
from emeth_tui.workers.supervisor import WorkerDirectories, WorkerPool

CLOSE_GRACE_S = 5.0  # for workers to exit; the whole shutdown takes at most 10 s, or 60 more for checkpoints


@asynccontextmanager
async def open_node(
    settings: Settings,
    network: Network,
    wallet: Wallet,
    store: Store,
    *,
    events: EventLog,
    clock: ChainClock,
    devices: list[str],
    layers: Layers | None = None,
    exit_after_jobs: int | None = None,
    retry: Backoff = RETRIES,
    new_pool: Callable[[Sequence[str], WorkerDirectories], WorkerPool] = WorkerPool,
    ssh_agent: str = "",
    temporary_state: bool = False,
) -> AsyncIterator[Node]:
    """Connect everything that a node needs and check that it can work; close it all afterwards.

    Whoever subscribed to `events` before sees what happens while the node opens. `layers` are what the
    settings were loaded from; without them, from the settings file alone. `ssh_agent` is the socket of the
    agent that ssh may ask on the way to hosts; `temporary_state` says that nothing is kept at the end.
    Raise ChainUnreachable, WrongChain, ContractMissing, InsufficientFunds, SettingsError, DiskFull or
    DeviceFailed, each with the remedy.
    """
    async with contextlib.AsyncExitStack() as stack:
        pool = new_pool(
            devices, WorkerDirectories(settings.state_dir / "logs", settings.jobs_dir, settings.devices_dir)
        )
        leases = WorkerLeases(pool.workers, pool.call_roll)
        connecting = _connect(settings, network, wallet, store, leases, events, clock, temporary_state)
        context = await stack.enter_async_context(connecting)
        _check_verification_key(network)
        take_state(store, settings.state_dir, account_name(wallet.address, network.core_address))
        _check_funds(context, await context.chain.balances(wallet.address))
        for difference in differences_from_published(context.rates):
            context.events.publish(difference)
        hosts = Hosts(context, pool, leases, ssh_agent)
        stack.push_async_callback(hosts.close)  # after the pool: its workers there are asked to leave
        stack.push_async_callback(pool.close, CLOSE_GRACE_S)
        pool.subscribe(DeviceReports(context.events, leases).take)
        # What is trained already has to be uploaded, submitted and followed, without any device as well.
        await pool.start(required=not context.book.open_jobs())
        settings_editor = SettingsEditor(context, layers or Layers(settings.source))
        yield Node(
            context, leases, pool, hosts, settings_editor, exit_after_jobs=exit_after_jobs, retry=retry
        )


@asynccontextmanager
async def open_node_at_rest(
    settings: Settings,
    network: Network,
    wallet: Wallet,
    store: Store,
    *,
    events: EventLog,
    clock: ChainClock,
) -> AsyncIterator[Node]:
    """Connect a node that neither trains nor claims, caught up with the chain: it takes commands about money.

    Raise NetworkError, or SettingsError for another account's state.
    """
    async with contextlib.AsyncExitStack() as stack:
        directories = WorkerDirectories(settings.state_dir / "logs", settings.jobs_dir, settings.devices_dir)
        pool = WorkerPool(settings.workers.devices or ["cpu"], directories)  # none of them is started
        leases = WorkerLeases(pool.workers)
        connecting = _connect(settings, network, wallet, store, leases, events, clock)
        context = await stack.enter_async_context(connecting)
        take_state(store, settings.state_dir, account_name(wallet.address, network.core_address))
        hosts = Hosts(context, pool, leases)
        node = Node(context, leases, pool, hosts, SettingsEditor(context, Layers(settings.source)))
        stack.push_async_callback(node.let_go)
        await node.catch_up()
        yield node


@asynccontextmanager
async def _connect(
    settings: Settings,
    network: Network,
    wallet: Wallet,
    store: Store,
    leases: WorkerLeases,
    events: EventLog,
    clock: ChainClock,
    temporary_state: bool = False,
) -> AsyncIterator[Context]:
    """Connect the clients, and close them afterwards. Raise ChainUnreachable or another NetworkError."""
    async with contextlib.AsyncExitStack() as stack:
        chain = await ChainClient.connect(network)
        stack.push_async_callback(chain.close)
        transport = await stack.enter_async_context(open_transport())
        listen_for_dates(transport.client, _services(network), clock.saw_date)
        live = LiveSettings(settings)
        schedule = Schedule(lambda: live.now.schedule, clock.now_unix_s)
        measurements = Measurements(store.measurements, clock.now_unix_s)
        book = JobBook(store.jobs, clock.now_unix_s)
        under_way = RequestsUnderWay(store.requests)
        transactions = _transactions(chain, wallet, store, live, network, under_way)
        far = FarPlaces()
        energy = EnergyMeter(store.energy, book, leases, clock.now_unix_s)
        yield Context(
            live=live,
            network=network,
            address=wallet.address,
            terms=Terms.load(await chain.rates(), store.key_values),
            chain=chain,
            transactions=transactions,
            requester=_requester(network, wallet, chain, transport, transactions, store, under_way),
            storage=StorageClient(network, wallet, transport, uploads=store.uploads),
            info=InfoServer(network, transport),
            appeals=AppealClient(network, wallet, transport),
            store=store,
            book=book,
            energy=energy,
            disk=DiskBudget(LocalJobFiles(settings.jobs_dir), settings.cache_limit_bytes),
            events=events,
            clock=clock,
            health=ServiceHealth(events, clock.now_unix_s),
            leases=leases,
            forecasts=_forecasts(measurements, leases, network, schedule, energy, far),
            models=_models(live, network, events),
            schedule=schedule,
            far=far,
            temporary_state=temporary_state,
        )


def _services(network: Network) -> dict[str, ServiceName]:
    """Return the services whose answers show what time it is, by host and port."""
    return {
        urlsplit(network.storage_url).netloc: ServiceName.STORAGE,
        urlsplit(network.info_url).netloc: ServiceName.INFO_SERVER,
    }


def _transactions(
    chain: ChainClient,
    wallet: Wallet,
    store: Store,
    live: LiveSettings,
    network: Network,
    under_way: RequestsUnderWay,
) -> TransactionSender:
    return TransactionSender(
        chain,
        wallet,
        store.journal,
        confirmations=network.confirmations,
        fee_limits=lambda: _fee_limits(live.now.limits),
        wanted=under_way.wants,
    )


def _requester(
    network: Network,
    wallet: Wallet,
    chain: ChainClient,
    transport: Transport,
    transactions: TransactionSender,
    store: Store,
    under_way: RequestsUnderWay,
) -> Requester:
    return Requester(
        network=network,
        address=wallet.address,
        chain=chain,
        storage=RequesterStorage(network, wallet, transport),
        transactions=transactions,
        store=store,
        aim=under_way,
        alone=False,
    )


def _forecasts(
    measurements: Measurements,
    leases: WorkerLeases,
    network: Network,
    schedule: Schedule,
    energy: EnergyMeter,
    far: FarPlaces,
) -> Forecasts:
    return Forecasts(
        measurements,
        leases,
        urlsplit(network.storage_url).netloc,
        schedule.as_scheduled,
        energy.power_w,
        lambda worker, task: far.refusal_of(worker, task.model, task.dataset_bytes),
    )


def _models(live: LiveSettings, network: Network, events: EventLog) -> Models:
    return Models(
        events,
        lambda: [live.now.model_for(language, network) for language in Language],
        partial(make_ready, live.now.state_dir / "logs"),
    )


def _fee_limits(limits: LimitSettings) -> FeeLimits:
    return FeeLimits(limits.max_gas_price_wei, limits.max_job_fee_wei)


def _check_verification_key(network: Network) -> None:
    """Refuse to stake deposits on results that the verifier is sure to reject (protocol.md §9)."""
    if not network.verification_key.get_secret_value():
        raise SettingsError(NoVerificationKey(network.name, VERIFICATION_KEY_VARIABLE))


def _check_funds(context: Context, balances: Balances) -> None:
    if context.book.open_jobs():
        return
    symbol = context.network.native_symbol
    if not balances.native_wei:
        raise InsufficientFunds(NoGasToken(context.address, symbol))
    smallest_wei = context.rates.deposit_wei(token_to_wei(context.settings.claims.min_fee_emt))
    if balances.emt_wei < max(1, smallest_wei):
        raise InsufficientFunds(NoEmt(context.address, balances.emt_wei, smallest_wei))
