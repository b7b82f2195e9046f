"""What the checks look at: settings, network, wallet, terminal, and connections that they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emeth_tui.backoff import Backoff
from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.chain.endpoint import Endpoint
from emeth_tui.clients.chain.json_rpc import Request
from emeth_tui.clients.chain.values import BadAnswer, quantity
from emeth_tui.clients.http.exchange import ExchangeFailed, Limits
from emeth_tui.clients.http.retry import Retry
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.info_server import InfoServer
from emeth_tui.clients.wallet import Wallet, keystore_address
from emeth_tui.doctor.finding import Unchecked
from emeth_tui.doctor.waiting import Once
from emeth_tui.engine.gpus.default_devices import devices_or_default
from emeth_tui.errors import EmethError, WalletError
from emeth_tui.model import Language
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.doctor.checkup import NoAddress, NoEndpointServes, NoNetwork
from emeth_tui.process.threads import in_thread
from emeth_tui.protocol.architectures import PARAMETERS
from emeth_tui.protocol.contracts import Rates
from emeth_tui.protocol.info_api import ListEntry
from emeth_tui.settings import Network, Settings
from emeth_tui.store.lock import lock_holder

QUICK_RETRY = Retry(attempts=2, backoff=Backoff(0.2, 0.5), longest_rest_s=1.0, patience_s=5.0)
RPC_LIMITS = Limits(max_bytes=64_000_000, deadline_s=8.0)


@dataclass(frozen=True, slots=True)
class Terminal:
    """The terminal that the program was started on."""

    is_there: bool
    kind: str  # TERM
    problem: Reason | None  # why it cannot show the screen at all
    needs_ascii: bool
    encoding: str
    columns: int
    rows: int
    environment: Mapping[str, str] = field(default_factory=dict)  # TERM, COLORTERM, NO_COLOR


NO_TERMINAL = Terminal(
    is_there=False, kind="", problem=None, needs_ascii=True, encoding="ascii", columns=80, rows=24
)


@dataclass(frozen=True, slots=True)
class Setup:
    """What was found of the settings, before anything is looked at."""

    settings: Settings  # the defaults where there are none
    settings_problem: Reason | None  # why they cannot be read
    network: Network | Reason  # or why there is none
    open_wallet: Callable[[], Wallet] | Reason  # or why it cannot be opened here
    terminal: Terminal = NO_TERMINAL
    quick: bool = False


class Subject:
    """What the checks of one run look at. Lives in one event loop."""

    def __init__(self, setup: Setup, transport: Transport) -> None:
        self.setup = setup
        self.settings = setup.settings
        self.transport = transport
        self.node_pid = lock_holder(setup.settings.state_dir)  # None while no node runs on this state
        self.wallet = Once(self._open_wallet)
        self.chain = Once(self._connect_chain)
        self.rates = Once(self._read_rates)
        self.offers = Once(self._read_offers)
        self.devices = Once(lambda: in_thread(devices_or_default, setup.settings.workers.devices))

    @property
    def network(self) -> Network:
        """The network. Raise Unchecked while the settings name none that is complete."""
        if isinstance(self.setup.network, Reason):
            raise Unchecked(NoNetwork())  # the settings' own check says why
        return self.setup.network

    @property
    def models(self) -> list[str]:
        """The models that jobs are trained with: those of Round 3-2 while there is no network."""
        settings, network = self.settings, self.setup.network
        if isinstance(network, Reason):
            return list(PARAMETERS)[:2]
        return sorted({settings.model_for(Language(name), network) for name in settings.claims.languages})

    async def address(self) -> str:
        """Return the account's address, which a keystore usually names without a password."""
        try:
            return (await self.wallet()).address
        except (EmethError, Unchecked):
            address = await in_thread(_named_address, self.settings)
        if not address:
            raise Unchecked(NoAddress())
        return address

    async def _open_wallet(self) -> Wallet:
        if isinstance(self.setup.open_wallet, Reason):
            raise Unchecked(self.setup.open_wallet)
        return await in_thread(self.setup.open_wallet)

    async def _connect_chain(self) -> ChainClient:
        """Return a client of the endpoints that serve the right chain; the others are reported elsewhere."""
        network = self.network
        serving = await asyncio.gather(*(self._serves(url, network.chain_id) for url in network.rpc_urls))
        good = [url for url, serves in zip(network.rpc_urls, serving, strict=True) if serves]
        if not good:
            raise Unchecked(NoEndpointServes(network.chain_id))
        return ChainClient(network.model_copy(update={"rpc_urls": good}), self.transport)

    async def _serves(self, url: str, chain_id: int) -> bool:
        endpoint = Endpoint(url, self.transport.client, RPC_LIMITS)
        try:
            answer = (await endpoint.post([Request("eth_chainId")], may_be_busy=False))[0]
            return quantity(answer.get("result")) == chain_id
        except (ExchangeFailed, BadAnswer):
            return False

    async def _read_rates(self) -> Rates:
        return await (await self.chain()).rates()

    async def _read_offers(self) -> list[ListEntry]:
        info = InfoServer(self.network, self.transport)
        return [entry async for entries in info.requested_jobs() for entry in entries]


def _named_address(settings: Settings) -> str:
    try:
        return keystore_address(settings.keystore_path)
    except WalletError:
        return ""
