"""`network serve` as a program over both kinds of parts: killed, stopped, and run twice at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from emeth_tui.clients.wallet import Wallet
from emeth_tui.model import JobId
from emeth_tui.protocol.info_api import JOBS_PATH
from emeth_tui.protocol.storage_api import PART_BYTES, SIGNED_GET_URL_PATH
from emeth_tui.settings.profiles import read_profile
from tests.cli.network.serving import Served, sections_of, serve_file, served
from tests.cli.network.trader import Trader, trader
from tests.cli.network.world import World
from tests.devnet.records import new_wallet, signed_call
from tests.loopback import free_port, local_client
from tests.network.servers.grown import GrownServers
from tests.network.servers.postgres import PASSWORD
from tests.network.servers.seaweed import ACCESS_KEY, SECRET_KEY

pytestmark = [pytest.mark.slow, pytest.mark.process]
FIRST, SECOND = JobId("0x" + "5e" * 16), JobId("0x" + "6f" * 16)
TEXT = b"To be, or not to be: that is the question. " * 20_000


@dataclass(frozen=True, slots=True)
class Place:
    """A deployed network that is to be served at a URL, over some parts."""

    world: World
    url: str
    sections: str

    @property
    def operator(self) -> Wallet:
        return self.world.people["operator"].wallet

    def file(self) -> Path:
        return serve_file(self.world, self.url, self.sections)


@pytest.fixture(params=["embedded", "grown"])
async def place(world: World, request: pytest.FixtureRequest) -> Place:
    url, sections = f"http://127.0.0.1:{free_port()}", ""
    if request.param == "grown":
        servers: GrownServers = request.getfixturevalue("grown_servers")
        servers.empty()
        sections = sections_of(servers, world.directory)
    await world.people["operator"].output(*world.deploying("--url", url))
    return Place(world, url, sections)


@pytest.fixture
async def party(place: Place) -> AsyncIterator[Trader]:
    async with trader(read_profile(place.world.profile), place.operator) as made:
        yield made


async def test_killed_in_the_middle_it_loses_nothing(place: Place, party: Trader, tmp_path: Path) -> None:
    result = tmp_path / "result.pt"
    result.write_bytes(os.urandom(PART_BYTES * 2 + 5_000_000))
    is_half_sent = asyncio.Event()

    def on_progress(sent: int, size: int) -> None:
        if sent > size / 2:
            is_half_sent.set()

    async with served(place.world, "operator", place.file()) as first:
        await party.request(FIRST, TEXT, private=True)
        await party.claim(FIRST)
        uploading = asyncio.create_task(party.upload(FIRST, result, on_progress))
        await is_half_sent.wait()
        await first.kill()
    async with served(place.world, "operator", place.file()) as second:
        name = await uploading
        await party.send("submit", FIRST, name)
        async with local_client(place.url) as http:
            stranger = await http.post(SIGNED_GET_URL_PATH, json=signed_call(new_wallet(), FIRST))
            listed = (await http.get(f"{JOBS_PATH}/{FIRST}")).json()

        assert await party.dataset(FIRST) == TEXT
        assert await party.result(FIRST) == result.read_bytes()
        assert stranger.status_code == 403  # it is still private
        assert (listed["id"], listed["datasetSize"]) == (FIRST, len(TEXT))
        assert await second.stop() == 0
    log = second.log.read_text("utf-8")
    assert not [secret for secret in (SECRET_KEY, PASSWORD, "Signature") if secret in log]


async def test_a_stop_lets_what_is_under_way_arrive(place: Place, party: Trader) -> None:
    async with served(place.world, "operator", place.file()) as running:
        await party.request(FIRST, TEXT)
        has_begun, goes_on = asyncio.Event(), asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            call = signed_call(party.wallet, FIRST)
            text = str(call).replace("'", '"').encode()
            yield text[:20]
            has_begun.set()
            await goes_on.wait()
            yield text[20:]

        async with local_client(place.url) as http:
            asking = asyncio.create_task(http.post(SIGNED_GET_URL_PATH, content=body()))
            await has_begun.wait()
            running.process.send_signal(signal.SIGTERM)
            while "stopping" not in running.log.read_text("utf-8"):  # noqa: ASYNC110 - files tell no events
                await asyncio.sleep(0.01)
            goes_on.set()
            answer = await asking

        assert answer.status_code == 200
        assert await running.stop_is_over() == 0


@pytest.mark.parametrize("place", ["grown"], indirect=True)
async def test_two_serve_one_network_at_once(
    place: Place, party: Trader, grown_servers: GrownServers, tmp_path: Path
) -> None:
    other_url = f"http://127.0.0.1:{free_port()}"
    text = elsewhere(place.file(), place.url, other_url)
    for key in ("access_key_file", "secret_key_file", "password_file"):
        text = "\n".join(line for line in text.splitlines() if not line.startswith(key))
    other_file = tmp_path / "other.toml"
    other_file.write_text(text, "utf-8")
    secrets = {
        "EMETH_SERVE_S3_ACCESS_KEY": ACCESS_KEY,
        "EMETH_SERVE_S3_SECRET_KEY": SECRET_KEY,
        "EMETH_SERVE_POSTGRES_PASSWORD": PASSWORD,
    }
    network = read_profile(place.world.profile).model_copy(update={"storage_url": other_url})
    result = tmp_path / "result.pt"
    result.write_bytes(b"weights" * 1_000)
    async with (
        served(place.world, "operator", place.file()) as one,
        served(place.world, "operator", other_file, secrets) as other,
        trader(network, place.operator) as through_other,
    ):
        environment = environment_of(other.process.pid)
        await party.request(FIRST, TEXT)
        await through_other.request(SECOND, TEXT[::-1])
        await party.claim(FIRST)
        name = await through_other.upload(FIRST, result, lambda _sent, _size: None)
        await party.send("submit", FIRST, name)

        assert SECRET_KEY.encode() not in environment
        assert await through_other.dataset(FIRST) == TEXT
        assert await party.dataset(SECOND) == TEXT[::-1]
        assert await party.result(FIRST) == result.read_bytes()
        for url in (place.url, other_url):
            await both_listed(url)
        assert await one.stop() == await other.stop() == 0


@pytest.mark.parametrize("place", ["grown"], indirect=True)
async def test_of_two_that_serve_one_network_one_verifies(place: Place, tmp_path: Path) -> None:
    verifying = replace(place, sections=f"verify = true\n{place.sections}")
    other_url = f"http://127.0.0.1:{free_port()}"
    other_file = place.world.directory / "other.toml"
    other_file.write_text(elsewhere(verifying.file(), place.url, other_url), "utf-8")
    async with served(place.world, "operator", verifying.file()) as one:
        refused = await place.world.people["operator"].run("network", "serve", "--config", str(other_file))
        key = (place.world.directory / "served" / "verification_key").read_bytes()
        (place.world.directory / "served too" / "verification_key").write_bytes(key)
        async with served(place.world, "operator", other_file) as other:
            await said(other, "another process verifies", times=1)
            await said(other, "this process verifies", times=1)
            await one.kill()
            await said(other, "this process verifies", times=2)

            assert await other.stop() == 0
    assert "another process verifies this network with another key" in refused.stderr


async def said(served: Served, words: str, *, times: int) -> None:
    """Wait until the processes have logged a line so often."""
    while served.log.read_text("utf-8").count(words) < times:  # noqa: ASYNC110 - files tell no events
        await asyncio.sleep(0.05)


def elsewhere(path: Path, url: str, other_url: str) -> str:
    """Return the file of a service with another address and state."""
    text = path.read_text("utf-8").replace(url[7:], other_url[7:])
    return text.replace('"served"', '"served too"')


def environment_of(pid: int) -> bytes:
    """Return the environment as the kernel shows it."""
    return Path(f"/proc/{pid}/environ").read_bytes()


async def both_listed(url: str) -> None:
    """Wait until a service lists both jobs: it lags a little behind the chain."""
    async with local_client(url) as http:
        while {job["id"] for job in (await http.get(JOBS_PATH)).json()} != {FIRST, SECOND}:  # noqa: ASYNC110 - HTTP tells no events
            await asyncio.sleep(0.05)
