"""The storage service over real HTTP: who may do what, for how long, and that bytes come back unharmed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import resource
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import pytest

from emeth_tui.errors import ChainUnreachable
from emeth_tui.network.objects.store import Kind
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.storage_api import (
    COMPLETE_UPLOAD_PATH,
    PUT_SIGNED_URLS_PATH,
    REQUESTER_GET_URL_PATH,
    REQUESTER_PUT_URL_PATH,
    SIGNED_GET_URL_PATH,
    SIZE_OF_PATH,
    VERIFIER_GET_URL_PATH,
)
from tests.devnet.records import JOB_ID, OTHER_JOB_ID, chain_job, new_wallet
from tests.network.servers.parts import MAX_DATASET_BYTES, embedded
from tests.network.services.site import Site, running_site

DATASET = b"To be, or not to be: that is the question. " * 200


async def test_a_dataset_comes_back_as_it_was_stored(site: Site) -> None:
    name = await site.put_dataset(DATASET)

    size = await site.http.get(SIZE_OF_PATH, params={"key": f"dataset/{name}"})
    url = await site.dataset_url()
    whole = await site.http.get(url)
    tail = await site.http.get(url, headers={"Range": "bytes=100-"})

    assert size.json() == {"result": len(DATASET)}
    assert whole.content == DATASET
    assert (tail.status_code, tail.content) == (206, DATASET[100:])
    assert tail.headers["content-range"] == f"bytes 100-{len(DATASET) - 1}/{len(DATASET)}"


async def test_a_range_past_the_end_is_refused(site: Site) -> None:
    await site.put_dataset(DATASET)
    url = await site.dataset_url()

    answer = await site.http.get(url, headers={"Range": f"bytes={len(DATASET)}-"})

    assert answer.status_code == 416


async def test_a_presigned_url_expires(site: Site) -> None:
    await site.put_dataset(DATASET)

    answer = await site.http.get(await site.expired_dataset_url())

    assert (answer.status_code, b"expired" in answer.content) == (403, True)


@pytest.mark.parametrize("change", ["path", "expires", "signature", "method"])
async def test_a_changed_presigned_url_is_refused(site: Site, change: str) -> None:
    await site.put_dataset(DATASET)
    url = urlsplit(await site.dataset_url())
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    for key in query:
        if change in key.lower():
            query[key] = str(int(query[key]) + 1) if change == "expires" else "é" + query[key][1:]

    path = url.path + "x" if change == "path" else url.path
    changed = urlunsplit(url._replace(path=path, query=urlencode(query)))
    answer = await site.http.request("PUT" if change == "method" else "GET", changed)

    assert (await site.http.get(urlunsplit(url))).status_code == 200
    assert answer.status_code == 403


async def test_nobody_signs_for_nobody(site: Site) -> None:
    call = {**site.call(site.requester, OTHER_JOB_ID, size=3), "address": "", "sig": ""}

    answer = await site.post(REQUESTER_PUT_URL_PATH, call)

    assert answer.status_code == 401


async def test_a_signature_counts_for_its_address_job_and_time_alone(site: Site) -> None:
    await site.put_dataset(DATASET)
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
    await site.put_dataset(DATASET)
    call = site.call(site.node)

    site.now_unix_s += age_s
    answer = await site.post(SIGNED_GET_URL_PATH, call)

    assert answer.status_code == status


async def test_any_node_may_read_a_dataset_but_only_of_a_job_on_the_chain(site: Site) -> None:
    await site.put_dataset(DATASET)

    stranger = await site.post(SIGNED_GET_URL_PATH, site.call(new_wallet()))
    unknown_job = await site.post(SIGNED_GET_URL_PATH, site.call(site.node, OTHER_JOB_ID))
    no_job_id = await site.post(SIGNED_GET_URL_PATH, site.call(site.node, "../../etc"))

    assert (stranger.status_code, unknown_job.status_code, no_job_id.status_code) == (200, 404, 400)


async def test_a_result_is_put_together_from_its_parts(site: Site) -> None:
    content = bytes(range(256)) * (site.part_bytes * 5 // 512)  # three parts, the last one shorter
    upload = await site.begin_upload(3)
    urls = upload["urls"]
    assert isinstance(urls, dict)
    parts = [content[start : start + site.part_bytes] for start in range(0, len(content), site.part_bytes)]

    await site.http.put(urls["1"], content=bytes(site.part_bytes))  # sent again below: the later one counts
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
    answer = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier))
    result_url = answer.raise_for_status().json()["url"]

    assert etags == [f'"{hashlib.md5(part).hexdigest()}"' for part in parts]  # noqa: S324
    assert (completed.status_code, repeated.status_code) == (200, 200)
    assert late.status_code in {404, 409}
    assert (await site.http.get(result_url)).content == content


@pytest.mark.parametrize(
    ("sizes", "announce"),
    [
        pytest.param([0, 5], [0], id="a part not announced"),
        pytest.param([0, 5], [1, 0], id="in the wrong order"),
        pytest.param([0], [0, 1], id="a part that never came"),
        pytest.param([-1, 5], [0, 1], id="a short part before the last"),
    ],
)
async def test_an_incomplete_upload_is_not_completed(
    site: Site, sizes: list[int], announce: list[int]
) -> None:
    upload = await site.begin_upload(2)
    urls = upload["urls"]
    assert isinstance(urls, dict)
    etags = ["0" * 32, "0" * 32]
    for index, size in enumerate(sizes):  # of the first, how much it differs from a part's
        content = b"x" * (size if index else site.part_bytes + size)
        answer = await site.http.put(urls[str(index)], content=content)
        etags[index] = answer.headers.get("ETag", etags[index])  # a store may refuse it at once

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
    assert not [stored for stored in await site.kept() if stored.kind is Kind.RESULT]


async def test_a_number_of_parts_that_is_a_fraction_is_rounded_up(site: Site) -> None:
    answer = await site.post(PUT_SIGNED_URLS_PATH, site.call(site.node, partNum=1.0625, extension=".pt"))

    assert list(answer.raise_for_status().json()["urls"]) == ["0", "1"]


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


async def test_a_result_that_another_job_was_delivered_is_none(site: Site) -> None:
    site.jobs[OTHER_JOB_ID] = chain_job(job_id=OTHER_JOB_ID, node=site.node.address)
    name = await site.upload(b"weights", job_id=OTHER_JOB_ID)
    for job_id in (JOB_ID, OTHER_JOB_ID):
        site.jobs[job_id] = replace(site.jobs[job_id], status=JobStatus.SUBMITTED, result=name)

    answers = [
        await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier, job_id))
        for job_id in (JOB_ID, OTHER_JOB_ID)
    ]

    assert [answer.status_code for answer in answers] == [404, 200]


async def test_what_the_storage_itself_has_lost_is_not_said_to_be_missing(site: Site) -> None:
    dataset, result = await site.put_dataset(DATASET), await site.upload(b"weights")
    unfinished = await site.upload(b"weights", completed=False)
    await site.dataset_url()  # settles it
    for stored in await site.kept():
        if stored.name in {dataset, result}:
            await site.objects.delete(stored)

    verdicts = []
    for name in (result, unfinished):
        site.jobs[JOB_ID] = replace(site.jobs[JOB_ID], status=JobStatus.SUBMITTED, result=name)
        verdicts.append(await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier)))
    lost = await site.post(SIGNED_GET_URL_PATH, site.call(site.node))

    assert [answer.status_code for answer in verdicts] == [503, 404]
    assert lost.status_code in {200, 503}  # a service before an object store does not see what lies there


@pytest.mark.parametrize(
    "name", ["../secret.txt", "..", ".", "", ".hidden", "a/b", "a\\b", "a\0b", "x" * 300, "文.txt"]
)
async def test_no_name_leads_out_of_the_storage(site: Site, name: str) -> None:
    for secret in (site.root / "secret.txt", site.root / "storage/objects/secret.txt"):
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text("secret", "utf-8")
    site.jobs[JOB_ID] = chain_job(status=JobStatus.SUBMITTED, dataset=name, result=name)

    size = await site.http.get(SIZE_OF_PATH, params={"key": f"dataset/{name}"})
    dataset = await site.post(SIGNED_GET_URL_PATH, site.call(site.node))
    result = await site.post(VERIFIER_GET_URL_PATH, site.call(site.verifier))
    other_kind = await site.http.get(SIZE_OF_PATH, params={"key": "../objects/secret.txt"})

    statuses = [answer.status_code for answer in (size, dataset, result, other_kind)]
    assert statuses == [404, 404, 404, 404]


async def test_the_dataset_of_a_job_on_the_chain_stays_as_it_is(site: Site) -> None:
    del site.jobs[JOB_ID]
    url = await site.put_url(size=len(DATASET))
    (await site.http.put(url, content=b"x" * len(DATASET))).raise_for_status()
    (await site.http.put(url, content=DATASET)).raise_for_status()  # until then it may be stored again
    site.jobs[JOB_ID] = chain_job(node=site.node.address)
    before = await site.dataset_url()

    await site.http.put(url, content=b"y" * len(DATASET))
    new_url = await site.post(
        REQUESTER_PUT_URL_PATH, site.call(site.requester, size=len(DATASET), private=True)
    )

    assert new_url.status_code == 403
    for get_url in (before, await site.dataset_url()):
        assert (await site.http.get(get_url)).content == DATASET


async def test_a_dataset_that_a_job_names_stays_as_it_is_whatever_its_name(site: Site) -> None:
    size = len(DATASET)
    name = await site.put_dataset(DATASET, OTHER_JOB_ID)  # which is never requested
    site.jobs[JOB_ID] = replace(site.jobs[JOB_ID], owner=site.requester.address, dataset=name)
    url = await site.put_url(OTHER_JOB_ID, size=size)
    before = await site.dataset_url()

    for late in (url, await site.put_url(OTHER_JOB_ID, size=size)):
        await site.http.put(late, content=b"y" * size)

    for get_url in (before, await site.dataset_url()):
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
    size = MAX_DATASET_BYTES + 1
    announced = await site.post(REQUESTER_PUT_URL_PATH, site.call(site.requester, size=size))
    longer = await site.http.put(await site.put_url(size=MAX_DATASET_BYTES), content=b"x" * size)
    site.jobs[JOB_ID] = chain_job(node=site.node.address)
    call = await site.http.post(SIGNED_GET_URL_PATH, content=b" " * 300_000)
    unstored = await site.post(SIGNED_GET_URL_PATH, site.call(site.node))

    assert (announced.status_code, call.status_code, unstored.status_code) == (413, 413, 404)
    assert longer.status_code in {403, 413}
    assert await site.kept() == []


async def test_a_part_that_is_too_large_ends_in_no_result(site: Site) -> None:
    upload = await site.begin_upload(1)
    content = b"x" * (site.part_bytes + 1)
    part = await site.http.put(upload["urls"]["0"], content=content)  # type: ignore[index]

    etag = f'"{hashlib.md5(content).hexdigest()}"'  # noqa: S324
    body = {
        **{"jobId": JOB_ID, "address": site.node.address, "uploadId": upload["uploadId"]},
        **{"extension": ".pt", "parts": [{"ETag": etag, "PartNumber": 1}]},
    }
    completed = await site.post(COMPLETE_UPLOAD_PATH, body)

    assert part.status_code in {200, 413}  # an object store does not know how long a last part is
    assert completed.status_code == 400
    assert [stored.kind for stored in await site.kept()] == [Kind.UPLOAD]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"jobId": 7}', b"\xff", b'{"jobId": "' + b"[" * 9_999])
async def test_a_call_that_makes_no_sense_is_the_callers_fault(site: Site, body: bytes) -> None:
    answers = [
        await site.http.post(path, content=body)
        for path in (SIGNED_GET_URL_PATH, PUT_SIGNED_URLS_PATH, COMPLETE_UPLOAD_PATH)
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert all("error" in json.loads(answer.content) for answer in answers)


async def test_a_full_disk_is_a_reason_to_ask_again_and_keeps_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with embedded(tmp_path) as parts:
        async with running_site(parts) as site:
            upload = await site.begin_upload(2)
            urls = upload["urls"]
            assert isinstance(urls, dict)
            contents = [b"x" * site.part_bytes, b"y" * 10]
            with _file_size_limit(site.part_bytes - 1):
                refused = await site.http.put(urls["0"], content=contents[0])
            stored = [
                await site.http.put(urls[str(i)], content=content) for i, content in enumerate(contents)
            ]
            body = {
                **{"jobId": JOB_ID, "address": site.node.address, "uploadId": upload["uploadId"]},
                **{"extension": ".pt", "parts": _announced(stored)},
            }
            with _file_size_limit(site.part_bytes):
                failed = await site.post(COMPLETE_UPLOAD_PATH, body)
            left = [path for path in (tmp_path / "storage/uploads").rglob("*") if path.is_file()]
            completed = await site.post(COMPLETE_UPLOAD_PATH, body)

    assert [one.status_code for one in (refused, failed, completed)] == [503, 503, 200]
    assert sorted(path.name for path in left) == ["part-1", "part-1.json", "part-2", "part-2.json"]
    assert "File too large" in caplog.text
    assert "Traceback" not in caplog.text


@contextlib.contextmanager
def _file_size_limit(size_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _announced(stored: Sequence[httpx.Response]) -> list[dict[str, object]]:
    return [{"ETag": one.headers["ETag"], "PartNumber": number} for number, one in enumerate(stored, 1)]


async def test_a_dataset_without_a_record_is_for_its_own_jobs_parties(tmp_path: Path) -> None:
    with embedded(tmp_path) as parts:
        async with running_site(parts) as site:
            name = await site.put_dataset(DATASET)
            await site.storing.datasets.forget(name)  # a database was restored, or begun anew
            other = chain_job(job_id=OTHER_JOB_ID, dataset=name, node=site.node.address)
            site.jobs[OTHER_JOB_ID] = other
            calls = [site.call(site.node), site.call(new_wallet()), site.call(site.node, OTHER_JOB_ID)]

            statuses = [(await site.post(SIGNED_GET_URL_PATH, call)).status_code for call in calls]

            assert statuses == [200, 403, 403]


async def test_a_private_dataset_is_for_the_jobs_parties(site: Site) -> None:
    job = site.jobs.pop(JOB_ID)
    call = site.call(site.requester, private=True, size=len(DATASET))
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
    call = site.call(site.requester, private=True, size=len(DATASET))
    answer = (await site.post(REQUESTER_PUT_URL_PATH, call)).json()
    (await site.http.put(answer["url"], content=DATASET)).raise_for_status()
    site.jobs[JOB_ID] = replace(job, owner=thief.address, dataset=answer["dataset"])

    for party in (thief, site.node, site.verifier):
        assert (await site.post(SIGNED_GET_URL_PATH, site.call(party))).status_code == 403


async def test_a_dataset_stays_its_first_accounts_until_it_is_requested(site: Site) -> None:
    job = site.jobs.pop(JOB_ID)
    fields = {"private": True, "size": len(DATASET)}
    stored = (await site.post(REQUESTER_PUT_URL_PATH, site.call(site.requester, **fields))).json()
    (await site.http.put(stored["url"], content=DATASET)).raise_for_status()

    other = site.call(new_wallet(), **{**fields, "private": False})
    taken = await site.post(REQUESTER_PUT_URL_PATH, other)
    again = await site.post(REQUESTER_PUT_URL_PATH, site.call(site.requester, **fields))
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
