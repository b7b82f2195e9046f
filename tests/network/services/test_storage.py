"""The storage service over real HTTP: who may do what, for how long, and that bytes come back unharmed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import pytest

from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import ChainUnreachable
from emeth_tui.model import JobId
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.services.objects import ObjectStore
from emeth_tui.network.services.storage import StorageApp, StorageOptions
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import ChainJob, JobStatus
from emeth_tui.protocol.storage_api import (
    COMPLETE_UPLOAD_PATH,
    PUT_SIGNED_URLS_PATH,
    REQUESTER_GET_URL_PATH,
    REQUESTER_PUT_URL_PATH,
    SIGNED_GET_URL_PATH,
    SIZE_OF_PATH,
    VERIFIER_GET_URL_PATH,
)
from tests.devnet.records import JOB_ID, OTHER_JOB_ID, chain_job, new_wallet, signed_call
from tests.local_http import local_client

PART_BYTES = 1_000
DATASET = b"To be, or not to be: that is the question. " * 200
NOW_UNIX_S = 1_950_000_000.0


@dataclass
class Site:
    """A running storage, its clock, the jobs that its chain knows, and the parties."""

    http: httpx.AsyncClient
    root: Path
    jobs: dict[JobId, ChainJob]
    node: Wallet
    verifier: Wallet
    now_unix_s: float = NOW_UNIX_S
    chain_trouble: ChainUnreachable | None = None
    requester: Wallet = field(default_factory=new_wallet)

    def call(self, wallet: Wallet, job_id: str = JOB_ID, **fields: object) -> dict[str, object]:
        return signed_call(wallet, job_id, at_unix_s=self.now_unix_s, **fields)

    async def post(self, path: str, body: object) -> httpx.Response:
        return await self.http.post(path, json=body)

    async def put_dataset(self, content: bytes = DATASET, job_id: JobId = JOB_ID) -> str:
        """Store a dataset as a requester does, the job not being on the chain yet."""
        kept = self.jobs.pop(job_id, None)
        answer = (await self.post(REQUESTER_PUT_URL_PATH, self.call(self.requester, job_id))).json()
        (await self.http.put(answer["url"], content=content)).raise_for_status()
        if kept:
            self.jobs[job_id] = kept
        return str(answer["dataset"])

    async def begin_upload(self, parts: int) -> dict[str, object]:
        call = self.call(self.node, partNum=parts, extension=".pt")
        answer = await self.post(PUT_SIGNED_URLS_PATH, call)
        answer.raise_for_status()
        body: dict[str, object] = answer.json()
        return body


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    node, verifier = new_wallet(), new_wallet()
    jobs = {JOB_ID: chain_job(node=node.address)}

    async def find_job(job_id: JobId) -> ChainJob | None:
        if made.chain_trouble:
            raise made.chain_trouble
        return jobs.get(job_id)

    app = StorageApp(
        ObjectStore(tmp_path / "storage"),
        find_job,
        secret=b"s" * 32,
        verifier_address=verifier.address,
        options=StorageOptions(url_lifetime_s=30, part_bytes=PART_BYTES, max_dataset_bytes=20_000),
        now_unix_s=lambda: made.now_unix_s,
    )
    service = HttpService("storage", app.asgi())
    await service.start()
    async with local_client(service.url) as http:
        made = Site(http, tmp_path, jobs, node, verifier)
        yield made
    await service.stop()


async def test_a_dataset_comes_back_as_it_was_stored(site: Site) -> None:
    name = await site.put_dataset()

    size = await site.http.get(SIZE_OF_PATH, params={"key": f"dataset/{name}"})
    url = (await site.post(SIGNED_GET_URL_PATH, site.call(site.node))).json()["url"]
    whole = await site.http.get(url)
    tail = await site.http.get(url, headers={"Range": "bytes=100-"})

    assert size.json() == {"result": len(DATASET)}
    assert whole.content == DATASET
    assert (tail.status_code, tail.content) == (206, DATASET[100:])
    assert tail.headers["content-range"] == f"bytes 100-{len(DATASET) - 1}/{len(DATASET)}"


async def test_a_range_past_the_end_is_refused(site: Site) -> None:
    await site.put_dataset()
    url = (await site.post(SIGNED_GET_URL_PATH, site.call(site.node))).json()["url"]

    answer = await site.http.get(url, headers={"Range": f"bytes={len(DATASET)}-"})

    assert answer.status_code == 416


async def test_a_presigned_url_expires(site: Site) -> None:
    await site.put_dataset()
    url = (await site.post(SIGNED_GET_URL_PATH, site.call(site.node))).json()["url"]

    site.now_unix_s += 31
    answer = await site.http.get(url)

    assert (answer.status_code, answer.json()) == (403, {"error": "the URL has expired"})


@pytest.mark.parametrize("change", ["path", "expires", "signature", "method"])
async def test_a_changed_presigned_url_is_refused(site: Site, change: str) -> None:
    await site.put_dataset()
    other = await site.put_dataset(b"x" * 5_000, OTHER_JOB_ID)
    url = urlsplit((await site.post(SIGNED_GET_URL_PATH, site.call(site.node))).json()["url"])
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    path = f"/objects/dataset/{other}" if change == "path" else url.path
    if change == "expires":
        query["expires"] = str(int(query["expires"]) + 1)
    if change == "signature":
        query["signature"] = "é" + query["signature"][1:]

    changed = urlunsplit(url._replace(path=path, query=urlencode(query)))
    answer = await site.http.request("PUT" if change == "method" else "GET", changed)

    assert (answer.status_code, answer.json()) == (403, {"error": "the URL's signature is wrong"})


async def test_a_signature_counts_for_its_address_job_and_time_alone(site: Site) -> None:
    await site.put_dataset()
    site.jobs[OTHER_JOB_ID] = chain_job(job_id=OTHER_JOB_ID)
    call = site.call(site.node)
    stolen = {
        "another address": call | {"address": new_wallet().address},
        "another job": call | {"jobId": OTHER_JOB_ID},
        "another time": call | {"signedtime": int(site.now_unix_s * 1_000) + 1},
        "no signature": call | {"sig": "0x00"},
        "not hex": call | {"sig": "0x" + "zz" * 65},
        "no point on the curve": call | {"sig": "0x" + "ff" * 65},
    }

    answers = {name: await site.post(SIGNED_GET_URL_PATH, body) for name, body in stolen.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(stolen, 401)


@pytest.mark.parametrize(("age_s", "status"), [(0, 200), (59, 200), (61, 401), (-61, 401)])
async def test_a_signature_lives_for_a_minute(site: Site, age_s: float, status: int) -> None:
    await site.put_dataset()
    call = site.call(site.node)

    site.now_unix_s += age_s
    answer = await site.post(SIGNED_GET_URL_PATH, call)

    assert answer.status_code == status


async def test_any_node_may_read_a_dataset_but_only_of_a_job_on_the_chain(site: Site) -> None:
    await site.put_dataset()

    stranger = await site.post(SIGNED_GET_URL_PATH, site.call(new_wallet()))
    unknown_job = await site.post(SIGNED_GET_URL_PATH, site.call(site.node, OTHER_JOB_ID))
    no_job_id = await site.post(SIGNED_GET_URL_PATH, site.call(site.node, "../../etc"))

    assert (stranger.status_code, unknown_job.status_code, no_job_id.status_code) == (200, 404, 400)


async def test_a_result_is_put_together_from_its_parts(site: Site) -> None:
    content = bytes(range(256)) * 10  # three parts, the last one shorter
    upload = await site.begin_upload(3)
    urls = upload["urls"]
    assert isinstance(urls, dict)
    parts = [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)]

    await site.http.put(urls["1"], content=b"broken")  # sent again below: the later one counts
    answers = [await site.http.put(urls[str(index)], content=part) for index, part in enumerate(parts)]
    etags = [answer.headers["ETag"] for answer in answers]
    body = {
        "jobId": JOB_ID,
        "address": site.node.address,
        "uploadId": upload["uploadId"],
        "extension": ".pt",
        "parts": [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(etags, start=1)],
    }
    completed = await site.post(COMPLETE_UPLOAD_PATH, body)
    repeated = await site.post(COMPLETE_UPLOAD_PATH, body)
    late = await site.http.put(urls["0"], content=parts[0])
    site.jobs[JOB_ID] = chain_job(status=JobStatus.SUBMITTED, result=upload["fileName"])
    result_url = (await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier))).json()["url"]

    assert etags == [f'"{hashlib.md5(part).hexdigest()}"' for part in parts]  # noqa: S324
    assert (completed.status_code, repeated.status_code, late.status_code) == (200, 200, 409)
    assert (await site.http.get(result_url)).content == content


@pytest.mark.parametrize(
    ("sizes", "announce"),
    [
        pytest.param([PART_BYTES, 5], [0], id="a part not announced"),
        pytest.param([PART_BYTES, 5], [1, 0], id="in the wrong order"),
        pytest.param([PART_BYTES], [0, 1], id="a part that never came"),
        pytest.param([PART_BYTES - 1, 5], [0, 1], id="a short part before the last"),
    ],
)
async def test_an_incomplete_upload_is_not_completed(
    site: Site, sizes: list[int], announce: list[int]
) -> None:
    upload = await site.begin_upload(2)
    urls = upload["urls"]
    assert isinstance(urls, dict)
    etags = ["0" * 32, "0" * 32]
    for index, size in enumerate(sizes):
        etags[index] = (await site.http.put(urls[str(index)], content=b"x" * size)).headers["ETag"]

    answer = await site.post(
        COMPLETE_UPLOAD_PATH,
        {
            "jobId": JOB_ID,
            "address": site.node.address,
            "uploadId": upload["uploadId"],
            "extension": ".pt",
            "parts": [{"ETag": etags[index], "PartNumber": index + 1} for index in announce],
        },
    )

    assert answer.status_code == 400
    assert not list((site.root / "storage/objects/result").iterdir())


async def test_only_the_assigned_node_uploads_and_only_while_the_job_is_in_process(site: Site) -> None:
    stranger = await site.post(PUT_SIGNED_URLS_PATH, site.call(new_wallet(), partNum=1, extension=".pt"))
    wrong_extension = await site.post(
        PUT_SIGNED_URLS_PATH, site.call(site.node, partNum=1, extension="/../x")
    )
    no_parts = await site.post(PUT_SIGNED_URLS_PATH, site.call(site.node, partNum=0, extension=".pt"))
    site.jobs[JOB_ID] = chain_job(node=site.node.address, status=JobStatus.TIMEOUT)
    ended = await site.post(PUT_SIGNED_URLS_PATH, site.call(site.node, partNum=1, extension=".pt"))

    statuses = [answer.status_code for answer in (stranger, wrong_extension, no_parts, ended)]
    assert statuses == [403, 400, 400, 403]


async def test_an_upload_is_completed_by_its_own_node_and_job_alone(site: Site) -> None:
    upload = await site.begin_upload(1)
    body = {"uploadId": upload["uploadId"], "extension": ".pt", "parts": []}

    foreign_node = await site.post(
        COMPLETE_UPLOAD_PATH, body | {"jobId": JOB_ID, "address": new_wallet().address}
    )
    foreign_job = await site.post(
        COMPLETE_UPLOAD_PATH, body | {"jobId": OTHER_JOB_ID, "address": site.node.address}
    )
    unknown = await site.post(
        COMPLETE_UPLOAD_PATH, body | {"jobId": JOB_ID, "address": site.node.address, "uploadId": "../x"}
    )

    assert [answer.status_code for answer in (foreign_node, foreign_job, unknown)] == [403, 403, 404]


async def test_only_the_verifier_reads_results(site: Site) -> None:
    answer = await site.post(VERIFIER_GET_URL_PATH, site.call(site.node))

    assert (answer.status_code, answer.json()) == (403, {"error": "only the verifier reads results"})


@pytest.mark.parametrize(
    "name", ["../secret.txt", "..", ".", "", ".hidden", "a/b", "a\\b", "a\0b", "x" * 300, "文.txt"]
)
async def test_no_name_leads_out_of_the_storage(site: Site, name: str) -> None:
    (site.root / "secret.txt").write_text("secret", "utf-8")
    (site.root / "storage/objects/secret.txt").write_text("secret", "utf-8")
    site.jobs[JOB_ID] = chain_job(status=JobStatus.SUBMITTED, dataset=name, result=name)

    size = await site.http.get(SIZE_OF_PATH, params={"key": f"dataset/{name}"})
    dataset = await site.post(SIGNED_GET_URL_PATH, site.call(site.node))
    result = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier))
    other_kind = await site.http.get(SIZE_OF_PATH, params={"key": "../objects/secret.txt"})

    statuses = [answer.status_code for answer in (size, dataset, result, other_kind)]
    assert statuses == [404, 404, 404, 404]


async def test_the_dataset_of_a_job_on_the_chain_stays_as_it_is(site: Site) -> None:
    del site.jobs[JOB_ID]
    url = (await site.post(REQUESTER_PUT_URL_PATH, site.call(site.requester))).json()["url"]
    (await site.http.put(url, content=DATASET)).raise_for_status()
    site.jobs[JOB_ID] = chain_job(node=site.node.address)

    with_old_url = await site.http.put(url, content=b"x" * 5_000)
    new_url = await site.post(REQUESTER_PUT_URL_PATH, site.call(site.requester))

    assert (with_old_url.status_code, new_url.status_code) == (409, 403)
    get_url = (await site.post(SIGNED_GET_URL_PATH, site.call(site.node))).json()["url"]
    assert (await site.http.get(get_url)).content == DATASET


async def test_a_chain_that_does_not_answer_is_a_reason_to_ask_again(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.chain_trouble = ChainUnreachable(Foreign("http://127.0.0.1:1 does not answer"))

    answer = await site.post(SIGNED_GET_URL_PATH, site.call(site.node))

    assert (answer.status_code, answer.json()) == (503, {"error": "the chain does not answer"})
    assert "does not answer" in caplog.text


async def test_what_is_too_large_is_refused_and_leaves_nothing(site: Site) -> None:
    del site.jobs[JOB_ID]
    url = (await site.post(REQUESTER_PUT_URL_PATH, site.call(site.requester))).json()["url"]

    dataset = await site.http.put(url, content=b"x" * 20_001)
    site.jobs[JOB_ID] = chain_job(node=site.node.address)
    upload = await site.begin_upload(1)
    urls = upload["urls"]
    assert isinstance(urls, dict)
    part = await site.http.put(urls["0"], content=b"x" * (PART_BYTES + 1))
    call = await site.http.post(SIGNED_GET_URL_PATH, content=b" " * 300_000)

    assert [answer.status_code for answer in (dataset, part, call)] == [413, 413, 413]
    storage = site.root / "storage"
    kept = [path for name in ("objects", "uploads") for path in (storage / name).rglob("*")]
    left = [path.name for path in kept if path.is_file()]
    assert left == ["upload.json"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"jobId": 7}', b"\xff", b'{"jobId": "' + b"[" * 9_999])
async def test_a_call_that_makes_no_sense_is_the_callers_fault(site: Site, body: bytes) -> None:
    answers = [
        await site.http.post(path, content=body)
        for path in (SIGNED_GET_URL_PATH, PUT_SIGNED_URLS_PATH, COMPLETE_UPLOAD_PATH)
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert all("error" in json.loads(answer.content) for answer in answers)


async def test_a_private_dataset_is_for_the_jobs_parties(site: Site) -> None:
    job = site.jobs.pop(JOB_ID)
    call = site.call(site.requester, private=True)
    answer = (await site.post(REQUESTER_PUT_URL_PATH, call)).json()
    (await site.http.put(answer["url"], content=DATASET)).raise_for_status()
    site.jobs[JOB_ID] = replace(job, owner=site.requester.address, dataset=answer["dataset"])

    for party in (site.node, site.requester, site.verifier):
        assert (await site.post(SIGNED_GET_URL_PATH, site.call(party))).status_code == 200
    stranger = await site.post(SIGNED_GET_URL_PATH, site.call(new_wallet()))
    size = await site.http.get(SIZE_OF_PATH, params={"key": f"dataset/{answer['dataset']}"})

    assert stranger.status_code == 403
    assert size.json() == {"result": len(DATASET)}


async def test_a_job_that_names_a_private_dataset_of_another_account_gets_nothing(site: Site) -> None:
    job, thief = site.jobs.pop(JOB_ID), new_wallet()
    call = site.call(site.requester, private=True)
    answer = (await site.post(REQUESTER_PUT_URL_PATH, call)).json()
    (await site.http.put(answer["url"], content=DATASET)).raise_for_status()
    site.jobs[JOB_ID] = replace(job, owner=thief.address, dataset=answer["dataset"])

    for party in (thief, site.node, site.verifier):
        assert (await site.post(SIGNED_GET_URL_PATH, site.call(party))).status_code == 403


async def test_a_dataset_stays_its_first_accounts_until_it_is_requested(site: Site) -> None:
    job = site.jobs.pop(JOB_ID)
    stored = (await site.post(REQUESTER_PUT_URL_PATH, site.call(site.requester, private=True))).json()
    (await site.http.put(stored["url"], content=DATASET)).raise_for_status()

    taken = await site.post(REQUESTER_PUT_URL_PATH, site.call(new_wallet(), private=False))
    again = await site.post(REQUESTER_PUT_URL_PATH, site.call(site.requester, private=True))
    site.jobs[JOB_ID] = replace(job, owner=site.requester.address, dataset=stored["dataset"])
    stranger = await site.post(SIGNED_GET_URL_PATH, site.call(new_wallet()))

    assert (taken.status_code, again.status_code, stranger.status_code) == (403, 200, 403)


@pytest.mark.parametrize(
    ("status", "own", "code"),
    [
        (JobStatus.VERIFIED, True, 200),
        (JobStatus.VERIFIED, False, 403),
        (JobStatus.SUBMITTED, True, 403),
        (JobStatus.FAILED, True, 403),
    ],
)
async def test_a_result_is_for_who_paid_for_it(site: Site, status: JobStatus, own: bool, code: int) -> None:
    upload = await site.begin_upload(1)
    part = await site.http.put(upload["urls"]["0"], content=b"weights")  # type: ignore[index]
    completed = {
        **site.call(site.node),
        "uploadId": upload["uploadId"],
        "extension": ".pt",
        "parts": [{"ETag": part.headers["ETag"], "PartNumber": 1}],
    }
    (await site.post(COMPLETE_UPLOAD_PATH, completed)).raise_for_status()
    site.jobs[JOB_ID] = replace(
        site.jobs[JOB_ID], owner=site.requester.address, status=status, result=str(upload["fileName"])
    )

    answer = await site.post(REQUESTER_GET_URL_PATH, site.call(site.requester if own else new_wallet()))

    assert answer.status_code == code
    if code == 200:
        assert answer.json()["size"] == len(b"weights")
        assert (await site.http.get(answer.json()["url"])).content == b"weights"


async def test_states_are_taken_from_the_submitted_jobs_node_where_the_network_asks(tmp_path: Path) -> None:
    node, verifier, stranger = new_wallet(), new_wallet(), new_wallet()
    submitted = replace(chain_job(node=node.address), status=JobStatus.SUBMITTED)

    async def find_job(job_id: JobId) -> ChainJob | None:
        return {JOB_ID: submitted}.get(job_id)

    async def asked(takes_states: bool) -> list[int]:
        app = StorageApp(
            ObjectStore(tmp_path / f"storage-{takes_states}"),
            find_job,
            secret=b"s" * 32,
            verifier_address=verifier.address,
            options=StorageOptions(part_bytes=PART_BYTES, takes_states=takes_states),
        )
        service = HttpService("storage", app.asgi())
        await service.start()
        statuses = []
        async with local_client(service.url) as http:
            for wallet, extension in (
                (node, ".state-000003"),
                (stranger, ".state-000003"),
                (node, ".state-3"),
                (node, ".pt"),
            ):
                call = signed_call(wallet, JOB_ID, partNum=1, extension=extension)
                statuses.append((await http.post(PUT_SIGNED_URLS_PATH, json=call)).status_code)
            for wallet, epoch in ((verifier, 3), (node, 3), (verifier, 0)):
                call = signed_call(wallet, JOB_ID, state=epoch)
                statuses.append((await http.post(VERIFIER_GET_URL_PATH, json=call)).status_code)
        await service.stop()
        return statuses

    assert await asked(takes_states=True) == [200, 403, 403, 403, 404, 403, 400]
    assert await asked(takes_states=False) == [403, 403, 403, 403, 404, 403, 400]


async def test_a_state_that_arrived_is_found_by_its_epoch(tmp_path: Path) -> None:
    objects = ObjectStore(tmp_path)
    upload = objects.begin_upload(JOB_ID, "0xab", 1, ".state-000003")

    objects.note_state(upload)

    assert objects.state_of(JOB_ID, ".state-000003") == upload.file_name
    assert objects.state_of(JOB_ID, ".state-000006") is None
