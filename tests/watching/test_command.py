"""`emeth-tui watch` as people and scripts use it: a file or a name for the network, lines, JSON, a screen."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from emeth_tui.listings.documents import json_schema
from emeth_tui.protocol.job_ids import job_id_bytes
from emeth_tui.settings.profiles import network_of_file, profile_text
from tests.cli.commands.world import PROGRAM, run_program
from tests.clients.emeth_chain import FEE_WEI, NODE, EmethChain
from tests.terminal import Terminal

CONFIG = "no-settings.toml"
STRANGER = "0x52908400098527886E0F7030069857D2E4169EE7"


@pytest.fixture
def profile(chain: EmethChain, tmp_path: Path) -> Path:
    path = tmp_path / "network.toml"
    (tmp_path / CONFIG).touch()
    path.write_text(profile_text(chain.network), "utf-8")
    return path


async def watch(tmp_path: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command where there are no settings, no wallet and no state."""
    (tmp_path / CONFIG).touch()
    options = ["--config", str(tmp_path / CONFIG), "--state-dir", str(tmp_path / "state")]
    command = [*PROGRAM, *options, "watch", *arguments]
    result = await asyncio.to_thread(run_program, command)
    assert result.returncode == code, result.stdout + result.stderr
    return result


@pytest.mark.slow
async def test_it_prints_an_account_and_leaves_nothing_behind(
    chain: EmethChain, profile: Path, tmp_path: Path
) -> None:
    job_id = chain.request_job()
    chain.take(NODE, job_id)
    chain.succeed(NODE, chain.core("submit", job_id_bytes(job_id), "result.pt"))
    chain.verify(job_id, 5_822)
    for _block in range(3):
        chain.ask("evm_mine")

    printed = await watch(tmp_path, NODE.address.lower(), "--network", str(profile), "--json")
    document: dict[str, Any] = json.loads(printed.stdout)
    schema = json_schema()
    jsonschema.validate(document, {"$ref": "#/$defs/watch", "$defs": schema["$defs"]})
    assert document["address"] == NODE.address
    assert [(job["job_id"], job["state"]) for job in document["jobs"]] == [(job_id, "verified")]
    assert int(document["jobs"][0]["earned_wei"]) == FEE_WEI // 2
    assert document["gas_today"] == 5_822

    lines = await watch(tmp_path, NODE.address, "--network", str(profile), "--no-ui")
    assert job_id[2:6] in lines.stdout
    assert "verified" in lines.stdout
    assert not (tmp_path / "state").exists()


async def test_a_stranger_has_nothing(profile: Path, tmp_path: Path) -> None:
    printed = await watch(tmp_path, STRANGER, "--network", str(profile), "--json")
    document = json.loads(printed.stdout)
    assert document["jobs"] == document["days"] == document["events"] == []


@pytest.mark.slow
@pytest.mark.process
async def test_following_prints_what_happens(chain: EmethChain, profile: Path, tmp_path: Path) -> None:
    program = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *["--config", str(tmp_path / CONFIG), "watch", NODE.address],
        *["--network", str(profile), "--json", "--follow"],
        stdout=subprocess.PIPE,
        env={**os.environ, "LANG": "C.UTF-8"},
    )
    assert program.stdout is not None
    try:
        account = json.loads(await asyncio.wait_for(program.stdout.readline(), 60))
        assert account["jobs"] == []
        job_id = chain.request_job()
        chain.take(NODE, job_id)
        happened = json.loads(await asyncio.wait_for(program.stdout.readline(), 60))
        assert (happened["event"], happened["job_id"]) == ("claimed", job_id)
    finally:
        program.terminate()
        await program.wait()


async def test_jobs_and_accounts_are_told_apart(profile: Path, tmp_path: Path) -> None:
    job = await watch(tmp_path, "0x" + "6f" * 16, "--network", str(profile), "--json", code=2)
    assert "requests watch" in job.stderr
    options = [*PROGRAM, "--config", str(tmp_path / CONFIG), "--state-dir", str(tmp_path / "state")]
    result = await asyncio.to_thread(run_program, [*options, "requests", "watch", STRANGER])
    assert result.returncode == 2
    assert f"emeth-tui watch {STRANGER}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--network", "nonsense"], 3, "nonsense"),
        (["--network", "no-such.toml"], 3, "no-such.toml"),
        (["--follow"], 2, "--follow"),
        ([], 2, "--no-ui"),
    ],
)
async def test_what_is_wrong_is_said(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    extra = [] if "--network" in arguments else ["--network", "round3-2"]
    lines = ["--json"] if "--network" in arguments else []
    result = await watch(tmp_path, STRANGER, *arguments, *extra, *lines, code=code)
    assert said in result.stderr


async def test_another_chain_ends_it(chain: EmethChain, tmp_path: Path) -> None:
    profile = tmp_path / "network.toml"
    elsewhere = chain.network.model_copy(update={"chain_id": 1})
    profile.write_text(profile_text(elsewhere), "utf-8")
    result = await watch(tmp_path, STRANGER, "--network", str(profile), "--json", code=6)
    assert "chain" in result.stderr


def test_the_settings_of_a_node_name_its_network(chain: EmethChain, tmp_path: Path) -> None:
    settings = tmp_path / "node.toml"
    values = chain.network
    settings.write_text(
        f'network = "devnet"\n[networks.devnet]\nchain_id = {values.chain_id}\n'
        f'rpc_urls = ["{values.rpc_urls[0]}"]\ncore_address = "{values.core_address}"\n'
        f'token_address = "{values.token_address}"\nstorage_url = "{values.storage_url}"\n'
        f'info_url = "{values.info_url}"\nverification_key = "never needed"\n',
        "utf-8",
    )
    network = network_of_file(settings)
    assert (network.name, network.core_address) == ("devnet", values.core_address)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
def test_the_screen_shows_an_account_and_leaves_by_q(
    chain: EmethChain, profile: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    job_id = chain.request_job()
    chain.take(NODE, job_id)
    options = ["--config", str(tmp_path / CONFIG), "--lang", "en"]
    command = [*PROGRAM, *options, "watch", NODE.address, "--network", str(profile)]
    terminal = Terminal(command, size, os.environ)
    try:
        terminal.wait_for(f"{job_id[2:6]}…")
        terminal.wait_for(NODE.address[:6])
        terminal.type("m")  # the market is for a node alone
        terminal.wait_for(lambda text: "there is no node here" in text.splitlines()[-1])
        terminal.type("q")
        assert terminal.wait() == 0
    finally:
        terminal.close()
