"""What a verifier downloads: what it takes for "it is not in storage", and what is left of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from emeth_tui.errors import StorageError, StorageRejected
from emeth_tui.network.services.http_service import HttpService
from emeth_tui.network.verification.downloads import fetch, signed_call
from emeth_tui.network.verification.examiner import Submission
from emeth_tui.network.verification.judging import Examination
from emeth_tui.network.verification.result_check import ResultCheck
from emeth_tui.notices.reasons.local.bots import ResultOfJob
from tests.devnet.records import JOB_ID, new_wallet
from tests.loopback import local_client

ANSWERS: Mapping[str, Response] = {
    "/services": JSONResponse({"error": "the job's result is not in storage"}, 404),
    "/proxy": HTMLResponse("<h1>404 Not Found</h1>", 404),
    "/gateway": JSONResponse({"message": "no route matched"}, 404),
    "/number": JSONResponse(404, 404),
    "/lost": JSONResponse({"error": "the storage has lost what it had stored"}, 503),
}


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async def answer(request: Request) -> Response:
        return ANSWERS[request.url.path]

    service = HttpService("test", Starlette(routes=[Route("/{name}", answer, methods=["GET", "POST"])]))
    await service.start()
    async with local_client(service.url) as client:
        yield client
    await service.stop()


async def test_the_services_say_that_there_is_no_such_object(http: httpx.AsyncClient) -> None:
    with pytest.raises(StorageRejected, match="is not in storage"):
        await signed_call(http, "/services", new_wallet(), JOB_ID)


@pytest.mark.parametrize("path", ["/proxy", "/gateway", "/number", "/lost"])
async def test_others_do_not_say_so(http: httpx.AsyncClient, path: str) -> None:
    with pytest.raises(StorageError, match="answers with HTTP status") as raised:
        await signed_call(http, path, new_wallet(), JOB_ID)

    assert not isinstance(raised.value, StorageRejected)


async def test_what_was_there_a_moment_ago_is_not_missing(http: httpx.AsyncClient, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="answers with HTTP status 404") as raised:
        await fetch(http, "/services", tmp_path / "result", max_bytes=100, what=ResultOfJob(JOB_ID))

    assert not isinstance(raised.value, StorageRejected)


async def test_what_a_killed_verifier_had_downloaded_is_removed(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    left = tmp_path / "verifier" / JOB_ID / "result.pt"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"weights of a job that another process has verified meanwhile")

    ResultCheck(new_wallet(), http, no_examiner, verification_key="key", work_dir=tmp_path / "verifier")

    assert not list((tmp_path / "verifier").iterdir())


async def no_examiner(submission: Submission) -> Examination:
    raise NotImplementedError(submission)
