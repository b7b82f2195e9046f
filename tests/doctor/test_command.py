"""`emeth-tui doctor` as its user runs it: beside a devnet, before any settings, with something broken."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import closing
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode
from emeth_tui.protocol.contracts import ROUND_3_2_RATES
from tests.end_to_end.programs import environment
from tests.engine.harness import quiet_network
from tests.terminal import Terminal

pytestmark = [pytest.mark.process, pytest.mark.slow]
SMALL_CACHE = {"EMETH_TUI_CACHE__LIMIT_GB": "1"}  # for which any machine's disk has room


async def doctor(home: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run the command without a terminal; return its exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "emeth_tui",
        *arguments,
        env=environment(home, **SMALL_CACHE, **variables),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, narration = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), narration.decode()


async def test_a_healthy_devnet_is_in_order(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with quiet_network(None, tmp_path, rates=ROUND_3_2_RATES) as network:
        node = ["--config", str(network.settings_file), "--state-dir", str(tmp_path / "state")]
        await network.post()

        code, output, narration = await doctor(home, *node, "doctor", "--quick", LC_ALL="C.UTF-8")
        as_json = await doctor(home, *node, "doctor", "--quick", "--json")
        beside = await doctor(home, "--devnet", "--state-dir", str(tmp_path), "doctor", "--quick")

    assert (code, narration) == (ExitCode.OK, ""), output
    assert output.endswith("everything is in order\n")
    assert "✗" not in output
    report = json.loads(as_json[1])
    assert {one["severity"] for one in report["findings"]} <= {"ok", "note"}
    assert beside[0] == ExitCode.OK, beside[1]
    assert not (tmp_path / "state").exists()
    assert list(home.rglob("*")) == []


async def test_before_any_settings_it_says_what_is_missing(tmp_path: Path) -> None:
    code, output, narration = await doctor(tmp_path, "doctor", "--quick", LC_ALL="C.UTF-8")

    assert (code, narration) == (ExitCode.DOCTOR_ERROR, "")
    assert "there is no settings file yet" in output
    assert "→ run `emeth-tui setup`" in output
    assert "`emeth-tui wallet new`" in output


async def test_no_secret_is_printed(tmp_path: Path) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text(
        'network = "round3-2"\n[networks.round3-2]\nrpc_urls = "http://127.0.0.1:9/k3y-in-a-path"\n'
        'verification_key = "v3rification"\nstorage_url = "http://127.0.0.1:9/s3cret-path"\n'
        'info_url = "http://127.0.0.1:9/s3cret-path"\n',
        "utf-8",
    )
    await doctor(tmp_path, "wallet", "new", EMETH_TUI_PASSWORD="for this test")

    code, output, narration = await doctor(
        tmp_path,
        *("--config", str(settings), "doctor", "--quick", "--json"),
        HF_ENDPOINT="http://127.0.0.1:9",
        EMETH_TUI_PASSWORD="p4ssword",
        EMETH_TUI_WALLET__KEYSTORE=str(tmp_path / ".config" / "emeth-tui" / "keystore.json"),
    )

    assert code == ExitCode.DOCTOR_ERROR
    kinds = {one["kind"]: one["remedy"] for one in json.loads(output)["findings"]}
    assert {"wrong_password", "connection_failed", "info_server_down", "model_out_of_reach"} <= set(kinds)
    for secret in ("k3y", "v3rification", "s3cret", "p4ssword"):
        assert secret not in output + narration


def test_a_password_is_asked_for_on_a_terminal_and_may_be_left_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    variables = environment(home, EMETH_TUI_PASSWORD="for this test", LC_ALL="C.UTF-8")
    command = [sys.executable, "-m", "emeth_tui"]
    with closing(Terminal([*command, "wallet", "new"], (80, 24), variables)) as terminal:
        terminal.wait()
    del variables["EMETH_TUI_PASSWORD"]

    with closing(Terminal([*command, "doctor", "--quick"], (80, 24), variables)) as terminal:
        terminal.wait_for("Enter leaves out what needs it")
        terminal.type("\r")
        terminal.read_to_end()
        assert terminal.wait() == ExitCode.DOCTOR_ERROR
        assert "there is no password here" in " ".join(terminal.output.decode().split())
