"""The rest of the network in a run: blocks at an even pace, a requester, and a verifier. Nothing breaks here.

They speak to the network directly, past the proxies; while it is down they wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import Key
from emeth_tui.errors import EmethError
from emeth_tui.model import JobId, token_to_wei
from emeth_tui.network.account import Account
from emeth_tui.network.verification.downloads import signed_call
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.hash_chain import links
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.protocol.storage_api import REQUESTER_PUT_URL_PATH
from tests.faults.stage.processes import Record
from tests.loopback import local_client

EPOCHS = 30
_PAUSE_S = 0.3
_MINED_WITHIN_S = 8.0  # a transaction that a reorganisation has swallowed is not waited for
_TURN_S = 120.0  # bounds a hang: a slow machine takes its time for a request
_TROUBLE = (EmethError, httpx.HTTPError, OSError)  # a TimeoutError is an OSError


@dataclass(frozen=True, slots=True)
class Offer:
    """A job to post; `hopeless` names what no node can mend, `shows` whether that is seen before a claim."""

    job_id: JobId
    dataset: bytes
    fee_emt: int = 20
    param: str = '{"language": "en", "epoch": 30}'
    lifetime_s: int = 7_200
    stored_as: str = ""  # a dataset's name that is not in storage, as a hostile requester may give
    hopeless: str = ""
    shows: bool = True


class Parties:
    """Requester, verifier and the makers of blocks."""

    def __init__(
        self,
        chain: ChainClient,
        keys: dict[str, Key],
        results: Path,
        storage_url: str,
        key: str,
        block_s: float,
        *,
        quick: bool = True,
    ) -> None:
        """`quick` results are those of workers that train nothing."""
        self.chain = chain
        self.offers: list[Offer] = []
        self.verdicts: list[Record] = []  # what the verifier found
        self.to_refuse = 0  # results that the verifier is to reject though they are right
        self.refused: set[JobId] = set()
        self._requester = Account(chain, keys[funding.REQUESTER].wallet, receipt_timeout_s=_MINED_WITHIN_S)
        self._verifier = Account(chain, keys[funding.VERIFIER].wallet, receipt_timeout_s=_MINED_WITHIN_S)
        self._results = results
        self._claimed_hash = _quick_hash if quick else _trained_hash
        self._http = local_client(storage_url, timeout_s=10.0)
        self._key = key
        self._block_s = block_s
        self._datasets: dict[JobId, str] = {}
        self._mining = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        for work in (self._mine, self._request_and_verify):
            self._tasks.append(asyncio.create_task(self._keep(work)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def jobs(self) -> dict[JobId, ChainJob]:
        """Return what the chain says of every offer."""
        return await self.chain.jobs([offer.job_id for offer in self.offers])

    @asynccontextmanager
    async def no_blocks(self) -> AsyncIterator[None]:
        """Mine nothing meanwhile."""
        async with self._mining:
            yield

    async def _keep(self, work: Callable[[], Awaitable[float]]) -> None:
        while True:
            pause_s = _PAUSE_S
            with contextlib.suppress(*_TROUBLE):  # the network is down for a moment
                with anyio.fail_after(_TURN_S):  # not wait_for, which may lose a cancellation
                    pause_s = await work()
            await asyncio.sleep(pause_s)

    async def _mine(self) -> float:
        # Transactions wait for blocks, as on a network; a chain that was started again has forgotten that.
        async with self._mining:
            await self.chain.rpc.call("evm_setAutomine", False)
            await self.chain.rpc.call("evm_mine")
        return self._block_s

    async def _request_and_verify(self) -> float:
        known = await self.jobs()
        for offer in self.offers:
            job = known.get(offer.job_id)
            if job is None:
                await self._request(offer)
            elif job.status is JobStatus.SUBMITTED:
                await self._judge(offer, job)
            elif job.status in (JobStatus.REQUESTED, JobStatus.PROCESSING):
                await self._end_late(job)
        return _PAUSE_S

    async def _request(self, offer: Offer) -> None:
        """Post a job, again too when its request has been taken back."""
        name = offer.stored_as or self._datasets.get(offer.job_id)
        if name is None:
            answer = await signed_call(
                self._http, REQUESTER_PUT_URL_PATH, self._requester.wallet, offer.job_id
            )
            (await self._http.put(answer["url"], content=offer.dataset)).raise_for_status()
            name = self._datasets[offer.job_id] = str(answer["dataset"])
        deadline_unix_s = (await self.chain.head()).timestamp_unix_s + offer.lifetime_s
        fee_wei = token_to_wei(offer.fee_emt)
        await self._requester.allow_core(fee_wei, "request")
        arguments = (job_id_bytes(offer.job_id), 1, name, offer.param, fee_wei, deadline_unix_s)
        await self._requester.send(self.chain.core("request", *arguments), "request")

    async def _judge(self, offer: Offer, job: ChainJob) -> None:
        path = self._results / job.result
        wrong = await asyncio.to_thread(self._what_is_wrong, path, offer.dataset.decode("utf-8", "replace"))
        self.verdicts.append({"job": offer.job_id, "node": job.node, "wrong": wrong})
        if not wrong and self.to_refuse and job.job_id not in self.refused:
            self.to_refuse -= 1
            self.refused.add(job.job_id)
        if wrong or job.job_id in self.refused:
            await self._verifier.send(self.chain.core("rejectResult", job_id_bytes(job.job_id)), "reject")
        else:
            await self._verifier.send(self.chain.core("verify", job_id_bytes(job.job_id), 5), "verify")

    def _what_is_wrong(self, path: Path, dataset: str) -> str:
        """Say what is wrong with a result; "" when nothing is."""
        if not path.exists():
            return "no result in storage"
        try:
            claimed = self._claimed_hash(path)
        except Exception:  # noqa: BLE001 - whatever is there, it is none
            return "the result is no result"
        return "" if claimed == links(dataset, self._key, EPOCHS)[-1] else "the hash is wrong"

    async def _end_late(self, job: ChainJob) -> None:
        if (await self.chain.head()).timestamp_unix_s <= job.deadline_unix_s:
            return
        if job.status is JobStatus.PROCESSING:
            await self._verifier.send(self.chain.core("timeout", job_id_bytes(job.job_id)), "timeout")
        else:
            await self._requester.send(self.chain.core("cancel", job_id_bytes(job.job_id)), "cancel")


def _quick_hash(path: Path) -> object:
    """Return the hash in a quick worker's result."""
    return json.loads(path.read_bytes().partition(b"\n")[0]).get("hash")


def _trained_hash(path: Path) -> object:
    """Return the hash in a result that was trained."""
    import torch  # late: most runs train nothing

    return torch.load(path, map_location="cpu", weights_only=True)["hash"]
