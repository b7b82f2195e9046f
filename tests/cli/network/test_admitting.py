"""`network introduce`, `network admit` and `network join --key`: a key for one account alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode
from emeth_tui.settings import load_network, load_settings
from emeth_tui.settings.writing import edit_toml
from tests.cli.network.world import Person

pytestmark = pytest.mark.process

KEY = "cd" * 32
PROFILE = """
name = "lab"
chain_id = 5
rpc_urls = ["http://127.0.0.1:1"]
core_address = "0x1111111111111111111111111111111111111111"
token_address = "0x1111111111111111111111111111111111111112"
storage_url = "http://127.0.0.1:3"
info_url = "http://127.0.0.1:3"
models = { en = "gpt2-medium", ja = "rinna/japanese-gpt2-medium" }
"""


async def test_the_key_reaches_one_account_and_is_shown_to_nobody(tmp_path: Path) -> None:
    node, other = Person(tmp_path / "node", b"\1" * 32), Person(tmp_path / "other", b"\2" * 32)
    profile, served = tmp_path / "network.toml", tmp_path / "served"
    for person in (node, other):
        person.settle()
    profile.write_text(PROFILE, "utf-8")
    (tmp_path / "serve.toml").write_text('profile = "network.toml"\nstate_dir = "served"\n', "utf-8")
    served.mkdir()
    (served / "verification_key").write_text(KEY + "\n", "utf-8")
    admit = ("network", "admit", "--config", str(tmp_path / "serve.toml"))

    await node.output("network", "join", str(profile), "--yes")
    address, signature = (await node.output("network", "introduce")).split()
    line = (await other.output(*admit, address, signature)).strip()
    refused = await other.run(*admit, other.address, signature)
    stolen = await other.run("network", "join", str(profile), "--yes", "--key", line)
    of_before = {"networks.lab.verification_key": "of the network before"}  # which would count before a file
    node.config.write_text(edit_toml(node.config.read_text("utf-8"), of_before, ""), "utf-8")
    joined = await node.run("network", "join", str(profile), "--yes", "--key", line)

    assert address == node.address
    assert refused.returncode != ExitCode.OK
    assert stolen.returncode == ExitCode.WALLET
    assert not other.config.with_name("verification-key-lab").exists()
    assert joined.returncode == ExitCode.OK, joined.stderr
    network = load_network(load_settings(node.config, environment={}), environment={})
    assert network.verification_key.get_secret_value() == KEY
    key_file = node.config.with_name("verification-key-lab")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    written = node.config.read_text("utf-8")
    key_file.write_text("in use\n", "utf-8")
    braces = f"networks = {{ mine = {{}} }}\n{written.partition('[networks')[0]}"
    node.config.write_text(braces, "utf-8")
    unwritable = await node.run("network", "join", str(profile), "--yes", "--key", line)
    assert unwritable.returncode == ExitCode.SETTINGS
    assert "cannot be set without changing other settings" in unwritable.stderr
    assert key_file.read_text("utf-8") == "in use\n"
    for said in (line, refused.stderr, stolen.stderr, joined.stdout, joined.stderr):
        assert KEY not in said
