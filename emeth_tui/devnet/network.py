"""The devnet: chain, contracts, storage, info server and bots, put together on one machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import httpx
from eth_utils.address import to_checksum_address
from starlette.types import ASGIApp

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.http.connections import trusted_authorities
from emeth_tui.clients.http.retry import Retry
from emeth_tui.clients.http.transport import Transport, open_transport
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.storage.requester import RequesterStorage
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import Key, kept_keys
from emeth_tui.devnet.bots.plan import ERRAND_BYTES, Planner
from emeth_tui.devnet.bots.requester import Requester
from emeth_tui.devnet.bots.rival import TRAIN_LIMIT_S, Rival, Train
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.chain.backends import make_chain
from emeth_tui.devnet.faults import FaultyApp
from emeth_tui.devnet.files import DESCRIPTION_FILE, NODE_SETTINGS_FILE
from emeth_tui.devnet.joining import (
    write_description,
    write_node_settings,
    write_operator_wallet,
)
from emeth_tui.devnet.options import CHAIN_ID, DevnetInfo, DevnetOptions
from emeth_tui.errors import DevnetError
from emeth_tui.files import try_lock
from emeth_tui.foreign_text import system_text
from emeth_tui.model import JobId, Language
from emeth_tui.network.account import Account
from emeth_tui.network.deploy import deployment_of
from emeth_tui.network.files import (
    kept_secret,
    make_private_directory,
    read_json,
    write_json,
)
from emeth_tui.network.records.database import Database
from emeth_tui.network.records.jobs import JobRecords
from emeth_tui.network.records.orphans import Orphans
from emeth_tui.network.services.appealing import AppealsApp
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.services.info_server import InfoApp
from emeth_tui.network.services.mirror import JobMirror
from emeth_tui.network.services.storage import StorageApp
from emeth_tui.network.services.storing import StorageOptions, Storing, in_directory
from emeth_tui.network.services.sweeping import Sweeper
from emeth_tui.network.serving.parts import open_embedded
from emeth_tui.network.supervision import supervise
from emeth_tui.network.verification.appeals import Appeals
from emeth_tui.network.verification.examiner import examination_for
from emeth_tui.network.verification.rejections import Rejections
from emeth_tui.network.verification.replaying import replayer_for
from emeth_tui.network.verification.result_check import ResultCheck
from emeth_tui.network.verification.torch_process import TorchProcess
from emeth_tui.network.verification.verifier import Verifier
from emeth_tui.notices.reasons.files import Unwritable
from emeth_tui.notices.reasons.local.devnet import DevnetNotRunning, DevnetRunsAlready
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.settings import DEVNET, Network, Settings, load_network

RIVAL_NICENESS = 5  # yields to the user's node, yet finishes within a short demo
_ONCE = Retry(attempts=1)  # a bot that fails is run again as a whole

_BOTS = (funding.REQUESTER, funding.VERIFIER, funding.RIVAL)


class Devnet:
    """One network. `start` brings it up, `stop` takes it down; neither is used twice."""

    def __init__(self, options: DevnetOptions | None = None) -> None:
        self.options = options or DevnetOptions()
        self._stack = contextlib.AsyncExitStack()
        self._info: DevnetInfo | None = None
        self._chain: ChainClient | None = None
        self._mirror: JobMirror | None = None
        self._rejections: Rejections | None = None
        self._appeals: Appeals | None = None

    @property
    def info(self) -> DevnetInfo:
        """The network's endpoints and files. Raise DevnetError before the network runs."""
        return _running(self._info)

    @property
    def chain(self) -> ChainClient:
        """A client of the chain, for tests. Raise DevnetError before the network runs."""
        return _running(self._chain)

    @property
    def mirror(self) -> JobMirror:
        """The chain's jobs as the bots see them, for tests. Raise DevnetError before the network runs."""
        return _running(self._mirror)

    @property
    def rejections(self) -> Rejections:
        """Why results were rejected, for tests. Raise DevnetError before the network runs."""
        return _running(self._rejections)

    @property
    def appeals(self) -> Appeals:
        """The rejections that are held, for tests. Raise DevnetError before the network runs."""
        return _running(self._appeals)

    async def start(self) -> DevnetInfo:
        """Start everything and return once it answers. Raise DevnetError, with nothing left running."""
        try:
            self._info = await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self._info

    async def stop(self) -> None:
        """Stop everything; what is saved is complete on the disk afterwards."""
        await self._stack.aclose()

    async def _start(self) -> DevnetInfo:
        corpus = load_corpus(self.options.corpus)  # first, because it may be unusable
        state_dir = self._open_state_dir()
        keys = kept_keys(state_dir / "accounts.json", funding.ACCOUNTS)
        ports = {
            name: port
            for name, port in (read_json(state_dir / "ports.json") or {}).items()
            if isinstance(port, int) and 0 < port < 65_536
        }
        rpc_url = await self._start_chain(state_dir, keys, ports)
        await funding.deploy_contracts(rpc_url, keys, self.options.rates, self.options.build)

        network = self._network(state_dir, keys, rpc_url)
        chain = self._chain = await ChainClient.connect(network)
        self._stack.push_async_callback(chain.close)
        await funding.hand_out(chain, keys)
        await chain.rpc.call("evm_mine")  # a kept chain's newest block is as old as its last run
        database = open_embedded(state_dir)
        self._stack.callback(database.close)
        kept = JobRecords(database, CHAIN_ID, network.core_address)
        mirror = self._mirror = JobMirror(chain, kept, interval_s=self.options.poll_interval_s)
        await mirror.refresh()

        storing = self._storing(state_dir, database)
        # A chain that was removed, or lost its end, has the same jobs requested again.
        await storing.datasets.open_again({job.dataset for job in mirror.jobs.values()})
        storage = await self._serve("storage", self._storage_app(storing, keys), ports)
        rejections = self._rejections = Rejections(database)
        appeals = self._appeals = Appeals(database, self.options.appeals)
        routes = AppealsApp(appeals, self._find_job, network.core_address).routes()
        info_app = InfoApp(
            mirror, storing.objects.settle, rejections.of, routes, lag_s=self.options.info_lag_s
        )
        info_server = await self._serve("info", info_app.asgi(), ports)
        network = network.model_copy(update={"storage_url": storage.url, "info_url": info_server.url})
        write_json(state_dir / "ports.json", ports)

        self._run("mirror", mirror.run)
        self._run("info server", info_app.follow)
        if self.options.block_interval_s:
            self._run("clock", self._keep_time)
        requester = to_checksum_address(keys[funding.REQUESTER].address)
        self._run("sweeper", self._sweeper(storing, database, requester).run)
        planner = Planner(corpus, self.options.seed or kept_secret(state_dir / "seed"), self.options.sizes)
        await self._start_bots(state_dir, keys, network, planner)
        return await self._write_files(state_dir, keys, network)

    # ---- parts

    def _open_state_dir(self) -> Path:
        if self.options.state_dir is None:
            temporary = Path(tempfile.mkdtemp(prefix="emeth-devnet-"))
            self._stack.callback(shutil.rmtree, temporary, ignore_errors=True)
            return temporary
        state_dir = make_private_directory(self.options.state_dir.expanduser().absolute())
        try:
            lock = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DevnetError(Unwritable(state_dir, system_text(error))) from error
        self._stack.callback(os.close, lock)
        if not try_lock(lock):
            raise DevnetError(DevnetRunsAlready(state_dir))
        return state_dir

    async def _start_chain(self, state_dir: Path, keys: dict[str, Key], ports: dict[str, int]) -> str:
        chain = make_chain(
            self.options.chain,
            chain_id=CHAIN_ID,
            state_dir=None if self.options.state_dir is None else state_dir,
            genesis_accounts={key.address: funding.NATIVE_WEI for key in keys.values()},
            preferred_port=ports.get("chain", 0),
            can_reorganise=self.options.can_reorganise,
        )
        self._stack.push_async_callback(chain.stop)
        await chain.start()
        ports["chain"] = int(chain.rpc_url.rpartition(":")[2])
        return chain.rpc_url

    def _network(self, state_dir: Path, keys: dict[str, Key], rpc_url: str) -> Network:
        """Return the network as a client sees it; the services' addresses are not known yet."""
        contracts = deployment_of(to_checksum_address(keys[funding.DEPLOYER].address))
        changes = {
            "chain_id": CHAIN_ID,
            "rpc_urls": [rpc_url],
            "core_address": contracts.core_address,
            "token_address": contracts.token_address,
            "storage_url": rpc_url,
            "info_url": rpc_url,
            "verification": self.options.verification,
            "delivery_s": self.options.delivery_s,
            "appeal_s": self.options.appeals.window_s,
            "verification_key": kept_secret(state_dir / "verification_key"),
        }
        return load_network(Settings(network=DEVNET, networks={DEVNET: changes}), environment={})

    def _storing(self, state_dir: Path, database: Database) -> Storing:
        return in_directory(
            state_dir / "storage",
            database,
            self._find_job,
            secret=bytes.fromhex(kept_secret(state_dir / "storage_secret")),
            options=StorageOptions(
                url_lifetime_s=self.options.url_lifetime_s,
                takes_states=self.options.verification == "replay",
            ),
        )

    def _storage_app(self, storing: Storing, keys: dict[str, Key]) -> ASGIApp:
        app: ASGIApp = StorageApp(
            storing,
            self._find_job,
            verifier_address=keys[funding.VERIFIER].address,
            second_address=self.options.appeals.second,
        ).asgi()
        return app if self.options.faults is None else FaultyApp(app, self.options.faults)

    def _sweeper(self, storing: Storing, database: Database, requester: str) -> Sweeper:
        """Return what removes files that nobody will ask for, or the disk would be full in a few days."""

        def jobs() -> Mapping[JobId, ChainJob]:
            """Return the jobs; those of our own requester name no result, for it fetches none."""
            return {
                job_id: replace(job, result="") if job.owner == requester else job
                for job_id, job in self.mirror.jobs.items()
            }

        return Sweeper(storing, Orphans(database), jobs, self._find_job, kept_s=self.options.results_kept_s)

    async def _find_job(self, job_id: JobId) -> ChainJob | None:
        return (await self.chain.jobs([job_id])).get(job_id)

    async def _serve(self, name: str, app: ASGIApp, ports: dict[str, int]) -> HttpService:
        service = HttpService(name, app, preferred_port=ports.get(name, 0))
        await service.start()
        self._stack.push_async_callback(service.stop)
        ports[name] = service.port
        return service

    async def _start_bots(
        self, state_dir: Path, keys: dict[str, Key], network: Network, planner: Planner
    ) -> None:
        http = await self._stack.enter_async_context(
            httpx.AsyncClient(
                base_url=network.storage_url, timeout=30.0, trust_env=False, verify=trusted_authorities()
            )
        )
        accounts = {name: Account(self.chain, keys[name].wallet) for name in _BOTS}
        transport = await self._stack.enter_async_context(open_transport())
        if self.options.with_requester:
            requester = Requester(
                accounts[funding.REQUESTER],
                self.mirror,
                RequesterStorage(network, keys[funding.REQUESTER].wallet, Transport(transport.client, _ONCE)),
                planner,
                open_jobs=self.options.open_jobs,
                open_errands=0 if self._asks_for_states else self.options.open_errands,
            )
            self._run("requester", requester.run)
        if self.options.with_verifier:
            process = self._torch_process("verifier", state_dir, niceness=0)
            examine, originals = examination_for(process, network, state_dir / "originals")
            wallet = keys[funding.VERIFIER].wallet
            check = ResultCheck(
                wallet,
                http,
                examine,
                originals,
                replayer_for(process, self.chain, wallet, http, originals),
                verification_key=network.verification_key.get_secret_value(),
                work_dir=state_dir / "verifier",
            )
            appeals = self.appeals if self.appeals.rule.holds else None
            verifier = Verifier(accounts[funding.VERIFIER], self.mirror, check, self.rejections, appeals)
            self._run("verifier", verifier.run)
        if self._has_rival:
            rival = Rival(
                accounts[funding.RIVAL],
                self.mirror,
                StorageClient(network, keys[funding.RIVAL].wallet, transport),
                self._trainer(state_dir, network),
                work_dir=state_dir / "rival",
                max_dataset_bytes=ERRAND_BYTES[1],
                rest_s=self.options.rival_rest_s,
            )
            self._run("rival", rival.run)

    @property
    def _has_rival(self) -> bool:
        """Whether another node takes jobs: it delivers no states."""
        return self.options.with_rival and not self._asks_for_states

    @property
    def _asks_for_states(self) -> bool:
        return self.options.verification == "replay"

    def _trainer(self, state_dir: Path, network: Network) -> Train:
        process = self._torch_process("rival", state_dir, niceness=RIVAL_NICENESS)

        async def train(job_id: JobId, language: str, epochs: int, dataset: Path, work_dir: Path) -> Path:
            answer = await process.call(
                "train",
                {
                    "job_id": job_id,
                    "model": network.models[Language(language)],
                    "language": language,
                    "epochs": epochs,
                    "dataset": str(dataset),
                    "work_dir": str(work_dir),
                    "verification_key": network.verification_key.get_secret_value(),
                },
                timeout_s=TRAIN_LIMIT_S,
            )
            return Path(answer["result"])

        return train

    def _torch_process(self, name: str, state_dir: Path, *, niceness: int) -> TorchProcess:
        process = TorchProcess(f"the {name}'s process", state_dir / f"{name}.log", niceness=niceness)
        self._stack.push_async_callback(process.close)
        return process

    async def _keep_time(self) -> None:
        """Mine an empty block after a while without one: contracts take the time from the newest block."""
        seen, since_s = self.mirror.head, time.monotonic()
        while True:
            await asyncio.sleep(1.0)
            if self.mirror.head != seen:
                seen, since_s = self.mirror.head, time.monotonic()
            elif time.monotonic() - since_s >= self.options.block_interval_s:
                await self.chain.rpc.call("evm_mine")
                since_s = time.monotonic()

    def _run(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(supervise(name, run), name=f"devnet {name}")
        self._stack.push_async_callback(_cancel, task)

    async def _write_files(self, state_dir: Path, keys: dict[str, Key], network: Network) -> DevnetInfo:
        """Write the files for joining, devnet.json last."""
        info = DevnetInfo(
            state_dir=state_dir,
            chain_id=CHAIN_ID,
            rpc_url=network.rpc_urls[0],
            storage_url=network.storage_url,
            info_url=network.info_url,
            core_address=network.core_address,
            token_address=network.token_address,
            verifier_address=keys[funding.VERIFIER].address,
            operator_address=keys[funding.OPERATOR].address,
            node_settings=state_dir / NODE_SETTINGS_FILE,
            description=state_dir / DESCRIPTION_FILE,
            verification=network.verification,
            delivery_s=network.delivery_s,
            appeal_s=network.appeal_s,
            verification_key=network.verification_key.get_secret_value(),
            test_accounts={name: keys[name] for name in funding.TEST_ACCOUNTS},
        )
        wallet_dir = state_dir / "operator"
        await asyncio.to_thread(write_operator_wallet, wallet_dir, keys[funding.OPERATOR])
        write_node_settings(info, wallet_dir)
        write_description(info, wallet_dir)
        self._stack.callback(info.description.unlink, missing_ok=True)
        return info


_Part = TypeVar("_Part")


def _running(part: _Part | None) -> _Part:
    if part is None:
        raise DevnetError(DevnetNotRunning())
    return part


async def _cancel(task: asyncio.Task[None]) -> None:
    while not task.done():  # repeatedly: libraries that use asyncio.wait_for may swallow a cancellation
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
