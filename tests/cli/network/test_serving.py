"""`network serve` as a program: its services answer, and stop in good order."""

from __future__ import annotations

import io

import pytest

from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.storage.requester import RequesterStorage
from emeth_tui.errors import ExitCode
from emeth_tui.model import JobId
from emeth_tui.protocol.storage_api import SIGNED_GET_URL_PATH
from emeth_tui.settings.profiles import read_profile
from tests.cli.network.serving import serve_file, served
from tests.cli.network.world import World
from tests.devnet.records import signed_call
from tests.loopback import free_port, local_client

pytestmark = [pytest.mark.process, pytest.mark.slow]
JOB_ID = JobId("0x" + "5e" * 16)
TEXT = b"To be, or not to be: that is the question. " * 200


@pytest.fixture
async def url(world: World) -> str:
    """Deploy a network; return where it is to be served."""
    url = f"http://127.0.0.1:{free_port()}"
    await world.people["operator"].output(*world.deploying("--url", url))
    return url


async def test_both_services_answer_at_one_address_and_stop_on_sigterm(world: World, url: str) -> None:
    network = read_profile(world.profile)
    async with served(world, "operator", serve_file(world, url)) as running:
        async with open_transport() as transport, local_client(url) as http:
            storage = RequesterStorage(network, world.people["node"].wallet, transport)
            dataset = await storage.store_dataset(JOB_ID, io.BytesIO(TEXT))
            health = await http.get("/healthz")
            jobs = await http.get("/api/v1/jobs?status=0")
            size = await http.get(f"/api/v1/sizeOf?key=dataset/{dataset}")
            figures = (await http.get("/metrics")).text
        assert running.url == url
        assert (health.status_code, health.json()["status"], jobs.json()) == (200, "ok", [])
        assert size.json() == {"result": len(TEXT)}
        assert 'emeth_network_requests_total{method="PUT",status="200",what="objects"} 1.0' in figures
        assert "emeth_network_block 3.0" in figures
        assert await running.stop() == 0
        lines, text = running.lines(), running.log.read_text("utf-8")

    asked = next(line for line in lines if line["message"] == "GET /healthz 200")
    assert (asked["level"], asked["client"], asked["status"]) == ("info", "127.0.0.1", 200)
    assert "signature=" not in text
    assert (world.directory / "served" / "storage_secret").stat().st_mode & 0o077 == 0


async def test_an_account_has_a_limit_of_its_own(world: World, url: str) -> None:
    calls = {name: signed_call(world.people[name].wallet, JOB_ID) for name in ("node", "other")}
    path = serve_file(world, url, "[limits]\ncalls_per_minute = 1\n")
    async with served(world, "operator", path) as running:
        async with local_client(url) as http:
            first, second, other = [
                await http.post(SIGNED_GET_URL_PATH, json=calls[name]) for name in ("node", "node", "other")
            ]
        assert (first.status_code, second.status_code, other.status_code) == (404, 429, 404)
        assert int(second.headers["retry-after"]) > 0
        assert await running.stop() == 0


async def test_what_cannot_be_served_is_said(world: World, url: str) -> None:
    wrong_path = serve_file(world, url, "verify = true\n")
    wrong = await world.people["other"].run("network", "serve", "--config", str(wrong_path))
    path = serve_file(world, url)
    async with served(world, "operator", path) as running:
        again = await world.people["operator"].run("network", "serve", "--config", str(path))
        assert await running.stop() == 0

    assert wrong.returncode == again.returncode == ExitCode.SERVING
    assert "is not the verifier: the contract names" in wrong.stderr
    assert "a network is served from here already" in again.stderr
