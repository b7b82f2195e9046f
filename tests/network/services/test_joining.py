"""A client that has waited too long for a completion asks again, while the parts are being joined."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from emeth_tui.network.objects import directory
from emeth_tui.network.objects.store import RESULTS
from emeth_tui.protocol.storage_api import COMPLETE_UPLOAD_PATH
from tests.devnet.records import JOB_ID
from tests.network.servers.parts import embedded
from tests.network.services.site import Site, running_site

HANGS_S = 30


class Joins:
    """Holds the first join before its result gets its name, and the second in its first part."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.first_is_written, self._second_began = threading.Event(), threading.Event()
        self._first_is_done = threading.Event()
        self._copy, self._place = shutil.copyfileobj, directory.put_in_place
        monkeypatch.setattr(shutil, "copyfileobj", self._copied)
        monkeypatch.setattr(directory, "put_in_place", self._placed)

    def _copied(self, *args: Any) -> None:
        if self.first_is_written.is_set():
            self._second_began.set()
            assert self._first_is_done.wait(HANGS_S)
        self._copy(*args)

    def _placed(self, temporary: Path, path: Path) -> None:
        if path.parent.name == RESULTS and not self.first_is_written.is_set():
            self.first_is_written.set()
            assert self._second_began.wait(HANGS_S)
        self._place(temporary, path)

    async def second_goes_on_after(self, first: asyncio.Task[httpx.Response]) -> None:
        await first
        self._first_is_done.set()


async def test_a_completion_that_is_asked_for_twice_at_once_leaves_the_result_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with embedded(tmp_path) as parts:
        async with running_site(parts) as site:
            content, body = await _sent(site)
            joins = Joins(monkeypatch)

            first = asyncio.create_task(site.post(COMPLETE_UPLOAD_PATH, body))
            assert await asyncio.to_thread(joins.first_is_written.wait, HANGS_S)
            second = asyncio.create_task(site.post(COMPLETE_UPLOAD_PATH, body))
            await joins.second_goes_on_after(first)

            statuses = [(await one).status_code for one in (first, second)]
            (result,) = await site.kept()
            assert statuses == [200, 200]
            assert (tmp_path / "storage/objects" / result.handle).read_bytes() == content


async def _sent(site: Site) -> tuple[bytes, dict[str, object]]:
    """Send an upload of two parts; return what was sent, and the call that completes it."""
    begun = await site.begin_upload(2)
    urls = begun["urls"]
    assert isinstance(urls, dict)
    contents = [b"a" * site.part_bytes, b"b" * site.part_bytes]
    answers = [await site.http.put(urls[str(index)], content=part) for index, part in enumerate(contents)]
    etags = [answer.headers["ETag"] for answer in answers]
    parts = [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(etags, start=1)]
    body = {"jobId": JOB_ID, "address": site.node.address, "uploadId": begun["uploadId"]}
    return b"".join(contents), {**body, "extension": ".pt", "parts": parts}
