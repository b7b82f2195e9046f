"""A node of the tests' own and news of the chain: what it takes to play every part on a real devnet."""

from __future__ import annotations

from collections.abc import Collection

import anyio
import httpx

from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.storage.requester import RequesterStorage
from emeth_tui.clients.wallet import Wallet
from emeth_tui.devnet.bots.plan import JobPlan, Planner
from emeth_tui.devnet.bots.requester import Requester
from emeth_tui.devnet.network import Devnet
from emeth_tui.model import JobId
from emeth_tui.network.account import Account
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.protocol.storage_api import COMPLETE_UPLOAD_PATH, PUT_SIGNED_URLS_PATH
from tests.devnet.records import signed_call
from tests.loopback import local_client

LIMIT_S = 240.0


def storage_of(devnet: Devnet, wallet: Wallet, http: httpx.AsyncClient) -> RequesterStorage:
    """Return a devnet's storage as a requester uses it."""
    network = devnet.chain.network.model_copy(update={"storage_url": devnet.info.storage_url})
    return RequesterStorage(network, wallet, Transport(http))


class Parties:
    """Two test accounts of a devnet: one posts jobs, the other claims and submits them."""

    def __init__(self, devnet: Devnet, planner: Planner) -> None:
        self.devnet = devnet
        self.http = local_client(devnet.info.storage_url)
        accounts = devnet.info.test_accounts
        self.node_wallet: Wallet = accounts["test2"].wallet
        self.node = Account(devnet.chain, self.node_wallet)
        self.requester = Requester(
            Account(devnet.chain, accounts["test1"].wallet),
            devnet.mirror,
            storage_of(devnet, accounts["test1"].wallet, self.http),
            planner,
            open_jobs=0,
            open_errands=0,
        )

    async def claim(self, plan: JobPlan) -> None:
        """Post a job and claim it."""
        await self.requester.post(plan)
        await self.node.allow_core(plan.fee_wei, "approve")
        await self.send("process", plan.job_id)

    async def upload(self, job_id: JobId, content: bytes, extension: str = ".pt") -> str:
        """Upload a result, or a state of its training; returns its name."""
        call = signed_call(self.node_wallet, job_id, partNum=1, extension=extension)
        upload = (await self.http.post(PUT_SIGNED_URLS_PATH, json=call)).raise_for_status().json()
        part = (await self.http.put(upload["urls"]["0"], content=content)).raise_for_status()
        body = {
            "jobId": job_id,
            "address": self.node_wallet.address,
            "uploadId": upload["uploadId"],
            "extension": extension,
            "parts": [{"ETag": part.headers["ETag"], "PartNumber": 1}],
        }
        (await self.http.post(COMPLETE_UPLOAD_PATH, json=body)).raise_for_status()
        return str(upload["fileName"])

    async def submit(self, plan: JobPlan, result: bytes) -> None:
        """Post a job, claim it, and submit this as its result."""
        await self.claim(plan)
        await self.send("submit", plan.job_id, await self.upload(plan.job_id, result))

    async def send(self, function: str, job_id: JobId, *arguments: object) -> None:
        call = self.devnet.chain.core(function, job_id_bytes(job_id), *arguments)
        await self.node.send(call, function)

    async def move_clock(self, seconds: int) -> None:
        rpc = self.devnet.chain.rpc
        await rpc.call("evm_increaseTime", seconds)
        await rpc.call("evm_mine")


async def wait_for_status(devnet: Devnet, job_id: JobId, *wanted: JobStatus) -> ChainJob:
    """Wait until the chain shows a job in one of these statuses."""
    (job,) = await wait_for_jobs(devnet, {job_id}, *wanted)
    return job


async def wait_for_jobs(devnet: Devnet, job_ids: Collection[JobId], *wanted: JobStatus) -> list[ChainJob]:
    """Wait until all these jobs are in one of these statuses."""

    async def watch() -> list[ChainJob]:
        version = -1
        while True:
            version = await devnet.mirror.wait_beyond(version)
            known = devnet.mirror.jobs
            jobs = [known[job_id] for job_id in job_ids if job_id in known]
            if len(jobs) == len(job_ids) and all(job.status in wanted for job in jobs):
                return jobs

    with anyio.fail_after(LIMIT_S):
        return await watch()


async def wait_for_open(devnet: Devnet, count: int) -> list[ChainJob]:
    """Wait until so many jobs are open."""

    async def watch() -> list[ChainJob]:
        version = -1
        while True:
            version = await devnet.mirror.wait_beyond(version)
            jobs = devnet.mirror.jobs.values()
            open_jobs = [job for job in jobs if job.status is JobStatus.REQUESTED]
            if len(open_jobs) >= count:
                return open_jobs

    with anyio.fail_after(LIMIT_S):
        return await watch()
