"""`emeth-tui devnet` as a process: it says where it is, and ends as it is asked to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

from emeth_tui.devnet.beside import devnet_beside
from emeth_tui.errors import DevnetError, ExitCode

pytestmark = [pytest.mark.process, pytest.mark.slow]

StartDevnet = Callable[..., "subprocess.Popen[str]"]
LIMIT_S = 120.0


@pytest.fixture
def start_devnet(tmp_path: Path) -> Iterator[StartDevnet]:
    """Start devnets that have an empty HOME and are ended with the test."""
    processes = []
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "emeth_tui", "devnet", *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def read_until(stream: IO[str] | None, text: str) -> list[str]:
    """Read what it says up to a line that holds `text`."""
    assert stream is not None
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"it ended after saying {lines}")


def test_it_says_where_it_is_and_goes_when_asked(start_devnet: StartDevnet, tmp_path: Path) -> None:
    process = start_devnet("--state-dir", str(tmp_path / "state"))

    said = "".join(read_until(process.stdout, "A node joins with"))
    assert (tmp_path / "state/rival").exists()
    described = json.loads((tmp_path / "state/devnet.json").read_text("utf-8"))
    for key in ("storage_url", "info_url", "core_address", "token_address", "node_settings"):
        assert described[key] in said
    assert described["rpc_urls"][0] in said
    assert described["process_id"] == process.pid
    assert described["verification_key"] not in said
    jobs = httpx.get(described["info_url"] + "/api/v1/jobs", trust_env=False, timeout=LIMIT_S)
    assert jobs.status_code == 200

    narrated = "".join(read_until(process.stderr, "requested"))  # a dataset was stored by a presigned URL
    process.send_signal(signal.SIGTERM)
    rest, more = process.communicate(timeout=LIMIT_S)
    narrated += more

    assert (process.returncode, rest) == (ExitCode.OK, "")
    assert not (tmp_path / "state/devnet.json").exists()
    assert "Traceback" not in narrated
    assert described["verification_key"] not in narrated
    assert "signature=" not in narrated  # presigned URLs are keys
    assert "disconnected" not in narrated  # what libraries do is not the devnet's story


def test_one_beside_a_node_leaves_the_one_that_runs_there_alone(
    start_devnet: StartDevnet, tmp_path: Path
) -> None:
    process = start_devnet("--no-rival", "--state-dir", str(tmp_path / "state"))
    read_until(process.stdout, "A node joins with")
    described = (tmp_path / "state/devnet.json").read_text("utf-8")

    with (
        pytest.raises(DevnetError, match="a devnet runs here already"),
        devnet_beside(tmp_path / "state", ["--no-rival"]),
    ):
        pass

    assert (tmp_path / "state/devnet.json").read_text("utf-8") == described


def test_a_throwaway_devnet_ends_with_its_input_and_leaves_nothing(
    start_devnet: StartDevnet, tmp_path: Path
) -> None:
    process = start_devnet("--until-input-ends")
    read_until(process.stdout, "A node joins with")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("emeth-devnet-")]

    process.communicate(timeout=LIMIT_S)  # closes its input first

    assert process.returncode == ExitCode.OK
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("emeth-devnet-")]


def test_without_a_rival_there_is_none(start_devnet: StartDevnet, tmp_path: Path) -> None:
    process = start_devnet("--no-rival", "--state-dir", str(tmp_path / "state"))
    read_until(process.stdout, "A node joins with")

    assert (tmp_path / "state/verifier").exists()
    assert not (tmp_path / "state/rival").exists()


def test_a_stop_while_it_starts_is_heard(start_devnet: StartDevnet, tmp_path: Path) -> None:
    process = start_devnet("--until-input-ends", "--state-dir", str(tmp_path / "state"))

    _, narrated = process.communicate(timeout=LIMIT_S)

    assert (process.returncode, "Traceback" in narrated) == (ExitCode.OK, False)


def test_what_is_wrong_is_the_last_line_it_says(start_devnet: StartDevnet, tmp_path: Path) -> None:
    process = start_devnet("--corpus", str(tmp_path / "nowhere"))

    _, narrated = process.communicate(timeout=LIMIT_S)

    assert process.returncode == ExitCode.DEVNET
    assert "nowhere: is not a directory" in narrated.splitlines()[-1]
    assert "Traceback" not in narrated
