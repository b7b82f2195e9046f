"""Uploading a result to a real storage over HTTP, parts failing and URLs expiring on the way."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from emeth_tui.clients.http.stall import StallLimit
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.storage.upload import UPLOADS
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import StorageError, StorageRejected
from emeth_tui.protocol.storage_api import PART_BYTES
from emeth_tui.store.database import Store
from tests.clients.emeth_storage import BEGIN, COMPLETE, PART, Fault, StorageSite, network_at, storage_site
from tests.clients.listening import listening
from tests.clients.local_server import QUICK_RETRY
from tests.clients.names import Names
from tests.devnet.records import JOB_ID

RESULT = random.Random(2).randbytes(2 * PART_BYTES + 123)  # three parts


@dataclass
class Upload:
    """A client on a storage, and the result to bring there."""

    site: StorageSite
    client: StorageClient
    path: Path
    progress: list[tuple[int, int]] = field(default_factory=list)

    async def __call__(self) -> str:
        return await self.client.upload(
            JOB_ID, self.path, on_progress=lambda done, total: self.progress.append((done, total))
        )


@pytest.fixture
async def upload(tmp_path: Path) -> AsyncIterator[Upload]:
    wallet = Wallet(b"\x07" * 32)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(RESULT)
    async with (
        storage_site(tmp_path / "storage", wallet) as (site, network),
        open_transport(QUICK_RETRY) as transport,
    ):
        yield Upload(site, StorageClient(network, wallet, transport), path)


async def test_a_result_arrives_whole_under_the_name_that_came_back(upload: Upload) -> None:
    name = await upload()
    assert upload.site.result(name) == RESULT
    assert upload.site.app.seen[PART] == 3
    assert upload.progress[-1] == (len(RESULT), len(RESULT))


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1])
async def test_every_size_is_cut_into_whole_parts(upload: Upload, size: int) -> None:
    upload.path.write_bytes(RESULT[:size])
    assert upload.site.result(await upload()) == RESULT[:size]
    assert upload.site.app.seen[PART] == (2 if size > PART_BYTES else 1)


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(lose_answer=True)], ids=["busy", "unheard"])
async def test_a_part_that_fails_twice_is_repeated_by_itself(upload: Upload, fault: Fault) -> None:
    upload.site.app.faults[PART] = lambda before: fault if before in {1, 3} else None
    assert upload.site.result(await upload()) == RESULT
    assert upload.site.app.seen == {BEGIN: 1, PART: 5, COMPLETE: 1}


async def test_expired_urls_start_a_fresh_upload(upload: Upload) -> None:
    upload.site.app.faults[PART] = lambda before: Fault(status=403, body=b"expired") if before == 1 else None
    name = await upload()
    assert upload.site.result(name) == RESULT
    assert upload.site.app.seen[BEGIN] == 2
    assert upload.site.app.seen[COMPLETE] == 1


async def test_parts_that_are_always_refused_are_given_up(upload: Upload) -> None:
    upload.site.app.faults[PART] = lambda _: Fault(status=403, body=b"no")
    with pytest.raises(StorageRejected, match=r"given up after 3 uploads.*HTTP status 403"):
        await upload()
    assert upload.site.app.seen[BEGIN] == 3
    assert upload.site.app.seen[COMPLETE] == 0


@pytest.mark.slow
async def test_a_part_that_never_arrives_is_given_up(upload: Upload) -> None:
    upload.site.app.faults[PART] = lambda _: Fault(status=503)
    with pytest.raises(StorageError, match="busy: HTTP status 503"):
        await upload()
    assert upload.site.app.seen[BEGIN] == 1


@pytest.mark.slow
async def test_asked_again_it_sends_only_the_parts_that_have_not_arrived(upload: Upload) -> None:
    upload.site.app.faults[PART] = lambda before: None if before == 0 else Fault(status=503)
    with pytest.raises(StorageError, match="busy: HTTP status 503"):
        await upload()
    failed = upload.site.app.seen[PART]
    upload.site.app.faults.clear()
    name = await upload()

    assert upload.site.result(name) == RESULT
    assert upload.site.app.seen[BEGIN] == 1
    assert upload.site.app.seen[PART] == failed + 2
    assert upload.progress[-1] == (len(RESULT), len(RESULT))


@pytest.mark.slow
async def test_another_result_is_not_joined_to_an_upload_that_was_begun(upload: Upload) -> None:
    upload.site.app.faults[PART] = lambda before: None if before == 0 else Fault(status=503)
    with pytest.raises(StorageError, match="busy: HTTP status 503"):
        await upload()
    upload.site.app.faults.clear()
    upload.path.write_bytes(RESULT[::-1])

    assert upload.site.result(await upload()) == RESULT[::-1]
    assert upload.site.app.seen[BEGIN] == 2


@pytest.mark.slow
async def test_an_upload_that_was_begun_and_has_expired_is_begun_anew(upload: Upload) -> None:
    upload.site.app.faults[PART] = lambda before: None if before == 0 else Fault(status=503)
    with pytest.raises(StorageError, match="busy: HTTP status 503"):
        await upload()
    tried = upload.site.app.seen[PART]
    upload.site.app.faults[PART] = lambda before: Fault(status=403) if before < tried + 2 else None

    assert upload.site.result(await upload()) == RESULT
    assert upload.site.app.seen[BEGIN] == 2


async def begun(upload: Upload) -> int:
    """Have one part of three arrive; return how many were tried."""
    upload.site.app.faults[PART] = lambda before: None if before == 0 else Fault(status=503)
    with pytest.raises(StorageError, match="busy: HTTP status 503"):
        await upload()
    return upload.site.app.seen[PART]


@pytest.mark.slow
async def test_urls_that_only_break_the_connection_are_replaced_by_fresh_ones(upload: Upload) -> None:
    """A service that refuses an expired URL before it has read the part hangs up, and no status arrives."""
    await begun(upload)
    hangs_up = Fault(cut_after=0, headers={"Content-Length": "1000"})
    upload.site.app.faults[PART] = lambda _: hangs_up if upload.site.app.seen[BEGIN] == 1 else None

    assert upload.site.result(await upload()) == RESULT
    assert upload.site.app.seen[BEGIN] == 2


@pytest.mark.slow
async def test_parts_that_arrived_are_kept_while_the_whole_storage_is_down(upload: Upload) -> None:
    await begun(upload)
    upload.site.app.faults = {kind: lambda _: Fault(status=503) for kind in (BEGIN, PART, COMPLETE)}
    with pytest.raises(StorageError, match="busy: HTTP status 503"):
        await upload()
    tried = upload.site.app.seen[PART]
    upload.site.app.faults.clear()

    assert upload.site.result(await upload()) == RESULT
    assert upload.site.app.seen[PART] == tried + 2


@asynccontextmanager
async def remembered(upload: Upload, state_dir: Path) -> AsyncIterator[Store]:
    """Have a new client remember its uploads in a store, as a node's does."""
    with Store(state_dir) as store:
        async with open_transport(QUICK_RETRY) as transport:
            network = network_at(upload.site.url)
            upload.client = StorageClient(network, upload.site.wallet, transport, uploads=store.uploads)
            yield store


_KILLED_IN_THE_MIDDLE = """
import asyncio, sys
from pathlib import Path

from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.storage.client import StorageClient
from emeth_tui.clients.storage.upload import UPLOADS
from emeth_tui.clients.wallet import Wallet
from emeth_tui.store.database import Store
from tests.clients.emeth_storage import network_at
from tests.devnet.records import JOB_ID

async def main(url, state, path):
    store = Store(Path(state))
    add_part = store.uploads.add_part

    def add_part_and_say_so(job_id, number, etag):
        add_part(job_id, number, etag)
        print(number, flush=True)

    store.uploads.add_part = add_part_and_say_so
    async with open_transport() as transport:
        client = StorageClient(network_at(url), Wallet(b"\\x07" * 32), transport, uploads=store.uploads)
        await client.upload(JOB_ID, Path(path))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.process
async def test_a_restart_after_a_kill_sends_only_the_parts_that_have_not_arrived(
    upload: Upload, tmp_path: Path
) -> None:
    upload.site.app.faults[PART] = lambda before: (
        None if before == 0 else Fault(cut_after=0, stalls=True, headers=_MORE_TO_COME)
    )
    arguments = (upload.site.url, tmp_path / "state", upload.path)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _KILLED_IN_THE_MIDDLE, *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline()
    while upload.site.app.seen[PART] < 3:  # noqa: ASYNC110 - what comes later would be counted below
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    upload.site.app.faults.clear()
    upload.site.app.seen.clear()

    async with remembered(upload, tmp_path / "state") as store:
        assert upload.site.result(await upload()) == RESULT
        assert store.uploads.get(JOB_ID) is None

    assert upload.site.app.seen == {PART: 2, COMPLETE: 1}


async def test_what_lies_on_the_disk_of_an_upload_lets_nobody_write_to_the_storage(
    upload: Upload, tmp_path: Path
) -> None:
    async with remembered(upload, tmp_path / "state") as store:
        await begun(upload)
        record = store.uploads.get(JOB_ID)
        assert record is not None
        assert len(record.etags) == 1
        assert b"signature=" in upload.site.wallet.unseal(record.sealed)
        with pytest.raises(ValueError, match="MAC"):
            Wallet(b"\x08" * 32).unseal(record.sealed)
        for path in (tmp_path / "state").iterdir():
            assert b"signature=" not in path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", b"x" * 100], ids=["empty", "other"])
async def test_a_record_that_cannot_be_read_begins_the_upload_anew(
    upload: Upload, tmp_path: Path, damage: bytes
) -> None:
    async with remembered(upload, tmp_path / "state") as store:
        await begun(upload)
        record = store.uploads.get(JOB_ID)
        assert record is not None
        store.uploads.begin(JOB_ID, replace(record, sealed=damage))
    upload.site.app.faults.clear()

    async with remembered(upload, tmp_path / "state"):
        assert upload.site.result(await upload()) == RESULT
    assert upload.site.app.seen[BEGIN] == 2


_MORE_TO_COME = {"Content-Length": "1000"}


@pytest.mark.parametrize(
    "fault",
    [Fault(drips=True, headers=_MORE_TO_COME), Fault(cut_after=0, stalls=True, headers=_MORE_TO_COME)],
    ids=["drip", "silence"],
)
async def test_an_answer_that_drips_holds_no_part(upload: Upload, fault: Fault) -> None:
    upload.path.write_bytes(RESULT[:1_000])
    upload.site.app.faults[PART] = lambda before: fault if before == 0 else None
    async with open_transport(QUICK_RETRY, StallLimit(window_s=0.2)) as transport:
        upload.client = StorageClient(network_at(upload.site.url), upload.site.wallet, transport)
        assert upload.site.result(await upload()) == RESULT[:1_000]
    assert upload.site.app.seen[PART] >= 2  # a slow machine stalls by itself


async def test_an_upload_ends_with_its_time(upload: Upload) -> None:
    upload.site.app.faults[PART] = lambda _: Fault(cut_after=0, stalls=True, headers=_MORE_TO_COME)
    with pytest.raises(StorageError, match="storage: not done after 0 s"):
        await upload.client.upload(JOB_ID, upload.path, longest_s=0.2)


async def test_no_part_goes_where_a_name_leads_into_our_own_network(upload: Upload, names: Names) -> None:
    names["objects.example"] = itertools.repeat(["10.0.0.1"])
    urls = {str(number): "https://objects.example/" for number in range(3)}
    answer = {"urls": urls, "uploadId": "u", "fileName": "f"}
    upload.site.app.faults[BEGIN] = lambda _: Fault(status=200, body=json.dumps(answer).encode())
    with pytest.raises(StorageError, match=r"leads to objects\.example, 10\.0\.0\.1"):
        await upload()


async def test_a_server_that_hardly_reads_is_given_up(upload: Upload) -> None:
    """It takes a few bytes every moment, and never as many as a line that works would bring."""

    async def sip(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(1):  # noqa: ASYNC110 - this is what is tested
            await asyncio.sleep(0.01)

    retry = replace(QUICK_RETRY, attempts=2)
    async with (
        listening(sip, buffer_bytes=1) as port,
        open_transport(retry, StallLimit(window_s=0.3)) as transport,
    ):
        urls = {str(number): f"http://127.0.0.1:{port}/" for number in range(3)}
        answer = {"urls": urls, "uploadId": "u", "fileName": "f"}
        upload.site.app.faults[BEGIN] = lambda _: Fault(status=200, body=json.dumps(answer).encode())
        upload.client = StorageClient(network_at(upload.site.url), upload.site.wallet, transport)
        with pytest.raises(StorageError, match="moved in 0 s"):
            await upload()


@pytest.mark.parametrize("etag", ["", "x" * 201])
async def test_a_part_without_an_etag_cannot_be_completed(upload: Upload, etag: str) -> None:
    upload.site.app.faults[PART] = lambda _: Fault(headers={"ETag": etag})
    with pytest.raises(StorageError, match="gave no ETag"):
        await upload()


async def test_a_completion_that_nobody_heard_of_is_repeated(upload: Upload) -> None:
    upload.site.app.faults[COMPLETE] = lambda before: Fault(lose_answer=True) if before == 0 else None
    assert upload.site.result(await upload()) == RESULT
    assert upload.site.app.seen == {BEGIN: 1, PART: 3, COMPLETE: 2}


async def test_a_refusal_after_a_lost_answer_starts_a_fresh_upload(upload: Upload) -> None:
    faults = {0: Fault(lose_answer=True), 1: Fault(status=404, body=b"no such upload")}
    upload.site.app.faults[COMPLETE] = faults.get
    assert upload.site.result(await upload()) == RESULT
    assert upload.site.app.seen[BEGIN] == 2


async def test_a_refused_completion_is_final(upload: Upload) -> None:
    upload.site.app.faults[COMPLETE] = lambda _: Fault(status=400, body=b"not these parts")
    with pytest.raises(StorageRejected, match="not these parts"):
        await upload()
    assert upload.site.app.seen == {BEGIN: 1, PART: 3, COMPLETE: 1}


NOT_PLAIN = ["../x.pt", "a/b.pt", "..", ".", "a\\b", "a\nb", "\x1b[31m", ""]
_URLS = {str(number): "http://x" for number in range(3)}


@pytest.mark.parametrize(
    ("urls", "others", "problem"),
    [
        ({}, {}, "gave 0 URLs for 3 parts"),
        ({"0": "http://x", "1": "http://x"}, {}, "gave 2 URLs for 3 parts"),
        ({**_URLS, "3": "http://x"}, {}, "gave 4 URLs for 3 parts"),
        ({"1": "http://x", "2": "http://x", "3": "http://x"}, {}, "gave 3 URLs for 3 parts"),
        ({**_URLS, "1": "file:///x"}, {}, "an invalid URL came back"),
        ({**_URLS, "1": "http://10.0.0.1/x"}, {}, "not a public address"),
        (_URLS, {"uploadId": ""}, "makes no sense"),
        (_URLS, {"fileName": "f" * 2_000}, "makes no sense"),
        *((_URLS, {"fileName": name}, "makes no sense.*plain") for name in NOT_PLAIN),
        (["http://x"] * 3, {}, "makes no sense"),
    ],
    ids=str,
)
async def test_an_announcement_that_makes_no_sense_is_an_error(
    upload: Upload, urls: object, others: dict[str, str], problem: str
) -> None:
    answer = {"urls": urls, "uploadId": "u", "fileName": "f", **others}
    upload.site.app.faults[BEGIN] = lambda _: Fault(status=200, body=json.dumps(answer).encode())
    with pytest.raises(StorageError, match=problem):
        await upload()
    assert upload.site.app.seen[PART] == 0


def senseless(times: int) -> Callable[[int], Fault | None]:
    """Announce an upload with a URL too few so many times."""
    answer = {"urls": {"0": "http://127.0.0.1/"}, "uploadId": "u", "fileName": "f.pt"}
    fault = Fault(status=200, body=json.dumps(answer).encode())
    return lambda before: fault if before < times else None


async def test_after_a_senseless_announcement_another_is_asked_for(upload: Upload) -> None:
    upload.site.app.faults[BEGIN] = senseless(1)
    assert upload.site.result(await upload()) == RESULT
    assert upload.site.app.seen == {BEGIN: 2, PART: 3, COMPLETE: 1}


async def test_senseless_announcements_do_not_keep_a_result_for_ever(upload: Upload, tmp_path: Path) -> None:
    upload.site.app.faults[BEGIN] = senseless(UPLOADS)
    async with remembered(upload, tmp_path / "state") as store:
        with pytest.raises(StorageError, match="gave 1 URL for 3 parts"):
            await upload()
        assert store.uploads.get(JOB_ID) is None
    async with remembered(upload, tmp_path / "state"):  # a restart, and the storage is well again
        assert upload.site.result(await upload()) == RESULT


async def test_a_job_that_is_not_ours_is_rejected(upload: Upload) -> None:
    upload.site.jobs.clear()
    with pytest.raises(StorageRejected, match="is not on the chain"):
        await upload()
    assert upload.site.app.seen[BEGIN] == 1


async def test_a_result_that_is_missing_is_told(upload: Upload) -> None:
    upload.path.unlink()
    with pytest.raises(StorageError, match=r"checkpoint\.pt cannot be read: No such file"):
        await upload()
