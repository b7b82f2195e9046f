"""Downloading a dataset from a real storage over HTTP: cut, expired, lying, endless."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import logging
import random
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.clients.http.connections import MAX_REDIRECTS
from emeth_tui.clients.http.stall import StallLimit
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.storage import part_file
from emeth_tui.clients.storage.client import API_LIMITS, StorageClient
from emeth_tui.clients.storage.download import FAILURES_WITHOUT_PROGRESS, WRITE_BYTES
from emeth_tui.clients.storage.part_file import PartFile
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import DiskFull, JobError, StorageError, StorageRejected
from tests.clients.emeth_storage import GET_URL, OBJECT, SIZE, Fault, StorageSite, network_at, storage_site
from tests.clients.local_server import QUICK_RETRY
from tests.clients.names import Names
from tests.devnet.records import JOB_ID

DATASET = random.Random(1).randbytes(1_000_000)
CUT = 300_000


@dataclass
class Download:
    """A client on a storage, and where the dataset goes."""

    site: StorageSite
    client: StorageClient
    path: Path
    progress: list[tuple[int, int]] = field(default_factory=list)
    max_bytes: int = 10_000_000

    async def __call__(self) -> int:
        name = self.site.jobs[JOB_ID].dataset
        return await self.client.download(
            JOB_ID, name, self.path, max_bytes=self.max_bytes, on_progress=self._note
        )

    def _note(self, done: int, total: int) -> None:
        self.progress.append((done, total))

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.path.parent.iterdir() if path != self.path)


@pytest.fixture
async def download(tmp_path: Path) -> AsyncIterator[Download]:
    wallet = Wallet(b"\x07" * 32)
    async with storage_site(tmp_path / "storage", wallet) as (site, network):
        site.put_dataset(DATASET)
        (tmp_path / "job").mkdir()
        async with open_transport(QUICK_RETRY) as transport:
            client = StorageClient(network, wallet, transport)
            yield Download(site, client, tmp_path / "job" / "dataset.txt")


def first(times: int, fault: Fault) -> Callable[[int], Fault | None]:
    """Let the first so many requests of a kind fail."""
    return lambda before: fault if before < times else None


async def test_a_dataset_arrives_whole(download: Download) -> None:
    assert await download() == len(DATASET)
    assert download.path.read_bytes() == DATASET
    assert download.leftovers() == []
    assert download.progress[-1] == (len(DATASET), len(DATASET))
    assert [done for done, _ in download.progress] == sorted(done for done, _ in download.progress)


async def test_presigned_urls_are_not_logged(download: Download, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        download.site.app.faults[OBJECT] = first(1, Fault(cut_after=CUT))
        await download()
    assert "trying again" in caplog.text
    assert "signature" not in caplog.text


async def test_an_empty_dataset_is_an_empty_file(download: Download) -> None:
    download.site.put_dataset(b"")
    assert await download() == 0
    assert download.path.read_bytes() == b""


async def test_a_cut_connection_is_gone_on_from_the_byte_where_it_broke(download: Download) -> None:
    download.site.app.faults[OBJECT] = first(2, Fault(cut_after=CUT))
    await download()
    assert download.path.read_bytes() == DATASET
    assert download.site.app.ranges == ["", f"bytes={CUT}-", f"bytes={2 * CUT}-"]
    assert download.site.app.seen[GET_URL] == 3  # a fresh URL each time


async def test_a_broken_download_is_gone_on_from_by_the_next_one(download: Download) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(cut_after=100)
    with pytest.raises(StorageError, match=r"given up after 7 failures in a row.*broke off"):
        await download()
    assert not download.path.exists()
    kept = download.path.with_name("dataset.txt.part").stat().st_size
    assert kept == 700

    download.site.app.faults.clear()
    download.site.app.ranges.clear()
    await download()
    assert download.site.app.ranges == [f"bytes={kept}-"]
    assert download.path.read_bytes() == DATASET
    assert download.leftovers() == []


async def test_a_part_from_before_a_power_cut_is_not_trusted(
    download: Download, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(cut_after=100)
    with pytest.raises(StorageError):
        await download()
    (tmp_path / "boot_id").write_text("another run of the machine\n")
    monkeypatch.setattr(part_file, "_BOOT_ID", tmp_path / "boot_id")
    download.site.app.faults.clear()
    download.site.app.ranges.clear()
    await download()
    assert download.site.app.ranges == [""]


async def test_progress_resets_the_count_of_failures(download: Download) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(cut_after=100_000)
    await download()
    assert download.path.read_bytes() == DATASET
    assert download.site.app.seen[OBJECT] == 10


async def test_a_server_that_ignores_the_range_is_read_from_the_start(download: Download) -> None:
    faults = [Fault(cut_after=CUT), Fault(ignore_range=True)]
    download.site.app.faults[OBJECT] = lambda before: faults[before]
    await download()
    assert download.path.read_bytes() == DATASET
    assert download.site.app.seen[OBJECT] == 2


async def test_another_range_than_asked_for_is_not_taken(download: Download) -> None:
    wrong = Fault(headers={"Content-Range": f"bytes {CUT + 1}-{len(DATASET) - 1}/{len(DATASET)}"})
    unnamed = Fault(headers={"Content-Range": "bytes"})
    faults = dict(enumerate([Fault(cut_after=CUT), wrong, unnamed]))
    download.site.app.faults[OBJECT] = faults.get
    await download()
    assert download.path.read_bytes() == DATASET


async def test_a_dataset_replaced_meanwhile_is_read_from_the_start(download: Download) -> None:
    replaced = bytes(reversed(DATASET))

    def replace_after_cut(before: int) -> Fault | None:
        if before == 1:
            download.site.put_dataset(replaced)
        return Fault(cut_after=CUT) if before == 0 else None

    download.site.app.faults[OBJECT] = replace_after_cut
    await download()
    assert download.path.read_bytes() == replaced


async def test_a_range_beyond_the_end_starts_over(download: Download) -> None:
    faults = dict(enumerate([Fault(cut_after=CUT), Fault(status=416)]))
    download.site.app.faults[OBJECT] = faults.get
    await download()
    assert download.path.read_bytes() == DATASET
    assert download.site.app.ranges[-1] == ""


async def test_an_expired_url_is_asked_for_afresh(download: Download) -> None:
    download.site.app.faults[OBJECT] = first(2, Fault(status=403, body=b"Request has expired"))
    await download()
    assert download.path.read_bytes() == DATASET
    assert download.site.app.seen[GET_URL] == 3


async def test_urls_that_are_always_refused_are_given_up(download: Download) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(status=403)
    with pytest.raises(StorageRejected, match=r"given up after 7 failures in a row.*refuses a fresh URL"):
        await download()


async def test_a_dataset_that_is_gone_is_not_asked_for_again(download: Download) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(status=404)
    with pytest.raises(StorageRejected, match="HTTP status 404"):
        await download()
    assert download.site.app.seen[OBJECT] == 1


async def test_more_than_allowed_is_refused_before_the_first_byte(download: Download) -> None:
    download.max_bytes = len(DATASET) - 1
    with pytest.raises(StorageError, match="has 1,000,000 bytes, more than 999,999"):
        await download()
    assert download.site.app.seen[OBJECT] == 0


@pytest.mark.parametrize("announced", [len(DATASET) - 1, len(DATASET) + 1])
async def test_another_size_than_announced_is_given_up(download: Download, announced: int) -> None:
    size = json.dumps({"result": announced}).encode()
    download.site.app.faults[SIZE] = lambda _: Fault(status=200, body=size)
    with pytest.raises(StorageError, match=f"sends 1,000,000 bytes instead of {announced:,}"):
        await download()
    assert not download.path.exists()


async def test_a_server_that_streams_for_ever_is_stopped(download: Download) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(endless=True)
    with pytest.raises(StorageError, match="sends more than the 1,000,000 bytes announced"):
        await download()
    assert not download.path.exists()


PAGE = b"<!doctype html><title>Log in to this network</title>"


@pytest.mark.parametrize(
    "answer",
    [
        Fault(status=200, body=PAGE, headers={"Content-Type": "text/html; charset=utf-8"}),
        Fault(status=200, body=PAGE),
        Fault(status=200, body=PAGE * 30_000, headers={"Content-Type": "text/html"}),
        Fault(cut_after=CUT, headers={"ETag": "", "Last-Modified": ""}),
        Fault(endless=True),
        Fault(status=302, headers={"Location": "http://elsewhere.example/login"}),
        Fault(status=403, body=b"Request has expired"),
    ],
    ids=["page", "untyped page", "long page", "cut and of no identity", "endless", "portal", "expired"],
)
async def test_one_bad_answer_is_made_good_by_a_fresh_url(download: Download, answer: Fault) -> None:
    download.site.app.faults[OBJECT] = lambda before: answer if before in {0, 2} else None
    if answer.status == 302:
        with pytest.raises(StorageError, match="sends us on to another host"):
            await download()
    await download()
    assert download.path.read_bytes() == DATASET
    assert download.site.app.seen[GET_URL] == download.site.app.seen[OBJECT] == 2
    assert download.leftovers() == []


async def test_a_page_of_no_announced_length_leaves_nothing_in_the_file(
    download: Download, caplog: pytest.LogCaptureFixture
) -> None:
    """Without its length, only its type tells a page from a dataset that breaks off."""
    page = Fault(endless=True, headers={"Content-Type": "text/html", "ETag": "", "Last-Modified": ""})
    download.site.app.faults[OBJECT] = first(1, page)
    with caplog.at_level(logging.INFO):
        await download()
    assert "sent a page (text/html) instead of the dataset" in caplog.text
    assert download.path.read_bytes() == DATASET


async def test_a_dataset_that_is_a_page_itself_is_taken(download: Download) -> None:
    download.site.put_dataset(PAGE)
    download.site.app.faults[OBJECT] = lambda _: Fault(headers={"Content-Type": "text/html"})
    assert await download() == len(PAGE)
    assert download.path.read_bytes() == PAGE


async def test_two_answers_of_no_identity_are_never_joined(download: Download) -> None:
    """A dataset half from one object and half from another has the right length and the wrong hash."""
    other = bytes(reversed(DATASET))
    nameless = {"ETag": "", "Last-Modified": ""}

    def replace_after_cut(before: int) -> Fault | None:
        if before == 1:
            download.site.put_dataset(other)
        return Fault(cut_after=CUT if before == 0 else None, headers=nameless)

    download.site.app.faults[OBJECT] = replace_after_cut
    await download()
    assert download.path.read_bytes() == other
    assert download.site.app.ranges == ["", ""]


async def test_a_dripping_server_is_given_up(download: Download) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(drips=True)
    async with open_transport(QUICK_RETRY, StallLimit(window_s=0.1)) as transport:
        network = network_at(download.site.url)
        download.client = StorageClient(network, download.site.wallet, transport)
        with pytest.raises(StorageError, match=r"given up after 7 failures in a row.*moved in 0 s"):
            await download()


async def test_a_dripping_server_of_the_api_is_given_up(download: Download) -> None:
    for kind in (SIZE, GET_URL):
        download.site.app.faults = {kind: lambda _: Fault(drips=True)}
        async with open_transport(replace(QUICK_RETRY, patience_s=0.0)) as transport:
            network = network_at(download.site.url)
            limits = replace(API_LIMITS, deadline_s=0.1)
            download.client = StorageClient(network, download.site.wallet, transport, limits)
            with pytest.raises(StorageError, match="does not answer: not done after 0 s"):
                await download()
        assert download.site.app.seen[kind] <= 1  # none where another took all the time


async def test_a_download_ends_with_its_time(download: Download) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(drips=True)
    with pytest.raises(StorageError, match="storage: not done after 0 s"):
        await download.client.download(
            JOB_ID,
            download.site.jobs[JOB_ID].dataset,
            download.path,
            max_bytes=download.max_bytes,
            longest_s=0.2,
        )
    part = download.path.with_name("dataset.txt.part")
    assert not part.exists() or part.stat().st_size < 100


async def test_a_compressed_answer_is_not_unpacked(download: Download) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(headers={"Content-Encoding": "gzip"})
    with pytest.raises(StorageError, match="sent gzip, and was asked not to"):
        await download()


async def test_a_connection_that_stalls_is_broken_off_and_gone_on_from(download: Download) -> None:
    download.site.app.faults[OBJECT] = first(3, Fault(cut_after=CUT, stalls=True))
    async with open_transport(QUICK_RETRY, StallLimit(window_s=0.3)) as transport:
        network = network_at(download.site.url)
        download.client = StorageClient(network, download.site.wallet, transport)
        await download()
    assert download.path.read_bytes() == DATASET
    assert download.site.app.seen[OBJECT] >= 4


async def test_a_server_that_never_begins_to_answer_is_given_up(download: Download) -> None:
    download.site.app.faults[OBJECT] = lambda _: Fault(cut_after=0, stalls=True)
    async with open_transport(QUICK_RETRY, StallLimit(window_s=0.02)) as transport:
        network = network_at(download.site.url)
        download.client = StorageClient(network, download.site.wallet, transport)
        with pytest.raises(StorageError, match=r"only 0 B moved in 0 s"):
            await download()
    assert download.site.app.seen[OBJECT] <= 1 + FAILURES_WITHOUT_PROGRESS


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "//x", "http://[::1"])
async def test_only_http_urls_are_followed(download: Download, url: str) -> None:
    answer = json.dumps({"url": url}).encode()
    download.site.app.faults[GET_URL] = lambda _: Fault(status=200, body=answer)
    with pytest.raises(StorageError, match="an invalid URL came back"):
        await download()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://user:pass@127.0.0.1/x", "a URL with a user in it"),
        ("http://10.1.2.3/x", "10.1.2.3: that is not a public address"),
        ("http://169.254.169.254/latest/meta-data", "not a public address"),
    ],
)
async def test_a_url_that_leads_into_our_own_network_is_not_followed(
    download: Download, url: str, problem: str
) -> None:
    answer = json.dumps({"url": url}).encode()
    download.site.app.faults[GET_URL] = lambda _: Fault(status=200, body=answer)
    with pytest.raises(StorageError, match=problem) as caught:
        await download()
    assert "pass" not in str(caught.value)


async def test_no_name_leads_into_our_own_network(download: Download, names: Names) -> None:
    names["objects.example"] = itertools.repeat(["10.0.0.1"])
    answer = json.dumps({"url": "https://objects.example/x"}).encode()
    download.site.app.faults[GET_URL] = lambda _: Fault(status=200, body=answer)
    with pytest.raises(StorageError, match=r"leads to objects\.example, 10\.0\.0\.1"):
        await download()


async def test_redirects_are_followed_a_few_times_only(download: Download) -> None:
    loop = Fault(status=302, headers={"Location": "/objects/dataset/x"})
    download.site.app.faults[OBJECT] = lambda _: loop
    with pytest.raises(StorageError, match=r"(?i)redirect"):
        await download()
    assert download.site.app.seen[OBJECT] == 1 + MAX_REDIRECTS


async def test_a_file_system_without_room_is_told_before_the_download(
    download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 5_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=r"its dataset needs 1\.0 MB and 5\.0 MB are free in"):
        await download()
    assert download.site.app.seen[OBJECT] == 0


async def test_a_disk_that_fills_up_is_told_and_given_back(
    download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_self: PartFile, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PartFile, "append", no_room)
    with pytest.raises(DiskFull, match="no room left for its dataset in"):
        await download()
    assert download.leftovers() == []


async def test_a_directory_that_is_missing_is_told(download: Download) -> None:
    download.path = download.path.parent / "missing" / "dataset.txt"
    with pytest.raises(StorageError, match=r"cannot be written to .*missing/dataset\.txt: No such file"):
        await download()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", "..", "x\n"])
async def test_a_dataset_name_is_a_plain_file_name(download: Download, name: str) -> None:
    with pytest.raises(JobError, match="not named by a plain file name"):
        await download.client.size_of(name)
    assert download.site.app.seen[SIZE] == 0


async def test_a_dataset_that_is_not_there_is_rejected_at_once(download: Download) -> None:
    with pytest.raises(
        StorageRejected,
        match=r"storage at .* refuses .HTTP status 404.*no such dataset",
    ):
        await download.client.size_of("nothing.txt")
    assert download.site.app.seen[SIZE] == 1


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(status=429), Fault(lose_answer=True)], ids=str)
async def test_a_call_is_repeated_while_the_storage_is_busy(download: Download, fault: Fault) -> None:
    download.site.app.faults[SIZE] = first(4, fault)
    assert await download.client.size_of(download.site.jobs[JOB_ID].dataset) == len(DATASET)
    assert download.site.app.seen[SIZE] == 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"result": -1}',
        b'{"result": "many"}',
        b"\xff",
        b"[" * 100_000,
        b'{"result": 1e99}',
        b'{"result": 9007199254740993}',
        b'{"result": 1%s}' % (b"0" * 400),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_error(download: Download, body: bytes) -> None:
    download.site.app.faults[SIZE] = lambda _: Fault(status=200, body=body)
    with pytest.raises(StorageError, match="makes no sense"):
        await download.client.size_of("a.txt")


async def test_an_answer_without_end_is_cut_off(download: Download) -> None:
    download.site.app.faults[SIZE] = lambda _: Fault(endless=True)
    with pytest.raises(StorageError, match=r"more than 4\.0 MB"):
        await download.client.size_of(download.site.jobs[JOB_ID].dataset)


async def test_a_refused_signature_points_at_the_clock(
    download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_hour_off: Any = lambda: 1_000_000_000  # noqa: E731
    monkeypatch.setattr("time.time_ns", an_hour_off)
    with pytest.raises(StorageRejected, match=r"older than 60 s.*clock"):
        await download()


async def test_cancelled_in_the_middle_of_a_write_the_part_is_a_clean_beginning(
    download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = DATASET * 5
    download.site.put_dataset(content)
    writing, go_on = threading.Event(), threading.Event()
    honest_append = PartFile.append

    def slow_append(self: PartFile, data: bytes) -> None:
        if threading.current_thread() is not threading.main_thread():
            writing.set()
            go_on.wait(20)
        honest_append(self, data)

    monkeypatch.setattr(PartFile, "append", slow_append)
    task = asyncio.create_task(download())
    await asyncio.to_thread(writing.wait, 20)
    task.cancel()
    await asyncio.wait([task], timeout=0.05)
    assert not task.done()  # the thread has the file
    go_on.set()
    await asyncio.wait([task])
    assert task.cancelled()

    kept = download.path.with_name("dataset.txt.part").read_bytes()
    assert len(kept) >= WRITE_BYTES
    assert content.startswith(kept)
    download.site.app.ranges.clear()
    await download()
    assert download.site.app.ranges == [f"bytes={len(kept)}-"]
    assert download.path.read_bytes() == content
