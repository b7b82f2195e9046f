"""One account that plays requester, node and verifier against a running `network serve`."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.http.transport import Transport, open_transport
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.storage.requester import RequesterStorage
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import StorageError
from emeth_tui.model import JobId, token_to_wei
from emeth_tui.network.account import Account
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.protocol.storage_api import SIGNED_GET_URL_PATH, VERIFIER_GET_URL_PATH
from emeth_tui.settings import Network
from tests.devnet.records import signed_call
from tests.loopback import local_client

FEE_WEI = token_to_wei(20)
PARAM = '{"language": "en", "epoch": 30}'


@dataclass(frozen=True, slots=True)
class Trader:
    """An account that holds EMT."""

    account: Account
    storage: StorageClient
    datasets: RequesterStorage
    http: httpx.AsyncClient

    @property
    def wallet(self) -> Wallet:
        return self.account.wallet

    async def request(self, job_id: JobId, text: bytes, *, private: bool = False) -> None:
        """Store a text and request its job."""
        dataset = await self.datasets.store_dataset(job_id, io.BytesIO(text), private=private)
        await self.account.allow_core(FEE_WEI, "approve")
        deadline_unix_s = (await self.account.chain.head()).timestamp_unix_s + 86_400
        await self.send("request", job_id, 1, dataset, PARAM, FEE_WEI, deadline_unix_s)

    async def claim(self, job_id: JobId) -> None:
        await self.send("process", job_id)

    async def upload(self, job_id: JobId, result: Path, on_progress: Callable[[int, int], None]) -> str:
        """Upload a result as a node does, again and again until the storage has it; return its name."""
        while True:
            try:
                return await self.storage.upload(job_id, result, on_progress=on_progress)
            except StorageError:
                continue

    async def get(self, path: str, job_id: JobId) -> bytes:
        """Get what the URL leads to that a signed call is answered with."""
        answer = await self.http.post(path, json=signed_call(self.wallet, job_id))
        url = answer.raise_for_status().json()["url"]
        return (await self.http.get(url)).raise_for_status().content

    async def dataset(self, job_id: JobId) -> bytes:
        return await self.get(SIGNED_GET_URL_PATH, job_id)

    async def result(self, job_id: JobId) -> bytes:
        return await self.get(VERIFIER_GET_URL_PATH, job_id)

    async def send(self, function: str, job_id: JobId, *arguments: object) -> None:
        call = self.account.chain.core(function, job_id_bytes(job_id), *arguments)
        await self.account.send(call, function)


@asynccontextmanager
async def trader(network: Network, wallet: Wallet) -> AsyncIterator[Trader]:
    chain = await ChainClient.connect(network)
    try:
        async with open_transport() as transport, local_client(network.storage_url) as http:
            yield trader_of(chain, wallet, network, transport, http)
    finally:
        await chain.close()


def trader_of(
    chain: ChainClient, wallet: Wallet, network: Network, transport: Transport, http: httpx.AsyncClient
) -> Trader:
    return Trader(
        Account(chain, wallet),
        StorageClient(network, wallet, transport),
        RequesterStorage(network, wallet, transport),
        http,
    )
