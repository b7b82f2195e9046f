"""A node that cannot work says so in one clear line, with an exit code of its own and no traceback."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from emeth_tui.clients.wallet import create_keystore
from emeth_tui.errors import ExitCode
from tests.end_to_end.conftest import StartNode
from tests.end_to_end.programs import NodeProcess

pytestmark = pytest.mark.slow


def changed(node_toml: Path, tmp_path: Path, **values: str) -> str:
    """Copy the settings file with some of its values replaced."""
    text = node_toml.read_text("utf-8")
    for key, value in values.items():
        line = f"{key} = {value}".replace("\\", r"\\")
        text, count = re.subn(rf"^{key} = .*$", line, text, flags=re.MULTILINE)
        assert count == 1, key
    path = tmp_path / "node.toml"
    path.write_text(text, "utf-8")
    return str(path)


def assert_refused(node: NodeProcess, code: ExitCode, text: str) -> None:
    assert node.finish() == code, node.story()
    last = node.errors.strip().splitlines()[-1]
    assert last.startswith("emeth-tui: error: ")
    assert text in last
    assert "Traceback" not in node.errors
    assert node.records == []


def test_a_wrong_chain_id(node_toml: Path, tmp_path: Path, start_as_users_do: StartNode) -> None:
    config = changed(node_toml, tmp_path, chain_id="1")

    assert_refused(start_as_users_do("--config", config), ExitCode.WRONG_CHAIN, "60001")


@pytest.mark.parametrize("key", ["core_address", "token_address"])
def test_an_address_without_code(
    node_toml: Path, tmp_path: Path, start_as_users_do: StartNode, key: str
) -> None:
    nowhere = "0x00000000000000000000000000000000000000AA"
    config = changed(node_toml, tmp_path, **{key: f'"{nowhere}"'})

    assert_refused(start_as_users_do("--config", config), ExitCode.CONTRACT_MISSING, nowhere)


def test_an_rpc_url_that_nobody_serves(node_toml: Path, tmp_path: Path, start_as_users_do: StartNode) -> None:
    config = changed(node_toml, tmp_path, rpc_urls='"http://127.0.0.1:9"')

    assert_refused(start_as_users_do("--config", config), ExitCode.CHAIN_UNREACHABLE, "http://127.0.0.1:9")


def test_a_service_that_is_no_chain(node_toml: Path, tmp_path: Path, start_as_users_do: StartNode) -> None:
    info_url = json.loads((node_toml.parent / "devnet.json").read_text("utf-8"))["info_url"]
    config = changed(node_toml, tmp_path, rpc_urls=f'"{info_url}"')

    assert_refused(start_as_users_do("--config", config), ExitCode.CHAIN_UNREACHABLE, info_url)


def test_an_unfunded_wallet(node_toml: Path, tmp_path: Path, start_as_users_do: StartNode) -> None:
    keystore = tmp_path / "empty.json"
    address = create_keystore(keystore, "for this test", iterations=2)
    (tmp_path / "password").write_text("for this test\n", "utf-8")
    config = changed(
        node_toml, tmp_path, keystore=f'"{keystore}"', password_file=f'"{tmp_path / "password"}"'
    )

    assert_refused(start_as_users_do("--config", config), ExitCode.UNFUNDED, address)


def test_no_verification_key(node_toml: Path, tmp_path: Path, start_as_users_do: StartNode) -> None:
    config = changed(node_toml, tmp_path, verification_key='""')

    node = start_as_users_do("--config", config)

    assert_refused(node, ExitCode.SETTINGS, "set EMETH_TUI_VERIFICATION_KEY")


def test_a_wrong_password(node_toml: Path, tmp_path: Path, start_as_users_do: StartNode) -> None:
    (tmp_path / "password").write_text("not the password\n", "utf-8")
    config = changed(node_toml, tmp_path, password_file=f'"{tmp_path / "password"}"')

    node = start_as_users_do("--config", config)

    assert_refused(node, ExitCode.WALLET, "password")
    assert "not the password" not in node.errors


def test_a_second_node_on_the_same_state(node_toml: Path, start_as_users_do: StartNode) -> None:
    first = start_as_users_do("--config", str(node_toml), EMETH_TUI_CLAIMS__ENABLED="false")
    first.wait_for("idle")

    assert_refused(
        start_as_users_do("--config", str(node_toml)), ExitCode.ALREADY_RUNNING, str(first.process.pid)
    )
