"""The page docs/private-network.md is true: its commands make a network, two nodes and a requester.

The Japanese page holds the same commands in the same order:
tests/test_documents.py::test_a_page_says_the_same_in_japanese.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from emeth_tui.clients.appeals import AppealClient
from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.wallet import load_wallet
from emeth_tui.devnet.chain.backends import make_chain
from emeth_tui.model import JobId
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.settings.profiles import read_profile
from tests.cli import warm_program
from tests.cli.network.test_second import is_now, until
from tests.cli.network.trader import Trader, trader
from tests.cli.network.world import CHAIN_ID, NATIVE_WEI, PASSWORD
from tests.engine.harness import TEXT
from tests.loopback import free_port, local_client
from tests.terminal import ROOT

PAGE = ROOT / "docs" / "private-network.md"
LIMIT_S = 240
CHEATED, CHEATED_TEXT = JobId("0x" + "5e" * 16), TEXT.encode()
SMALL = ["--model-en", "devnet-small", "--model-ja", "devnet-small", "--confirmations", "1"]
ASKING = {("network", "deploy"), ("network", "join"), ("network", "fund"), ("request",)}


def blocks() -> dict[str, list[tuple[str, str]]]:
    """Return each section's blocks: their language and text, by the section's title."""
    found: dict[str, list[tuple[str, str]]] = {}
    for section in re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        found[title] = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return found


def commands(title: str) -> list[list[str]]:
    """Return what follows `emeth-tui` in a section's commands."""
    lines = [line for kind, text in blocks()[title] if not kind for line in text.splitlines()]
    assert all(line.startswith("emeth-tui ") for line in lines)
    return [shlex.split(line)[1:] for line in lines]


@dataclass
class Reader:
    """Somebody who follows the page in an empty home."""

    home: Path
    places: dict[str, str]
    address: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "EMETH_TUI_"))}
        path = {"HOME": str(self.home), "PYTHONPATH": str(ROOT), "EMETH_TUI_PASSWORD": PASSWORD}
        return {**kept, **path, **self.extra}

    def _words(self, typed: list[str]) -> list[str]:
        words = [self.places.get(word, word) for word in typed]
        if tuple(typed[:2]) in ASKING or tuple(typed[:1]) in ASKING:
            words.append("--yes")
        return words

    async def start(self, typed: list[str]) -> asyncio.subprocess.Process:
        with (self.home / "log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "emeth_tui", *self._words(typed)),
                cwd=self.home,
                env=self.environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

    async def run(self, typed: list[str]) -> str:
        """Run a command to its end; return what it printed."""
        command = self._words(typed), self.environment, self.home, b"", LIMIT_S
        ended = await asyncio.to_thread(warm_program.run, *command)
        assert ended.returncode == 0, (typed, ended.stdout.decode(), ended.stderr.decode())
        return ended.stdout.decode()

    async def settle(self, title: str) -> None:
        """Make the account and join, as the section's first block says."""
        for typed in commands(title)[:2]:
            said = await self.run(typed)
            if typed[0] == "wallet":
                self.address = said.split()[0]


@contextlib.asynccontextmanager
async def running(reader: Reader, typed: list[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await reader.start(typed)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), LIMIT_S)


def write_novel(path: Path, number: int) -> None:
    """Write a text of the reader's own, another for each number."""
    path.write_text(f"Text {number}. {TEXT}", "utf-8")


class Chain:
    """A chain as a service: a block comes again and again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = local_client()

    async def call(self, method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return (await self._http.post(self.url, json=request)).json()["result"]

    async def close(self) -> None:
        await self._http.aclose()

    async def mine(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            while True:
                await self.call("evm_mine")
                await asyncio.sleep(0.5)


@contextlib.asynccontextmanager
async def a_chain(funded: str) -> AsyncIterator[Chain]:
    service = make_chain("py-evm", chain_id=CHAIN_ID, state_dir=None, genesis_accounts={funded: NATIVE_WEI})
    await service.start()
    chain = Chain(service.rpc_url)
    mining = asyncio.create_task(chain.mine())
    try:
        yield chain
    finally:
        mining.cancel()
        await asyncio.wait({mining})
        await chain.close()
        await service.stop()


def files(title: str) -> list[str]:
    """Return the TOML that a section shows, in its order."""
    return [text for kind, text in blocks()[title] if kind == "toml"]


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.timeout(900)
async def test_the_page_leads_to_a_second_verifier_that_answers_an_appeal(tmp_path: Path) -> None:
    """A result that no node uploaded is rejected when its node has appealed, and the second agrees."""
    url = f"http://127.0.0.1:{free_port()}"
    people = {
        name: Reader(tmp_path / name, {"http://127.0.0.1:3000": url}) for name in ("operator", "second")
    }
    for reader in people.values():
        reader.home.mkdir()
    operator, second = people["operator"], people["second"]
    wallet_new, deploy, _join, serve = commands("The operator")
    (give_opinions,) = commands("When the group grows")
    second_file, named = files("When the group grows")[-2:]
    for reader in people.values():
        reader.address = (await reader.run(wallet_new)).split()[0]
    async with a_chain(operator.address) as chain:
        operator.places["http://127.0.0.1:8545"] = chain.url
        await operator.run([*deploy, *SMALL])
        with (operator.home / "network.toml").open("a", encoding="utf-8") as profile:
            profile.write("appeal_s = 86400\n")
        named = re.sub(r"0x0{39}1", second.address, named)
        (serving,) = files("The operator")
        served = serving.replace("127.0.0.1:3000", url[7:]) + named
        (operator.home / "serve.toml").write_text(served, "utf-8")
        (second.home / "second.toml").write_text(second_file, "utf-8")
        shutil.copy(operator.home / "network.toml", second.home)
        async with running(operator, serve) as service:
            assert service.stdout is not None
            assert (await asyncio.wait_for(service.stdout.readline(), LIMIT_S)).decode().strip() == url
            (second.home / "second").mkdir(mode=0o700)
            shutil.copy(operator.home / "served" / "verification_key", second.home / "second")
            async with cheater(operator) as party:
                await appealed(party)
                async with running(second, give_opinions) as opinions:
                    assert opinions.stdout is not None
                    said = await asyncio.wait_for(opinions.stdout.readline(), LIMIT_S)
                    assert said.decode().strip() == second.address
                    await until(lambda: is_now(party, CHEATED, JobStatus.FAILED))
            listed = await operator.run(["network", "verdicts", "--config", "serve.toml"])
    assert "rejected" in listed


@contextlib.asynccontextmanager
async def cheater(operator: Reader) -> AsyncIterator[Trader]:
    """Play requester and node with the operator's account, which holds all EMT."""
    network = read_profile(operator.home / "network.toml")
    (keystore,) = operator.home.rglob("keystore.json")
    async with trader(network, load_wallet(keystore, PASSWORD)) as party:
        yield party


async def appealed(party: Trader) -> None:
    """Submit a result that is nowhere, and appeal against its rejection."""
    await party.request(CHEATED, CHEATED_TEXT)
    await party.claim(CHEATED)
    await party.send("submit", CHEATED, f"{CHEATED}-nowhere.pt")
    appeals = AppealClient(party.account.chain.network, party.wallet, Transport(party.http))
    await until(lambda: appeals.held(CHEATED))
    await appeals.appeal(CHEATED)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.timeout(900)
async def test_the_page_leads_to_nodes_that_earn_and_a_model_that_learned(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    places = {"http://127.0.0.1:3000": url, "novel.txt": str(tmp_path / "novel.txt")}
    people = {}
    for name in ("operator", "first", "second", "requester"):
        (tmp_path / name).mkdir()
        people[name] = Reader(tmp_path / name, dict(places))
    operator, requester = people["operator"], people["requester"]
    nodes = [people["first"], people["second"]]
    wallet_new, deploy, join, serve = commands("The operator")
    operator.address = (await operator.run(wallet_new)).split()[0]
    async with a_chain(operator.address) as chain:
        operator.places["http://127.0.0.1:8545"] = chain.url
        profile = operator.home / "network.toml"
        await operator.run([*deploy, *SMALL])
        await operator.run(join)
        ((_kind, text),) = [block for block in blocks()["The operator"] if block[0] == "toml"]
        (operator.home / "serve.toml").write_text(text.replace("127.0.0.1:3000", url[7:]), "utf-8")
        async with running(operator, serve) as service:
            assert service.stdout is not None
            assert (await asyncio.wait_for(service.stdout.readline(), LIMIT_S)).decode().strip() == url
            key = (operator.home / "served" / "verification_key").read_text("utf-8").strip()
            fund, start = commands("A node")[2:]
            for reader in (*nodes, requester):
                reader.places["network.toml"] = str(profile)
                await reader.settle("A requester" if reader is requester else "A node")
                operator.places["ADDRESS"] = reader.address
                await operator.run(fund)
            async with contextlib.AsyncExitStack() as stack:
                started = []
                for reader in nodes:
                    reader.extra = {"EMETH_TUI_VERIFICATION_KEY": key}
                    one_job = [*start, "--exit-after-jobs", "1"]
                    started.append(await stack.enter_async_context(running(reader, one_job)))
                request, watch, fetch = commands("A requester")[2:]
                jobs = []
                for number in (1, 2):
                    write_novel(Path(places["novel.txt"]), number)
                    jobs.append((await requester.run(request)).strip())
                for job in jobs:
                    requester.places["6f2a"] = job
                    assert "verified" in await requester.run(watch)
                for process in started:
                    await asyncio.wait_for(process.communicate(), LIMIT_S)
                    assert process.returncode == 0
            fetched = json.loads(await requester.run([*fetch, "--json"]))
            assert fetched["validation_loss"] < fetched["start_loss"]
            assert (requester.home / "novel-model" / "model.safetensors").is_file()

        await chain.call("evm_increaseTime", 86_400)
        (info,) = commands("Who earned what")
        before = json.loads(await operator.run([*info, "--json"]))
        for reader in nodes:
            await reader.run(["withdraw"])
        client = await ChainClient.connect(read_profile(profile))
        holds = {reader.address: (await client.balances(reader.address)).emt_wei for reader in nodes}
        await client.close()
        (day,) = before["days"]
        shares = {share["node"]: share for share in day["shares"]}
        assert set(shares) == {reader.address for reader in nodes}
        for reader in nodes:
            share = shares[reader.address]
            reward_wei = int(day["reward_wei"]) * share["gas"] // day["total_gas"]
            assert int(share["reward_wei"]) == reward_wei
            assert holds[reader.address] == (200 + 20 - 10) * 10**18 + reward_wei
