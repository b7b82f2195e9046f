"""A node whose output speaks little or is not read works on, and ends with an exit code of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode
from tests.end_to_end.programs import LIMIT_S, environment
from tests.forked.program import forked_program

pytestmark = pytest.mark.slow


def start(
    node_toml: Path, home: Path, log_format: str, encoding: str, stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *forked_program(),
            "--no-ui",
            "--log-format",
            log_format,
            "--config",
            str(node_toml),
        ],
        env=environment(home, PYTHONIOENCODING=encoding, EMETH_TUI_CLAIMS__ENABLED="false"),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("log_format", "encoding"), [("json", "ascii"), ("text", "ascii"), ("text", "cp932")]
)
def test_a_reader_that_leaves_a_node_changes_nothing(
    node_toml: Path, tmp_path: Path, log_format: str, encoding: str
) -> None:
    node = start(node_toml, tmp_path, log_format, encoding)
    assert node.stdout is not None
    assert node.stderr is not None
    while "taking no job" not in (line := node.stdout.readline().decode(encoding)):
        assert line, node.stderr.read()
        assert log_format == "text" or json.loads(line)["event"]

    node.stdout.close()
    node.send_signal(signal.SIGTERM)
    with node.stderr:
        assert node.stderr.read() == b""
    assert node.wait(LIMIT_S) == ExitCode.OK


def test_a_reader_that_stands_still_does_not_keep_a_node_from_ending(node_toml: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    node = start(node_toml, tmp_path, "text", "utf-8", stdout=writer)
    with os.fdopen(reader, encoding="utf-8") as output:
        while "taking no job" not in (line := output.readline()):
            assert line
        # Fill the pipe from this side. Opened anew, so that the node's end goes on to block.
        filler = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while os.write(filler, b"x" * 4_096):
                pass

        node.send_signal(signal.SIGTERM)

        assert node.wait(LIMIT_S) == ExitCode.OK
    for descriptor in (writer, filler):
        os.close(descriptor)
    assert node.stderr is not None
    node.stderr.close()
