"""A real network without bots: the test is requester and verifier, the node is real but for torch."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from emeth_tui.backoff import Backoff
from emeth_tui.clients.chain.contracts import Call
from emeth_tui.clients.transactions.gas_price import market_price
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import Key, kept_keys
from emeth_tui.devnet.bots.plan import JobPlan
from emeth_tui.devnet.bots.requester import Requester
from emeth_tui.devnet.chain.reorganisation import Dropped
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import DevnetOptions
from emeth_tui.engine import node as node_module
from emeth_tui.engine.clock import ChainClock
from emeth_tui.engine.events import EventLog, Subscription
from emeth_tui.engine.money.summary import Summary
from emeth_tui.engine.node import Node
from emeth_tui.engine.opening import open_node
from emeth_tui.headless import A_SIGNAL
from emeth_tui.model import SECONDS_PER_DAY, JobId, Language, token_to_wei
from emeth_tui.network.account import Account
from emeth_tui.notices.event import Event
from emeth_tui.notices.notice import Reason
from emeth_tui.protocol.contracts import ROUND_3_2_RATES, ChainJob
from emeth_tui.protocol.info_api import JOBS_PATH
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.settings import load_network, settings_layers
from emeth_tui.store.database import Store
from emeth_tui.words.sentences import english
from tests.devnet.parties import storage_of
from tests.engine.quick_worker import QuickPool, Script
from tests.loopback import local_client

TEXT = "A lamp is lit. The boat comes home! Who waits there? " * 100
LONGEST_RUN_S = 2 * 3_600  # of all tests together
WAIT_S = 120.0  # bounds a hang; nothing takes so long, even on a machine with other work
# Each penalty has a rate of its own, so that none can be taken for another.
RATES = replace(
    ROUND_3_2_RATES, timeout_penalty_rate=30_000, decline_penalty_rate=20_000, failed_penalty_rate=25_000
)


@dataclass
class RunningNode:
    """A running node, its events as they arrive, and what its workers were sent."""

    node: Node
    script: Script
    store: Store
    running: asyncio.Task[Summary]
    stream: Subscription
    seen: list[Event]

    async def event(self, kind: str, job_id: JobId | None = None) -> Event:
        """Wait for an event of a kind, of a job if one is named."""
        return (await self.events((kind, job_id)))[0]

    async def events(self, *wanted: tuple[str, JobId | None]) -> list[Event]:
        """Wait for an event of each of these kinds and jobs, in whatever order they come."""
        waiting = asyncio.ensure_future(self._events(wanted))
        await asyncio.wait({waiting, self.running}, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done() and self.running.done():
            self.stream.close()
            await asyncio.wait({waiting}, timeout=WAIT_S)
        if not waiting.done():
            waiting.cancel()
            raise AssertionError(f"no {wanted} in {WAIT_S} s: {[english(one.body) for one in self.seen]}")
        return waiting.result()

    async def _events(self, wanted: Sequence[tuple[str, JobId | None]]) -> list[Event]:
        came: dict[tuple[str, JobId | None], Event] = {}
        async for item in self.stream:
            if isinstance(item, Event):
                self.seen.append(item)
                for kind, job_id in wanted:
                    if item.kind == kind and job_id in {None, item.job_id}:
                        came.setdefault((kind, job_id), item)
                if len(came) == len(wanted):
                    return [came[one] for one in wanted]
        raise AssertionError(f"the node ended before {wanted}: {[english(one.body) for one in self.seen]}")

    async def stop(self) -> Summary:
        """Stop the node as a signal would; return its summary."""
        self.node.begin_to_stop(A_SIGNAL)
        return await asyncio.wait_for(self.running, WAIT_S)


class Harness:
    """Requester and verifier of a network that does nothing by itself."""

    def __init__(self, devnet: Devnet, directory: Path, http: httpx.AsyncClient) -> None:
        self.devnet = devnet
        self._directory = directory
        keys = kept_keys(devnet.info.state_dir / "accounts.json", funding.ACCOUNTS)
        self.requester = Account(devnet.chain, keys[funding.REQUESTER].wallet)
        self.verifier = Account(devnet.chain, keys[funding.VERIFIER].wallet)
        self.rival = Account(devnet.chain, keys[funding.RIVAL].wallet)
        self.operator_address = devnet.info.operator_address
        self._poster = Requester(
            self.requester,
            devnet.mirror,
            storage_of(devnet, keys[funding.REQUESTER].wallet, http),
            planner=None,  # type: ignore[arg-type] - jobs are posted one by one
            open_jobs=0,
            open_errands=0,
        )
        self._posted = 0

    async def post(
        self,
        *,
        fee_emt: int | str = 20,
        lifetime_s: int = 7_200,
        text: str = TEXT,
        language: Language = Language.EN,
        epochs: int = 30,
        dataset: bytes = b"",
    ) -> JobId:
        """Put a job on the market, of a text or of whatever bytes."""
        self._posted += 1
        plan = JobPlan(
            job_id=JobId(f"0x{self._posted:032x}"),
            language=language,
            dataset=dataset or text.encode(),
            fee_wei=token_to_wei(fee_emt),
            lifetime_s=lifetime_s,
            epochs=epochs,
        )
        await self._poster.post(plan)
        await self._wait_until_listed(plan.job_id)
        return plan.job_id

    async def post_on_chain(
        self,
        *,
        dataset: str,
        fee_emt: int,
        deadline_unix_s: int | None = None,
        param: str = '{"language": "en", "epoch": 30}',
    ) -> JobId:
        """Request a job whose dataset is in no storage, as a hostile requester may."""
        self._posted += 1
        job_id = JobId(f"0x{self._posted:032x}")
        await self.requester.allow_core(token_to_wei(fee_emt), "request")
        deadline = deadline_unix_s or (await self.devnet.chain.head()).timestamp_unix_s + 7_200
        fee_wei = token_to_wei(fee_emt)
        arguments = (job_id_bytes(job_id), 1, dataset, param, fee_wei, deadline)
        await self._core(self.requester, "request", *arguments)
        await self._wait_until_listed(job_id)
        return job_id

    async def post_bad(self, count: int, fee_emt: int) -> list[JobId]:
        """Request jobs that nobody can do: without a dataset, or with wrong parameters; all at once."""
        await self.requester.allow_core(count * token_to_wei(fee_emt), "request")
        deadline = (await self.devnet.chain.head()).timestamp_unix_s + 7_200
        good = '{"language": "en", "epoch": 30}'
        kinds = [("gone.txt", good), ("../x", good), ("y.txt", "[]"), ("z.txt", '{"language": "xx"}')]
        job_ids, requests = [], []
        for number in range(count):
            self._posted += 1
            job_ids.append(JobId(f"0x{self._posted:032x}"))
            dataset, param = kinds[number % len(kinds)]
            arguments = (job_id_bytes(job_ids[-1]), 1, dataset, param, token_to_wei(fee_emt), deadline)
            requests.append(self.devnet.chain.core("request", *arguments))
        await self.mine_by_itself(False)
        for number, raw in enumerate(await self._signed(self.requester, requests), start=1):
            await self.devnet.chain.rpc.call("eth_sendRawTransaction", raw)
            if number % 10 == 0:  # a block of all would take longer, under load, than an answer may
                await self.mine(1)
        await self.mine_by_itself(True)
        await self._wait_until_listed(job_ids[-1])
        return job_ids

    async def job(self, job_id: JobId) -> ChainJob:
        return (await self.devnet.chain.jobs([job_id]))[job_id]

    async def verify(self, job_id: JobId, gas: int = 5) -> None:
        await self._core(self.verifier, "verify", job_id_bytes(job_id), gas)

    async def reject(self, job_id: JobId, reason: Reason | None = None) -> None:
        if reason is not None:
            await self.devnet.rejections.record(job_id, reason)
        await self._core(self.verifier, "rejectResult", job_id_bytes(job_id))

    async def time_out(self, job_id: JobId) -> None:
        await self._core(self.verifier, "timeout", job_id_bytes(job_id))

    async def cancel(self, job_id: JobId) -> None:
        await self._core(self.requester, "cancel", job_id_bytes(job_id))

    async def rival_approves(self) -> None:
        await self.rival.allow_core(token_to_wei(1_000), "rival")

    async def rival_claims(self, job_id: JobId) -> None:
        await self.rival_approves()
        await self._core(self.rival, "process", job_id_bytes(job_id))

    async def mine(self, blocks: int) -> None:
        """Let the chain grow."""
        for _block in range(blocks):
            await self.devnet.chain.rpc.call("evm_mine")

    async def mine_approval(self) -> None:
        """Mine a block when the operator's approval waits for one, and nothing else."""
        allowance_wei = (await self.devnet.chain.balances(self.operator_address)).allowance_wei
        if not allowance_wei:
            await self.mine(1)

    async def reorganise(self, depth: int, *, dropped: Dropped = "pool", blocks: int | None = None) -> None:
        """Replace the newest blocks; what they held waits for the next one, or as `dropped` says."""
        options = {"depth": depth, "blocks": depth if blocks is None else blocks, "dropped": dropped}
        await self.devnet.chain.rpc.call("devnet_reorg", options)

    async def give_to_rival(self, job_id: JobId, depth: int) -> None:
        """Replace the newest blocks by others in which the rival claims a job; it has approved before."""
        (raw,) = await self._signed(self.rival, [self.devnet.chain.core("process", job_id_bytes(job_id))])
        await self.devnet.chain.rpc.call("anvil_reorg", depth, [[raw, 0]])

    async def _signed(self, account: Account, calls: Sequence[Call]) -> list[str]:
        """Sign calls as an account's next transactions; return these, ready to broadcast."""
        w3 = self.devnet.chain.w3
        nonce, price = await w3.eth.get_transaction_count(account.address), await market_price(w3)
        common = {"chainId": self.devnet.chain.network.chain_id, "value": 0, "gas": 500_000, **price.fields()}
        fields = [
            {**common, "nonce": nonce + number, "to": call.address, "data": call.data}
            for number, call in enumerate(calls)
        ]
        return ["0x" + account.wallet.sign_transaction(one)[0].hex() for one in fields]

    async def mine_by_itself(self, on: bool) -> None:
        """Whether each transaction gets a block at once, or waits for `mine`."""
        await self.devnet.chain.rpc.call("evm_setAutomine", on)

    async def height(self) -> int:
        return (await self.devnet.chain.head()).number

    async def pass_time(self, seconds: int) -> None:
        """Let the chain's clock run ahead."""
        rpc = self.devnet.chain.rpc
        await rpc.call("evm_increaseTime", seconds)
        await rpc.call("evm_mine")

    def operator_elsewhere(self) -> Account:
        """Another program with the operator's key."""
        keys = kept_keys(self.devnet.info.state_dir / "accounts.json", funding.ACCOUNTS)
        return Account(self.devnet.chain, keys[funding.OPERATOR].wallet)

    @property
    def settings_file(self) -> Path:
        """The file that the operator's node takes its settings from."""
        return self.devnet.info.node_settings

    async def emt_wei(self) -> int:
        """The operator's EMT."""
        return (await self.devnet.chain.balances(self.operator_address)).emt_wei

    @asynccontextmanager
    async def node(
        self,
        *,
        devices: int = 1,
        script: Script | None = None,
        exit_after_jobs: int | None = None,
        confirmations: int = 1,
        appeal_s: int = 0,
        rpc_urls: Sequence[str] = (),
        **settings: Any,
    ) -> AsyncIterator[RunningNode]:
        """Run the operator's node; started again it finds the state of the last one."""
        script = script or Script()
        overrides = {
            "state.directory": self._directory / "state",
            "cache.directory": self._directory / "cache",
            "claims.poll_interval_s": 0.1,
            **{key.replace("__", "."): value for key, value in settings.items()},
        }
        layers = settings_layers(self.devnet.info.node_settings, environment={}, overrides=overrides)
        loaded = layers.load()
        network = load_network(loaded, environment={}).model_copy(
            update={
                "poll_interval_s": 0.1,
                "confirmations": confirmations,
                "appeal_s": appeal_s,
                "rpc_urls": list(rpc_urls) or [self.devnet.info.rpc_url],
            }
        )
        keys = kept_keys(self.devnet.info.state_dir / "accounts.json", funding.ACCOUNTS)
        clock = ChainClock()
        with (
            pytest.MonkeyPatch.context() as patch,
            Store(loaded.state_dir) as store,
            contextlib.closing(EventLog(store.events, clock.now_unix_s)) as events,
        ):
            patch.setattr(node_module, "READ_AT_END_S", WAIT_S)  # else a slow end is left out of the summary
            stream = events.subscribe()
            async with open_node(
                loaded,
                network,
                keys[funding.OPERATOR].wallet,
                store,
                events=events,
                clock=clock,
                devices=["cpu"] * devices,
                layers=layers,
                exit_after_jobs=exit_after_jobs,
                retry=Backoff(first_s=0.05, longest_s=0.2),
                new_pool=lambda names, directories: QuickPool(names, script, directories.jobs),  # type: ignore[arg-type, return-value]
            ) as node:
                running = asyncio.create_task(node.run())
                try:
                    yield RunningNode(node, script, store, running, stream, [])
                finally:
                    if script.saved is not None:
                        script.saved.set()
                    running.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await running

    async def _wait_until_listed(self, job_id: JobId) -> None:
        await self.devnet.mirror.refresh()
        async with local_client(self.devnet.info.info_url) as http:
            while job_id not in (await http.get(JOBS_PATH, params={"status": 0})).text:  # noqa: ASYNC110 - HTTP tells no events
                await asyncio.sleep(0.01)

    async def _core(self, account: Account, function: str, *arguments: object) -> None:
        await account.send(self.devnet.chain.core(function, *arguments), function)


class _OnItsFirstDay(Devnet):
    """Begins on the next day where this one ends soon: what runs later is to find the first day as well."""

    async def _start_chain(self, state_dir: Path, keys: dict[str, Key], ports: dict[str, int]) -> str:
        rpc_url = await super()._start_chain(state_dir, keys, ports)
        left_s = SECONDS_PER_DAY - int(time.time()) % SECONDS_PER_DAY
        if left_s < LONGEST_RUN_S:
            request = {"jsonrpc": "2.0", "id": 1, "method": "evm_increaseTime", "params": [left_s]}
            async with local_client(rpc_url) as http:
                (await http.post("", json=request)).raise_for_status()
        return rpc_url


async def deploy_network(state_dir: Path) -> None:
    """Keep a network with its contracts deployed and its accounts funded, to start copies from."""
    devnet = _OnItsFirstDay(_quiet_options(state_dir))
    await devnet.start()
    await devnet.stop()


@asynccontextmanager
async def quiet_network(deployed: Path | None, directory: Path, **options: Any) -> AsyncIterator[Harness]:
    """Run a copy of a deployed network, or a new one, without bots."""
    state_dir = directory / "devnet"
    if deployed is not None:
        shutil.copytree(deployed, state_dir)
    devnet = Devnet(_quiet_options(state_dir, **options))
    info = await devnet.start()
    try:
        async with local_client(info.storage_url) as http:
            yield Harness(devnet, directory, http)
    finally:
        await devnet.stop()


def _quiet_options(state_dir: Path, **options: Any) -> DevnetOptions:
    quiet: dict[str, Any] = {
        "with_requester": False,
        "with_verifier": False,
        "with_rival": False,
        "info_lag_s": 0.0,
        "block_interval_s": 0.0,
        "rates": RATES,
        "can_reorganise": True,
    }
    return DevnetOptions(state_dir=state_dir, **(quiet | options))


@asynccontextmanager
async def blocks_coming(network: Harness) -> AsyncIterator[None]:
    """Let blocks come as on any chain: what is sent becomes final."""

    async def mine() -> None:
        while True:
            await network.mine(1)
            await asyncio.sleep(0.05)

    mining = asyncio.create_task(mine())
    try:
        yield
    finally:
        mining.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await mining
