"""Info server and storage: lists, answers, headers, URLs; and what a job's requester has written."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable

import httpx

from emeth_tui.backoff import Backoff
from emeth_tui.clients.http.exchange import ExchangeFailed, retry_after_s
from emeth_tui.clients.http.retry import Retry
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.http.url_guard import UrlGuard, UrlRefused
from emeth_tui.clients.info_server import parse_list
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.storage.download import _Download
from emeth_tui.clients.storage.part_file import PartFile
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import InfoServerError, JobError, StorageError
from emeth_tui.model import JobId
from emeth_tui.protocol.info_api import read_rejection
from emeth_tui.protocol.job_ids import parse_job_id
from emeth_tui.protocol.parameters import check_dataset_name, parse_parameters
from emeth_tui.settings import Network
from tests.fuzz.mock_body import Body
from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target

HOME = "http://127.0.0.1:1"
ENTRY = {
    "id": "0x" + "AB" * 16,
    "owner": "0x" + "11" * 20,
    "status": 0,
    "programId": 1,
    "datasetPath": "a.txt",
    "param": '{"language": "en", "epoch": 30}',
    "datasetSize": 12_345,
    "fee": "20000000000000000000",
    "deadline": 1_900_000_000,
    "requestedAt": 1_800_000_000,
}
JOB_ID = JobId("0x" + "ab" * 16)
CONTENT = b"a text of some bytes" * 10


def targets() -> list[Target]:
    return [
        _info_server(),
        _storage_answers(),
        _presigned_headers(),
        _urls(),
        Target(
            "rejections",
            [
                b'{"rejection": {"text": "no", "reason": {"kind": "learned_nothing", "loss": 5.5}}}',
                b'{"rejection": {"text": "worse", "reason": {"kind": "not_last_link", "epochs": 30}}}',
            ],
            read_rejection,
            (ValueError,),
            share=0.5,
        ),
        Target("Retry-After", [b"120", b"Fri, 27 Nov 2026 10:00:00 GMT"], _retry_after, share=0.2),
        Target(
            "parameters",
            [b'{"language": "en", "epoch": 30}', b'{"epoch":1000,"language":"ja","x":[{}]}'],
            lambda data: parse_parameters(data.decode("utf-8", "replace")),
            (JobError,),
            share=0.5,
        ),
        Target(
            "dataset names and job ids",
            [b"dataset.txt", JOB_ID.encode(), "名前.txt".encode()],
            _names,
            (JobError,),
            share=0.3,
        ),
    ]


def _info_server() -> Target:
    lists = [[ENTRY], [ENTRY, {**ENTRY, "id": "0x" + "cd" * 16, "param": None}], []]
    corpus = [json.dumps(jobs).encode() for jobs in lists]
    return Target(
        "the info server's list", corpus, lambda data: parse_list("here", data), (InfoServerError,), share=2.0
    )


def _storage_answers() -> Target:
    loop = asyncio.new_event_loop()
    answer = b""
    link = httpx.MockTransport(lambda _: httpx.Response(200, stream=Body(answer)))
    transport = Transport(httpx.AsyncClient(transport=link), Retry(attempts=1, backoff=Backoff(0.0, 0.0)))
    network = Network.model_validate({"chain_id": 1, "storage_url": HOME, "models": {"en": "x", "ja": "x"}})
    storage = StorageClient(network, Wallet(b"\x07" * 32), transport)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: storage.size_of("a.txt"),
        lambda: storage._dataset_url(JOB_ID),
        lambda: storage.begin_upload(JOB_ID, 2),
        lambda: storage.complete_upload(JOB_ID, "u", ["e"]),
    ]
    corpus = [
        b'{"result": 12345}',
        b'{"url": "https://objects.example/x?signature=1"}',
        b'{"urls": {"0": "https://x.example/0", "1": "https://x.example/1"}, "uploadId": "u", '
        b'"fileName": "f.pt"}',
    ]

    turns = itertools.cycle(calls)

    async def one() -> None:
        await next(turns)()

    def take(data: bytes) -> None:
        nonlocal answer
        answer = data
        loop.run_until_complete(one())

    return Target("storage answers", corpus, take, (StorageError,))


def _presigned_headers() -> Target:
    """Mutate status, headers and body of what comes from a presigned URL."""
    loop = asyncio.new_event_loop()
    directory = scratch()
    answer = httpx.Response(200)
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer))
    size = len(CONTENT)
    corpus = [
        b'200\nContent-Type: text/plain\nETag: "e"\nContent-Length: %d\n\n%s' % (size, CONTENT),
        b'206\nContent-Range: bytes 20-%d/%d\nETag: "e"\n\n%s' % (size - 1, size, CONTENT[20:]),
        b"302\nLocation: /elsewhere\n\n",
        b"503\nRetry-After: 120\n\nbusy",
        b"200\nContent-Type: text/html; charset=utf-8\nContent-Encoding: identity\n\n<html>",
    ]

    async def one() -> None:
        part = PartFile(directory / "dataset.txt", size)
        part.open()
        try:
            transport = Transport(client, Retry(attempts=1, backoff=Backoff(0.0, 0.0)))
            fetching = _Download(
                transport, UrlGuard(HOME), client, _never, JOB_ID, part, lambda _done, _total: None
            )
            await fetching._fetch(f"{HOME}/x")
        finally:
            assert 0 <= part.received <= size
            part.close()

    def take(data: bytes) -> None:
        nonlocal answer
        head, _, body = data.partition(b"\n\n")
        status, *lines = head.split(b"\n")
        pairs = [tuple(line.partition(b": ")[::2]) for line in lines]
        number = int(status) if status.isdigit() and len(status) < 4 else 200
        answer = httpx.Response(number, headers=pairs, stream=Body(body))  # type: ignore[arg-type]
        loop.run_until_complete(one())

    return Target("presigned answers", corpus, take, (ExchangeFailed, StorageError), share=1.5)


async def _never() -> str:
    raise AssertionError("no second URL is asked for")


def _urls() -> Target:
    loop = asyncio.new_event_loop()
    guard = UrlGuard("https://127.0.0.1/api", ["objects.example"])
    corpus = [
        b"https://objects.example/x?a=b#c",
        b"http://user:pass@[::ffff:127.0.0.1]:8080/x",
        b"http://2130706433/",
        "https://例え.example/名".encode(),
        b"http://xn--r8jz45g.example/",
    ]
    return Target(
        "presigned URLs",
        corpus,
        lambda data: loop.run_until_complete(guard.check(data.decode("utf-8", "replace"))),
        (UrlRefused,),
        share=0.5,
    )


def _retry_after(data: bytes) -> None:
    seconds = retry_after_s(data.decode("latin-1"), 1_800_000_000.0)
    assert seconds is None or seconds >= 0


def _names(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    refused: list[JobError] = []
    for check in (check_dataset_name, parse_job_id):
        try:
            check(text)
        except JobError as error:
            refused.append(error)
    if len(refused) == 2:
        raise refused[0]
