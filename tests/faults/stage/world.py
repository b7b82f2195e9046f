"""A run's processes and the links between them: network, proxies, nodes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import tomlkit

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import Key, kept_keys
from emeth_tui.devnet.chain.backends import ChainKind
from emeth_tui.devnet.network import Devnet
from emeth_tui.hosts.node.book import Book, write_book
from emeth_tui.network.objects.store import RESULTS
from emeth_tui.settings import DEVNET, load_network, load_settings
from tests.faults.hosts.far import NODE, Kind, RunHost
from tests.faults.hosts.taking_part import Part, path_variable
from tests.faults.stage.network import options
from tests.faults.stage.parties import Parties
from tests.faults.stage.processes import Record, RunProcess, children, is_link
from tests.faults.stage.proxy import Proxy
from tests.faults.stage.settings import Layout, Training, set_clock
from tests.loopback import free_port

BLOCK_S = 0.2
POLL_S = 0.3
CACHE_LIMIT_GB = 0.5
SAFETY_MARGIN_S = 600  # where jobs move: a slow machine trains them again within it
_START_S = 300.0  # bounds a hang
_BLOCKS_BEFORE = 25  # so that no reorganisation reaches the contracts
SERVICES = ("rpc", "rpc2", "storage", "info")
APART = ("storage", "info")  # the services that can be processes of their own


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run starts with; faults come later."""

    confirmations: int = 3
    endpoints: int = 1  # JSON-RPC endpoints that the node knows
    workers: int = 2
    chain: ChainKind = "py-evm"
    published: bool = False  # the contracts pay as the published source does
    url_lifetime_s: float = 900.0
    apart: bool = False  # storage and info server are processes of their own
    hosts: tuple[Kind, ...] = ()  # other machines that train for the node, by how they are reached
    limits: float = 0.1  # of a host's link, of what they are
    hosts_only: bool = False  # the node's own device rests
    joined_first: bool = False  # no job is posted before every host has joined
    quick: bool = True  # workers train nothing
    lifetime_s: int = 7_200  # of a job
    training: Training = field(default_factory=Training)


class World:
    """Everything of one run. `start` brings it up, `stop` takes it down."""

    network_module = "tests.faults.stage.network"
    node_module = "tests.faults.stage.node"
    block_s = BLOCK_S

    def __init__(self, layout: Layout, setup: Setup, *, own_network: bool = False) -> None:
        """`own_network` gives hosts networks of their own; else proxies stand before them."""
        self.layout = layout
        self.setup = setup
        self.network = RunProcess("network", layout.output("network"))
        names = APART if setup.apart else ()
        self.services = {name: RunProcess(name, layout.output(name)) for name in names}
        self.nodes = [RunProcess("node-0", layout.output("node-0"))]
        self.hosts = [
            RunHost(layout, f"host-{number}", kind, own_network=own_network)
            for number, kind in enumerate(setup.hosts, start=1)
        ]
        self.proxies = {name: Proxy(name, self._upstream(name)) for name in SERVICES}
        self.printed: asyncio.Queue[Record] = asyncio.Queue()  # what the first node prints
        self.starts = 0
        self.started_unix_s = 0.0  # when the first node was, the last time
        self.posted_unix_s = 0.0  # when jobs began to be
        self._endpoints: dict[str, int] = {}
        self._ready = asyncio.Event()
        self._ready_apart = {name: asyncio.Event() for name in names}
        self._chain: ChainClient | None = None
        self._parties: Parties | None = None
        self._keys: dict[str, Key] = {}

    @property
    def parties(self) -> Parties:
        assert self._parties is not None
        return self._parties

    @property
    def chain(self) -> ChainClient:
        """A client of the network itself, past the proxies."""
        assert self._chain is not None
        return self._chain

    @property
    def operator(self) -> str:
        """The address of the nodes."""
        return self._keys[funding.OPERATOR].address

    def key(self, name: str) -> Key:
        return self._keys[name]

    async def start(self, deployed: Path) -> None:
        """Start a copy of a deployed network, and the proxies before it."""
        shutil.copytree(deployed, self.layout.devnet)
        if not self.layout.clock.exists():
            set_clock(self.layout.clock, 0.0)
        await self.start_network()
        for name in self.services:
            await self.start_service(name)
        settings = load_settings(self.layout.devnet / "node.toml", environment={})
        network = load_network(settings, environment={})
        self._chain = await ChainClient.connect(network)
        self._keys = dict(kept_keys(self.layout.devnet / "accounts.json", funding.ACCOUNTS))
        for _ in range(_BLOCKS_BEFORE):
            await self.chain.rpc.call("evm_mine")
        results = self.layout.devnet / "storage/objects" / RESULTS
        key = network.verification_key.get_secret_value()
        self._parties = Parties(
            *(self.chain, self._keys, results, network.storage_url, key, self.block_s), quick=self.setup.quick
        )
        for proxy in self.proxies.values():
            await proxy.start()
        await self._start_hosts()
        self.posted_unix_s = time.time()
        await self.parties.start()

    async def stop(self) -> None:
        for node in self.nodes:
            await node.kill()
        for host in self.hosts:
            await host.stop()
        if self._parties is not None:
            await self._parties.stop()
        if self._chain is not None:
            await self._chain.close()
        started = children(self.network.pid) if self.network.pid else []  # anvil, which outlives it
        for process in (self.network, *self.services.values()):
            await process.kill()
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for proxy in self.proxies.values():
            await proxy.stop()

    # ---- the network

    async def start_network(self) -> None:
        given = {
            "state_dir": str(self.layout.devnet),
            "chain": self.setup.chain,
            "published": self.setup.published,
            "url_lifetime_s": self.setup.url_lifetime_s,
        }
        self._ready.clear()
        self.network.on_record = self._network_said
        await self.network.start(self.network_module, json.dumps(given))
        with anyio.fail_after(_START_S):
            await self._ready.wait()

    async def restart_network(self, down_s: float) -> None:
        """Kill the network, but what is apart from it, and start it again from what it kept."""
        await self.network.kill()
        await asyncio.sleep(down_s)
        await self.start_network()

    def _network_said(self, record: Record) -> None:
        ports = {name: int(str(url).rpartition(":")[2]) for name, url in record.items()}
        self._endpoints |= {name: port for name, port in ports.items() if name not in self.services}
        self._ready.set()

    async def start_service(self, name: str) -> None:
        """Start a service that is apart, or start it again."""
        ready, service = self._ready_apart[name], self.services[name]

        def said(record: Record) -> None:
            self._endpoints[name] = record["port"]
            ready.set()

        ready.clear()
        service.on_record = said
        given = {"state_dir": str(self.layout.devnet), "url_lifetime_s": self.setup.url_lifetime_s}
        await service.start("tests.faults.stage.service", name, json.dumps(given))
        with anyio.fail_after(_START_S):
            await ready.wait()

    async def restart_service(self, name: str, down_s: float) -> None:
        """Kill one service, and start it again from what it kept."""
        await self.services[name].kill()
        await asyncio.sleep(down_s)
        await self.start_service(name)

    def _upstream(self, name: str) -> Callable[[], int]:
        service = "rpc" if name == "rpc2" else name
        return lambda: self._endpoints[service]

    # ---- hosts

    def count(self, event: str) -> int:
        """Return how often the first node has printed an event."""
        return sum(record.get("event") == event for record in self.nodes[0].records)

    def age_s(self) -> int:
        """Return how old the run is: jobs are posted at its beginning."""
        return round(time.time() - self.posted_unix_s)

    async def _start_hosts(self) -> None:
        if not self.hosts:
            return
        state_dir = self.layout.home() / "state" / DEVNET
        part = Part(limits=self.setup.limits, quick=self.setup.quick)
        self.layout.home().mkdir(exist_ok=True)
        part.write(self.layout.home())  # for its links
        node_port = free_port()
        training = self.setup.training
        added = [await host.start(state_dir, node_port, part, training) for host in self.hosts]
        write_book(state_dir, Book(NODE, tuple(added)))

    # ---- nodes

    async def start_node(self, number: int = 0) -> None:
        """Start a node, or start it again, on what it kept."""
        while number >= len(self.nodes):
            self.nodes.append(RunProcess(f"node-{number}", self.layout.output(f"node-{number}")))
        node = self.nodes[number]
        home = self.layout.home(number)
        home.mkdir(exist_ok=True)
        self._write_settings(number)
        self.setup.training.write(home / "cache" / DEVNET / "jobs")
        if number == 0:
            self.starts += 1
            self.started_unix_s = time.time()
            node.on_record = self.printed.put_nowait
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("EMETH_TUI_", "XDG_"))
        }
        await node.start(
            self.node_module,
            str(self.layout.clock),
            *("--no-ui", "--log-format", "json", "--config", str(self.layout.settings(number))),
            environment={
                **kept,
                "HOME": str(home),
                **({"PYTHONPATH": path_variable()} if self.hosts else {}),
            },
        )

    def workers(self, number: int = 0) -> list[int]:
        """List the processes that a node has started."""
        return children(self.nodes[number].pid) if self.nodes[number].pid else []

    def worker(self, chance: random.Random) -> int:
        """Return one of the first node's workers; 0 when it has none."""
        return chance.choice([pid for pid in self.workers() if not is_link(pid)] or [0])

    def link(self, chance: random.Random) -> int:
        """Return one of the processes by which the first node reaches hosts; 0 when there is none."""
        return chance.choice([pid for pid in self.workers() if is_link(pid)] or [0])

    async def stop_node(self, number: int, limit_s: float) -> int | None:
        """Ask a node to save and leave; return its exit code, None when it does not leave."""
        self.nodes[number].send(signal.SIGTERM)
        return await self.nodes[number].wait(limit_s)

    async def sends_something(self) -> bool:
        """Whether a transaction of the nodes waits for a block. Raise NetworkError."""
        counts = {
            await self.chain.rpc.call("eth_getTransactionCount", self.operator, block)
            for block in ("latest", "pending")
        }
        return len(counts) > 1

    async def heal(self) -> None:
        """Let every link work from now on."""
        for proxy in self.proxies.values():
            proxy.heal()
        for host in self.hosts:
            await host.wire.heal()

    def _write_settings(self, number: int) -> None:
        """Write a node's settings: those that the network wrote, with the proxies for its services."""
        home = self.layout.home(number)
        settings = tomlkit.parse((self.layout.devnet / "node.toml").read_text("utf-8"))
        network = settings["networks"][DEVNET]  # type: ignore[index]
        endpoints = ("rpc", "rpc2")[: self.setup.endpoints]
        network.update(  # type: ignore[union-attr]
            rpc_urls=[self.proxies[name].url for name in endpoints],
            storage_url=self.proxies["storage"].url,
            info_url=self.proxies["info"].url,
            confirmations=self.setup.confirmations,
            poll_interval_s=POLL_S,
        )
        settings["claims"] = {"poll_interval_s": POLL_S}
        if self.setup.hosts:
            settings["claims"]["safety_margin_s"] = SAFETY_MARGIN_S  # type: ignore[index]
        if self.setup.hosts_only:
            settings["schedule"] = {"time_zone": "UTC", "devices": [_never("cpu")]}
        settings["workers"] = {"devices": ["cpu"] * self.setup.workers}
        settings["state"] = {"directory": str(home / "state")}
        settings["cache"] = {"directory": str(home / "cache"), "limit_gb": CACHE_LIMIT_GB}
        self.change_settings(settings)
        self.layout.settings(number).write_text(tomlkit.dumps(settings), "utf-8")

    def change_settings(self, settings: tomlkit.TOMLDocument) -> None:
        """Change a node's settings before they are written."""


def _never(device: str) -> str:
    """Return the hours of a device that rests as long as a run takes: one, twelve hours ahead."""
    hour = (time.gmtime().tm_hour + 12) % 24
    return f"{device} {hour:02d}:00-{hour:02d}:30"


async def deploy(directory: Path, *, published: bool, chain: ChainKind = "py-evm") -> Path:
    """Keep a network with its contracts deployed and its accounts funded, for runs to start from copies."""
    network = Devnet(options(directory, published=published, chain=chain))
    await network.start()
    await network.stop()
    (directory / "ports.json").unlink()
    return directory
