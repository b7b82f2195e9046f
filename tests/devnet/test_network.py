"""The devnet as a whole: how others join it, what is kept, what is cleaned up."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.wallet import Wallet, load_wallet
from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import kept_keys
from emeth_tui.devnet.bots.plan import Planner
from emeth_tui.devnet.bots.texts import load_corpus
from emeth_tui.devnet.faults import Faults
from emeth_tui.devnet.network import Devnet
from emeth_tui.devnet.options import CHAIN_ID, DevnetOptions
from emeth_tui.errors import DevnetError, ServiceError
from emeth_tui.model import Language, token_to_wei
from emeth_tui.network.account import Account
from emeth_tui.network.services.http_service import bind_loopback
from emeth_tui.protocol.contracts import JobStatus
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.protocol.storage_api import SIZE_OF_PATH
from emeth_tui.settings import find_password, load_network, load_settings
from tests.devnet.parties import LIMIT_S, Parties, wait_for_open
from tests.loopback import local_client

MakeDevnet = Callable[..., Devnet]


@pytest.fixture
async def make_devnet() -> AsyncIterator[MakeDevnet]:
    """Make devnets without verifier and rival; they are stopped at the end."""
    made: list[Devnet] = []

    def make(**options: Any) -> Devnet:
        quiet = {"with_verifier": False, "with_rival": False, "open_errands": 0}
        quick = {"poll_interval_s": 0.05, "block_interval_s": 0}
        made.append(Devnet(DevnetOptions(**{**quiet, **quick, **options})))
        return made[-1]

    yield make
    for devnet in made:
        await devnet.stop()


@pytest.mark.slow
async def test_a_node_joins_with_the_settings_file_alone(make_devnet: MakeDevnet, tmp_path: Path) -> None:
    info = await make_devnet(state_dir=tmp_path / "state", with_requester=False).start()

    settings = load_settings(info.node_settings, environment={})
    network = load_network(settings, environment={})
    password = find_password({}, settings.wallet)
    assert password is not None
    wallet = load_wallet(settings.keystore_path, password)
    chain = await ChainClient.connect(network)
    balances = await chain.balances(wallet.address)
    await chain.close()

    assert wallet.address == info.operator_address
    assert balances.emt_wei == token_to_wei(200)
    assert balances.native_wei == token_to_wei(1_000)
    assert (network.storage_url, network.info_url) == (info.storage_url, info.info_url)
    assert network.verification_key.get_secret_value() == info.verification_key
    assert network.models == {Language.EN: "devnet-small", Language.JA: "devnet-small"}
    assert network.chain_id == CHAIN_ID
    assert settings.cache.directory is settings.state.directory is None


def test_the_chain_id_is_the_profiles() -> None:
    profile = load_settings(overrides={"network": "devnet"}, environment={})
    addresses = {
        "core_address": "0x" + "11" * 20,
        "token_address": "0x" + "22" * 20,
        **dict.fromkeys(("rpc_urls", "storage_url", "info_url"), "http://127.0.0.1:1"),
        "verification_key": "key",
    }

    network = load_network(profile.model_copy(update={"networks": {"devnet": addresses}}), environment={})

    assert network.chain_id == CHAIN_ID


@pytest.mark.slow
async def test_outside_tools_join_with_the_description(make_devnet: MakeDevnet, tmp_path: Path) -> None:
    devnet = make_devnet(state_dir=tmp_path, with_requester=False)
    info = await devnet.start()

    described = json.loads(info.description.read_text("utf-8"))

    async with local_client() as http:
        call = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        answer = (await http.post(described["rpc_urls"][0], json=call)).json()
        jobs = (await http.get(described["info_url"] + "/api/v1/jobs")).json()
        no_dataset = await http.get(described["storage_url"] + SIZE_OF_PATH, params={"key": "dataset/x"})
    assert int(answer["result"], 16) == described["chain_id"] == 60_001
    assert (jobs, no_dataset.status_code) == ([], 404)
    assert len(described["test_accounts"]) >= 2
    for account in described["test_accounts"]:
        assert Wallet(bytes.fromhex(account["private_key"][2:])).address == account["address"]
        assert (await devnet.chain.balances(account["address"])).emt_wei == token_to_wei(1_000)


@pytest.mark.slow
async def test_files_with_secrets_are_private_and_reprs_hold_none(
    make_devnet: MakeDevnet, tmp_path: Path
) -> None:
    info = await make_devnet(state_dir=tmp_path / "state").start()

    files = [path for path in info.state_dir.rglob("*") if path.is_file()]
    described = json.loads(info.description.read_text("utf-8"))
    secrets = [info.verification_key, *(account["private_key"] for account in described["test_accounts"])]

    assert {"accounts.json", "devnet.json", "node.toml", "password", "keystore.json"} <= {
        f.name for f in files
    }
    holding = [path for path in files if any(secret.encode() in path.read_bytes() for secret in secrets)]
    assert {path.name for path in holding} == {"devnet.json", "node.toml", "verification_key"}
    private = [*holding, info.state_dir / "accounts.json", *(info.state_dir / "operator").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert not [secret for secret in secrets if secret.removeprefix("0x") in repr(info)]


@pytest.mark.slow
async def test_a_kept_network_goes_on_where_it_stopped(make_devnet: MakeDevnet, tmp_path: Path) -> None:
    first = make_devnet(state_dir=tmp_path, open_jobs=2)
    before = await first.start()
    posted = {job.job_id for job in await wait_for_open(first, 2)}
    requester = next(iter(first.mirror.jobs.values())).owner
    emt_wei = (await first.chain.balances(requester)).emt_wei
    head = await first.chain.head()
    await first.stop()
    assert not before.description.exists()  # nobody joins what does not run

    second = make_devnet(state_dir=tmp_path, open_jobs=4)
    after = await second.start()
    jobs = await wait_for_open(second, 4)

    assert (after.rpc_url, after.storage_url, after.info_url) == (
        before.rpc_url,
        before.storage_url,
        before.info_url,
    )
    assert (after.core_address, after.operator_address) == (before.core_address, before.operator_address)
    assert after.verification_key == before.verification_key
    assert (await second.chain.head()).number > head.number
    assert posted < {job.job_id for job in jobs}
    new_fees_wei = sum(job.fee_wei for job in jobs if job.job_id not in posted)
    assert (await second.chain.balances(requester)).emt_wei == emt_wei - new_fees_wei
    async with local_client(after.storage_url) as http:
        for job in jobs:
            size = await http.get(SIZE_OF_PATH, params={"key": f"dataset/{job.dataset}"})
            assert size.json()["result"] >= 4_096
    settings = load_settings(after.node_settings, environment={})
    password = find_password({}, settings.wallet)
    assert password is not None
    assert load_wallet(settings.keystore_path, password).address == before.operator_address


@pytest.mark.slow
async def test_a_network_whose_chain_was_removed_posts_jobs_again(
    make_devnet: MakeDevnet, tmp_path: Path
) -> None:
    first = make_devnet(state_dir=tmp_path, open_jobs=2)
    await first.start()
    posted = {job.job_id for job in await wait_for_open(first, 2)}
    await first.stop()
    (tmp_path / "chain.state").unlink()  # as the error about a damaged one says

    again = make_devnet(state_dir=tmp_path, open_jobs=2)
    await again.start()

    assert {job.job_id for job in await wait_for_open(again, 2)} == posted


@pytest.mark.slow
async def test_a_port_that_is_taken_meanwhile_is_replaced(make_devnet: MakeDevnet, tmp_path: Path) -> None:
    first = make_devnet(state_dir=tmp_path, with_requester=False)
    before = await first.start()
    await first.stop()

    with bind_loopback(int(before.storage_url.rpartition(":")[2])) as occupied:
        occupied.listen()
        after = await make_devnet(state_dir=tmp_path, with_requester=False).start()

    assert after.storage_url != before.storage_url
    assert after.storage_url in after.node_settings.read_text("utf-8")


@pytest.mark.slow
async def test_nothing_is_left_of_a_network_that_is_not_kept(make_devnet: MakeDevnet) -> None:
    devnet = make_devnet()
    info = await devnet.start()
    await wait_for_open(devnet, 4)

    await devnet.stop()

    assert not info.state_dir.exists()
    async with local_client() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(info.info_url)


@pytest.mark.slow
async def test_two_devnets_do_not_share_a_directory(make_devnet: MakeDevnet, tmp_path: Path) -> None:
    await make_devnet(state_dir=tmp_path, with_requester=False).start()

    with pytest.raises(DevnetError, match="a devnet runs here already"):
        await make_devnet(state_dir=tmp_path).start()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accounts.json", "ports.json", "storage_secret"])
async def test_a_damaged_directory_is_told_and_nothing_is_left_running(
    make_devnet: MakeDevnet, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("{", "utf-8")

    with pytest.raises(ServiceError, match=f"{name}: is damaged"):
        await make_devnet(state_dir=tmp_path).start()

    (tmp_path / name).unlink()
    await make_devnet(state_dir=tmp_path, with_requester=False).start()  # its lock is free again


@pytest.mark.slow
async def test_the_same_seed_posts_the_same_jobs(make_devnet: MakeDevnet) -> None:
    posted = []
    for _ in range(2):
        devnet = make_devnet(seed="seventeen", open_jobs=2)
        await devnet.start()
        posted.append([(job.job_id, job.fee_wei, job.param) for job in await wait_for_open(devnet, 2)])
        await devnet.stop()

    assert posted[0] == posted[1]


@pytest.mark.slow
async def test_results_of_the_networks_own_requester_are_removed_and_others_stay(
    make_devnet: MakeDevnet,
) -> None:
    devnet = make_devnet(open_jobs=1, results_kept_s=1)
    info = await devnet.start()
    planner = Planner(load_corpus(None), "kept")
    parties = Parties(devnet, planner)
    verifier = Account(
        devnet.chain, kept_keys(info.state_dir / "accounts.json", [funding.VERIFIER])[funding.VERIFIER].wallet
    )
    others = planner.errand(0)
    await parties.requester.post(others)
    (own,) = [job for job in await wait_for_open(devnet, 2) if job.job_id != others.job_id]
    results = {}
    for job_id in (others.job_id, own.job_id):
        await parties.node.allow_core(own.fee_wei, "approve")
        await parties.send("process", job_id)
        results[job_id] = info.state_dir / "storage/objects/result" / await parties.upload(job_id, b"weights")
        await parties.send("submit", job_id, results[job_id].name)
        await verifier.send(devnet.chain.core("verify", job_id_bytes(job_id), 5), "verify")

    with anyio.fail_after(LIMIT_S):
        while results[own.job_id].exists():  # noqa: ASYNC110 - a directory sends no events
            await anyio.sleep(0.05)

    assert results[others.job_id].exists()  # its requester may fetch it yet
    await parties.http.aclose()


@pytest.mark.slow
async def test_what_nobody_took_in_time_is_canceled_and_replaced(make_devnet: MakeDevnet) -> None:
    devnet = make_devnet(open_jobs=2)
    await devnet.start()
    old = {job.job_id for job in await wait_for_open(devnet, 2)}

    await devnet.chain.rpc.call("evm_increaseTime", 6 * 3_600)
    await devnet.chain.rpc.call("evm_mine")
    version = devnet.mirror.version
    while len(devnet.mirror.jobs) < 4:
        version = await devnet.mirror.wait_beyond(version)

    jobs = devnet.mirror.jobs
    assert {jobs[job_id].status for job_id in old} == {JobStatus.CANCELED}
    head = await devnet.chain.head()
    fresh = [job for job in jobs.values() if job.job_id not in old]
    assert all(job.deadline_unix_s - head.timestamp_unix_s >= 2 * 3_600 - 60 for job in fresh)


@pytest.mark.slow
async def test_a_bot_that_met_trouble_says_so_and_goes_on(
    make_devnet: MakeDevnet, caplog: pytest.LogCaptureFixture
) -> None:
    devnet = make_devnet(open_jobs=2, faults=Faults(refused_uploads=1))
    await devnet.start()

    await wait_for_open(devnet, 2)

    assert re.search(r"requester: storage: http\S+ is busy: HTTP status 503", caplog.text)
    assert "signature=" not in caplog.text  # a presigned URL is a key


@pytest.mark.slow
async def test_time_goes_on_without_transactions(make_devnet: MakeDevnet) -> None:
    devnet = make_devnet(with_requester=False, block_interval_s=1.0)
    await devnet.start()
    seen = devnet.mirror.head
    assert seen is not None

    await devnet.mirror.wait_beyond(devnet.mirror.version)

    assert devnet.mirror.head is not None
    assert devnet.mirror.head.number > seen.number


@pytest.mark.slow
async def test_a_chain_taken_back_to_a_snapshot_is_mirrored(make_devnet: MakeDevnet) -> None:
    devnet = make_devnet(with_requester=False, poll_interval_s=3_600)
    await devnet.start()
    planner = Planner(load_corpus(None), "snapshot")
    parties = Parties(devnet, planner)
    rpc = devnet.chain.rpc
    await parties.requester.post(planner.job(0))
    await devnet.mirror.refresh()
    snapshot = await rpc.call("evm_snapshot")
    await parties.claim(planner.job(1))
    await parties.send("process", planner.job(0).job_id)
    await devnet.mirror.refresh()
    assert {job.status for job in devnet.mirror.jobs.values()} == {JobStatus.PROCESSING}

    await rpc.call("evm_revert", snapshot)
    for _ in range(9):
        await rpc.call("evm_mine")  # the head's number is higher than the one seen before
    await devnet.mirror.refresh()

    assert [(job.job_id, job.status) for job in devnet.mirror.jobs.values()] == [
        (planner.job(0).job_id, JobStatus.REQUESTED)
    ]
    await parties.http.aclose()


def test_every_account_has_its_own_key(tmp_path: Path) -> None:
    keys = kept_keys(tmp_path / "accounts.json", funding.ACCOUNTS)

    assert len({key.address for key in keys.values()}) == len(funding.ACCOUNTS)
    assert kept_keys(tmp_path / "accounts.json", funding.ACCOUNTS) == keys


@pytest.mark.slow
async def test_a_kept_chain_tells_the_present_time_when_it_starts_again(
    make_devnet: MakeDevnet, tmp_path: Path
) -> None:
    before = make_devnet(state_dir=tmp_path, with_requester=False)
    await before.start()
    last = await before.chain.head()
    await before.stop()

    again = make_devnet(state_dir=tmp_path, with_requester=False)
    await again.start()

    assert again.mirror.head is not None
    assert again.mirror.head.number == last.number + 1
