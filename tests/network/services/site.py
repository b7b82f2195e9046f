"""A running storage over the embedded parts, or over an object store and PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import httpx

from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import ChainUnreachable
from emeth_tui.model import JobId
from emeth_tui.network.objects.store import ObjectStore, Stored
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.services.storage import StorageApp
from emeth_tui.network.services.storing import Storing
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.protocol.storage_api import (
    COMPLETE_UPLOAD_PATH,
    PUT_SIGNED_URLS_PATH,
    REQUESTER_PUT_URL_PATH,
    SIGNED_GET_URL_PATH,
)
from tests.devnet.records import JOB_ID, chain_job, new_wallet, signed_call
from tests.loopback import local_client
from tests.network.servers.parts import URL_LIFETIME_S, Parts


@dataclass
class Site:
    """A running storage, its clock, the jobs that its chain knows, and the parties."""

    root: Path
    part_bytes: int
    http: httpx.AsyncClient = field(default_factory=local_client)
    jobs: dict[JobId, ChainJob] = field(default_factory=dict)
    node: Wallet = field(default_factory=new_wallet)
    verifier: Wallet = field(default_factory=new_wallet)
    requester: Wallet = field(default_factory=new_wallet)
    now_unix_s: float = field(default_factory=time.time)
    chain_trouble: ChainUnreachable | None = None
    objects: ObjectStore = field(init=False)
    storing: Storing = field(init=False)

    async def find_job(self, job_id: JobId) -> ChainJob | None:
        if self.chain_trouble:
            raise self.chain_trouble
        return self.jobs.get(job_id)

    def call(self, wallet: Wallet, job_id: str = JOB_ID, **fields: object) -> dict[str, object]:
        return signed_call(wallet, job_id, at_unix_s=self.now_unix_s, **fields)

    async def post(self, path: str, body: object) -> httpx.Response:
        return await self.http.post(path, json=body)

    async def put_url(self, job_id: JobId = JOB_ID, **fields: object) -> str:
        """Return a URL to store a dataset by."""
        answer = await self.post(REQUESTER_PUT_URL_PATH, self.call(self.requester, job_id, **fields))
        return str(answer.raise_for_status().json()["url"])

    async def put_dataset(self, content: bytes, job_id: JobId = JOB_ID) -> str:
        """Store a dataset as a requester does, the job not being on the chain yet; return its name."""
        kept = self.jobs.pop(job_id, None)
        url = await self.put_url(job_id, size=len(content))
        (await self.http.put(url, content=content)).raise_for_status()
        if kept:
            self.jobs[job_id] = kept
        return f"{job_id}.txt"

    async def dataset_url(self) -> str:
        """Return a URL to get the job's dataset by."""
        answer = await self.post(SIGNED_GET_URL_PATH, self.call(self.node))
        return str(answer.raise_for_status().json()["url"])

    async def expired_dataset_url(self) -> str:
        """Return such a URL when its time has passed."""

        def then() -> datetime:
            return datetime.utcnow() - timedelta(seconds=URL_LIFETIME_S + 1)

        with mock.patch("botocore.auth.get_current_datetime", then):
            url = await self.dataset_url()
        self.now_unix_s += URL_LIFETIME_S + 1
        return url

    async def begin_upload(
        self, parts: int, extension: str = ".pt", job_id: JobId = JOB_ID
    ) -> dict[str, object]:
        call = self.call(self.node, job_id, partNum=parts, extension=extension)
        answer = await self.post(PUT_SIGNED_URLS_PATH, call)
        body: dict[str, object] = answer.raise_for_status().json()
        return body

    async def upload(
        self, content: bytes, extension: str = ".pt", job_id: JobId = JOB_ID, *, completed: bool = True
    ) -> str:
        """Upload something in one part; return its name."""
        begun = await self.begin_upload(1, extension, job_id)
        part = await self.http.put(begun["urls"]["0"], content=content)  # type: ignore[index]
        body = {
            **{"jobId": job_id, "address": self.node.address, "uploadId": begun["uploadId"]},
            **{"extension": extension, "parts": [{"ETag": part.headers["ETag"], "PartNumber": 1}]},
        }
        if completed:
            (await self.post(COMPLETE_UPLOAD_PATH, body)).raise_for_status()
        return str(begun["fileName"])

    async def kept(self) -> list[Stored]:
        """Return all that lies in the storage."""
        return [stored async for stored in self.objects.everything()]


@asynccontextmanager
async def running_site(parts: Parts, *, takes_states: bool = False) -> AsyncIterator[Site]:
    """Run a storage with one job in process."""
    site = Site(parts.root, parts.part_bytes)
    site.jobs[JOB_ID] = chain_job(node=site.node.address)
    storing = parts.storing(site.find_job, lambda: site.now_unix_s, takes_states=takes_states)
    site.storing, site.objects = storing, storing.objects
    app = StorageApp(
        storing,
        site.find_job,
        verifier_address=site.verifier.address,
        now_unix_s=lambda: site.now_unix_s,
    )
    service = HttpService("storage", app.asgi())
    await service.start()
    async with local_client(service.url) as site.http:
        yield site
    await service.stop()
