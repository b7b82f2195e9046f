"""Info server, storage and clock: each fault is found behind real HTTP, and named with its remedy."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emeth_tui.clients.wallet import Wallet
from emeth_tui.doctor.finding import Grade
from emeth_tui.doctor.rooms import clock, services, wallet
from emeth_tui.protocol.info_api import JOBS_PATH
from emeth_tui.protocol.storage_api import SIGNED_GET_URL_PATH
from tests.clients.emeth_chain import EmethChain
from tests.clients.emeth_storage import StorageSite
from tests.clients.local_server import LocalServer
from tests.devnet.records import JOB_ID
from tests.doctor.patient import Patient, assert_found, the

EMT = 10**18
INFO, STORAGE = ([check] for check in services.CHECKS)


def listing(*fees_emt: int) -> Starlette:
    """An info server with a job for each fee on offer."""

    async def jobs(_request: Request) -> Response:
        return JSONResponse([entry(number, fee) for number, fee in enumerate(fees_emt)])

    return Starlette(routes=[Route(JOBS_PATH, jobs)])


def entry(number: int, fee_emt: int) -> dict[str, Any]:
    return {
        "id": f"0x{number:032x}",
        "owner": "0x" + "11" * 20,
        "status": 0,
        "datasetPath": "a.txt",
        "datasetSize": 5_000,
        "fee": str(fee_emt * EMT),
        "deadline": 2_000_000_000,
    }


def always(status: int, said: str = "no") -> Starlette:
    """A server that answers everything alike."""

    async def answer(_request: Request) -> Response:
        return JSONResponse({"error": said}, status_code=status)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


@contextmanager
def elsewhen(off_s: float) -> Iterator[str]:
    """Run a server whose clock is off."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(time.time() + off_s, usegmt=True)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def storage(server: LocalServer, chain: EmethChain, tmp_path: Path) -> Iterator[StorageSite]:
    site = StorageSite(tmp_path / "storage", chain.wallet, url_lifetime_s=900)
    with closing(site.database), server.mounted(site.app) as site.url:
        yield site


async def test_an_info_server_with_jobs(server: LocalServer, patient: Patient) -> None:
    with server.mounted(listing(20, 25)) as url:
        results = await patient.with_network(info_url=url).seen_by(INFO)

    assert the(results, "jobs_listed").finding.grade is Grade.OK


async def test_an_info_server_that_breaks(server: LocalServer, patient: Patient) -> None:
    with server.mounted(always(500)) as url:
        results = await patient.with_network(info_url=url).seen_by(INFO)

    assert_found(results, Grade.ERROR, "info_server_down", "ask_operator")


async def test_a_page_in_place_of_the_list(server: LocalServer, patient: Patient) -> None:
    with server.mounted(always(200)) as url:
        results = await patient.with_network(info_url=url).seen_by(INFO)

    assert_found(results, Grade.ERROR, "not_job_list", "ask_operator")


async def test_a_signature_that_the_storage_takes(storage: StorageSite, patient: Patient) -> None:
    """The job is one that it does not know: the signature comes first."""
    results = await patient.with_network(storage_url=storage.url).seen_by(STORAGE)

    assert the(results, "signature_taken").finding.grade is Grade.OK


async def test_a_job_on_offer_is_what_is_asked_for(
    server: LocalServer, storage: StorageSite, patient: Patient
) -> None:
    storage.put_dataset(b"text")
    job = {**entry(0, 20), "id": JOB_ID}

    async def jobs(_request: Request) -> Response:
        return JSONResponse([job])

    with server.mounted(Starlette(routes=[Route(JOBS_PATH, jobs)])) as url:
        results = await patient.with_network(storage_url=storage.url, info_url=url).seen_by(STORAGE)

    the(results, "signature_taken")
    assert storage.app.seen["get url"] == 1


async def test_a_storage_that_refuses_the_signature(server: LocalServer, patient: Patient) -> None:
    with server.mounted(always(401, "this account is not registered")) as url:
        results = await patient.with_network(storage_url=url).seen_by(STORAGE)

    assert_found(results, Grade.ERROR, "signature_refused", "check_clock_and_account")
    assert "not registered" in repr(the(results, "signature_refused"))


async def test_a_storage_that_minds_the_job_and_not_the_signature(
    server: LocalServer, patient: Patient, chain: EmethChain
) -> None:
    asked = 0

    async def answer(request: Request) -> Response:
        nonlocal asked
        asked += 1
        body = await request.json()
        assert "privateKey" not in body
        return JSONResponse({"error": "not your job" if asked == 1 else "bad signature"}, status_code=403)

    with server.mounted(Starlette(routes=[Route(SIGNED_GET_URL_PATH, answer, methods=["POST"])])) as url:
        results = await patient.with_network(storage_url=url).seen_by(STORAGE)

    assert asked == 2
    the(results, "signature_taken")


async def test_an_answer_that_says_nothing_about_the_signature(server: LocalServer, patient: Patient) -> None:
    with server.mounted(always(418)) as url:
        results = await patient.with_network(storage_url=url).seen_by(STORAGE)

    assert_found(results, Grade.WARNING, "signature_undecided", "ask_operator")


@pytest.mark.parametrize(("status", "kind"), [(503, "storage_down"), (404, "not_checked")])
async def test_without_a_wallet_the_storage_is_asked_for_an_answer_alone(
    server: LocalServer, patient: Patient, status: int, kind: str
) -> None:
    patient.wallet = None
    with server.mounted(always(status)) as url:
        results = await patient.with_network(storage_url=url).seen_by(STORAGE)

    the(results, kind)


async def test_a_storage_that_is_down(server: LocalServer, patient: Patient) -> None:
    with server.mounted(always(503)) as url:
        results = await patient.with_network(storage_url=url).seen_by(STORAGE)

    assert_found(results, Grade.ERROR, "storage_down", "ask_operator")


@pytest.mark.parametrize(
    ("fees_emt", "kind", "grade", "remedy"),
    [
        ((20, 25), "offers_affordable", Grade.OK, None),
        ((5, 99), "no_offer_suits", Grade.NOTE, "widen_fees"),
        ((), "no_offer_suits", Grade.NOTE, None),
    ],
)
async def test_what_is_on_offer_against_the_balance(
    server: LocalServer,
    patient: Patient,
    fees_emt: tuple[int, ...],
    kind: str,
    grade: Grade,
    remedy: str | None,
) -> None:
    with server.mounted(listing(*fees_emt)) as url:
        results = await patient.with_network(info_url=url).seen_by(
            [check for check in wallet.CHECKS if check.name == "offers"]
        )

    found = the(results, kind).finding
    assert found.grade is grade
    assert (found.remedy and found.remedy.kind) == remedy


async def test_offers_that_are_too_dear(server: LocalServer, patient: Patient) -> None:
    patient.wallet = Wallet(bytes([77]) * 32)
    with server.mounted(listing(20, 25)) as url:
        results = await patient.with_network(info_url=url).seen_by(
            [check for check in wallet.CHECKS if check.name == "offers"]
        )

    assert_found(results, Grade.WARNING, "offers_too_dear", "send_emt")


@pytest.mark.parametrize(("off_s", "kind"), [(-300, "clock_ahead"), (300, "clock_behind")])
async def test_a_clock_that_is_five_minutes_off(patient: Patient, off_s: int, kind: str) -> None:
    """The storage's time is what counts for a signed call."""
    with elsewhen(off_s) as url:
        results = await patient.with_network(storage_url=url).seen_by(clock.CHECKS)

    assert_found(results, Grade.ERROR, kind, "set_clock")


async def test_a_clock_that_agrees(storage: StorageSite, patient: Patient) -> None:
    results = await patient.with_network(storage_url=storage.url, info_url=storage.url).seen_by(clock.CHECKS)

    assert {result.finding.grade for result in results} == {Grade.OK}


async def test_a_chain_of_the_future_tells_a_clock_that_is_behind(
    chain: EmethChain, patient: Patient
) -> None:
    head = {"number": "0x10", "hash": "0x" + "1" * 64, "timestamp": hex(int(time.time()) + 300)}
    chain.app.hooks["eth_getBlockByNumber"] = lambda call: {"result": head}

    results = await patient.seen_by(clock.CHECKS)

    assert_found(results, Grade.ERROR, "clock_behind", "set_clock")
