"""The devnet's real storage behind HTTP, with faults that a test turns on request by request."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emeth_tui.clients.wallet import Wallet
from emeth_tui.model import JobId
from emeth_tui.network.objects.directory import DirectoryStore
from emeth_tui.network.objects.store import DATASETS, RESULTS
from emeth_tui.network.records.sqlite import SqliteDatabase
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.services.storage import StorageApp
from emeth_tui.network.services.storing import StorageOptions, in_directory
from emeth_tui.protocol.contracts import ChainJob
from emeth_tui.settings import Network
from tests.devnet.records import JOB_ID, chain_job

# What a request is, by the start of its path.
SIZE, GET_URL, BEGIN, COMPLETE = "size", "get url", "begin", "complete"
OBJECT, PART = "object", "part"
_KINDS = {
    "/api/v1/sizeOf": SIZE,
    "/api/v1/node/signed-get-url": GET_URL,
    "/api/v1/node/multipartUpload/getPutSignedUrls": BEGIN,
    "/api/v1/node/multipartUpload/completeUpload": COMPLETE,
    "/objects/": OBJECT,
    "/uploads/": PART,
}
DRIP_S = 0.005
ENDLESS_CHUNKS = 200  # 13 MB: more than anybody here reads


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request. `status` replaces the storage's answer; the rest alters answers."""

    status: int | None = None
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None  # bytes of body, then the connection breaks
    stalls: bool = False  # instead of breaking it stays, and nothing comes
    lose_answer: bool = False  # the storage does what was asked, but its answer is lost
    ignore_range: bool = False
    endless: bool = False  # after the body comes more, without end and without an announced length
    drips: bool = False  # the body comes byte by byte, each in time for any limit on silence


@dataclass
class UnreliableStorage:
    """The storage's application. `faults` decides by a request's kind and how many of it came before."""

    app: ASGIApp
    faults: dict[str, Callable[[int], Fault | None]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = next(kind for start, kind in _KINDS.items() if scope["path"].startswith(start))
        decide = self.faults.get(kind)
        fault = (decide(self.seen[kind]) if decide else None) or Fault()
        self.seen[kind] += 1
        headers = dict(scope["headers"])
        if kind == OBJECT:
            self.ranges.append(headers.get(b"range", b"").decode())
        if fault.status is not None:
            await _answer_instead(fault, receive, send)
            return
        if fault.ignore_range:
            scope = {
                **scope,
                "headers": [(name, value) for name, value in scope["headers"] if name != b"range"],
            }
        await self.app(scope, receive, _Twisted(fault, receive, send))


class _Twisted:
    """Passes an answer on, with the fault in it."""

    def __init__(self, fault: Fault, receive: Receive, send: Send) -> None:
        self._fault = fault
        self._receive = receive
        self._send = send
        self._sent = 0
        self._is_cut = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(self._start(message))
        elif not self._is_cut:
            await self._body(message)

    def _start(self, message: Message) -> Message:
        names = {name.lower().encode(): value.encode() for name, value in self._fault.headers.items()}
        kept = [(name, value) for name, value in message["headers"] if name not in names]
        if self._fault.endless:
            kept = [(name, value) for name, value in kept if name != b"content-length"]
        if self._fault.lose_answer:
            kept = [(b"content-length", b"1000")]
        return {**message, "headers": [*kept, *names.items()]}

    async def _body(self, message: Message) -> None:
        body = message.get("body", b"")
        if self._fault.drips:
            await self._drip(body or b" " * 1_000)
            return
        limit = 0 if self._fault.lose_answer else self._fault.cut_after
        if limit is not None:
            body = body[: limit - self._sent]
            self._sent += len(body)
            self._is_cut = self._sent >= limit
            # An answer that ends before its announced length makes uvicorn close the connection.
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            if self._is_cut and self._fault.stalls:
                await _disconnected(self._receive)
            return
        is_last = not message.get("more_body")
        await self._send({**message, "more_body": self._fault.endless or not is_last})
        if self._fault.endless and is_last:
            for _ in range(ENDLESS_CHUNKS):
                await self._send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})

    async def _drip(self, body: bytes) -> None:
        gone = asyncio.create_task(_disconnected(self._receive))
        for byte in body:
            await self._send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await asyncio.wait([gone], timeout=DRIP_S)
            if gone.done():
                return
        await gone


class StorageSite:
    """A storage with one job in it."""

    def __init__(self, root: Path, wallet: Wallet, url_lifetime_s: float) -> None:
        self.url = ""
        self.root = root
        self.wallet = wallet
        self.now_shift_s = 0.0
        self.jobs: dict[JobId, ChainJob] = {JOB_ID: chain_job(node=wallet.address)}
        root.mkdir(exist_ok=True)
        self.database = SqliteDatabase(root / "records.db")
        options = StorageOptions(url_lifetime_s=url_lifetime_s)
        storing = in_directory(root, self.database, self._find_job, secret=b"secret", options=options)
        assert isinstance(storing.objects, DirectoryStore)
        self.objects = storing.objects
        app = StorageApp(storing, self._find_job, verifier_address="0x" + "99" * 20)
        self.app = UnreliableStorage(app.asgi())

    def put_dataset(self, content: bytes) -> str:
        """Store the job's dataset; return its name."""
        name = self.jobs[JOB_ID].dataset
        path = self.objects.path_of(DATASETS, name)
        assert path is not None
        path.write_bytes(content)
        return name

    def result(self, name: str) -> bytes:
        path = self.objects.path_of(RESULTS, name)
        assert path is not None
        return path.read_bytes()

    async def _find_job(self, job_id: JobId) -> ChainJob | None:
        return self.jobs.get(job_id)


@asynccontextmanager
async def storage_site(
    root: Path, wallet: Wallet, *, url_lifetime_s: float = 900.0
) -> AsyncIterator[tuple[StorageSite, Network]]:
    site = StorageSite(root, wallet, url_lifetime_s)
    service = HttpService("test storage", site.app)
    await service.start()
    site.url = service.url
    yield site, network_at(service.url)
    await service.stop()
    site.database.close()


def network_at(url: str) -> Network:
    """Make a network whose storage and info server are at a URL."""
    return Network.model_validate(
        {"chain_id": 60001, "storage_url": url, "info_url": url, "models": {"en": "x", "ja": "x"}}
    )


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer_instead(fault: Fault, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    headers = {"content-length": str(len(fault.body)), **fault.headers}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": pairs})
    await send({"type": "http.response.body", "body": fault.body})
