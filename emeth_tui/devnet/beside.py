"""A devnet in a separate process beside a node: started, waited for, and torn down with it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from emeth_tui.devnet.files import DESCRIPTION_FILE, NODE_SETTINGS_FILE
from emeth_tui.errors import DevnetError, ServiceError
from emeth_tui.foreign_text import ForeignText, one_line
from emeth_tui.hardening import child_environment
from emeth_tui.network.files import read_json
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.local.devnet import DevnetDidNotStart, DevnetNotReady, NothingSaid

LOG_FILE = "devnet.log"
START_LIMIT_S = 120.0
STOP_LIMIT_S = 10.0
_LOOK_EVERY_S = 0.05


@contextmanager
def devnet_beside(state_dir: Path, options: Sequence[str]) -> Iterator[Path]:
    """Run `emeth-tui devnet` on `state_dir` with more `options`; yield the path of its node.toml.

    The devnet runs in its own session, so that Ctrl-C reaches the node alone, and exits when its standard
    input closes, however this process ends. Raise DevnetError when it does not come up.
    """
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    log_path = state_dir / LOG_FILE
    command = [
        sys.executable,
        "-m",
        "emeth_tui",
        "devnet",
        "--state-dir",
        str(state_dir),
        "--until-input-ends",
    ]
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**child_environment(), "PYTHONIOENCODING": "utf-8"},  # as its log is read
        )
    try:
        _wait_until_ready(process, state_dir / DESCRIPTION_FILE, log_path)
        yield state_dir / NODE_SETTINGS_FILE
    finally:
        _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path, log_path: Path) -> None:
    give_up = time.monotonic() + START_LIMIT_S
    while not _is_described(process, ready):
        if process.poll() is not None:
            raise DevnetError(DevnetDidNotStart(_last_line(log_path), log_path))
        if time.monotonic() > give_up:
            raise DevnetError(DevnetNotReady(START_LIMIT_S, log_path))
        time.sleep(_LOOK_EVERY_S)


def _is_described(process: subprocess.Popen[bytes], path: Path) -> bool:
    """Whether the description is this devnet's, not that of one which was killed, or runs there already."""
    try:
        description = read_json(path) or {}
    except ServiceError:  # damaged, and soon written anew
        return False
    return description.get("process_id") == process.pid


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(log_path: Path) -> ForeignText | Reason:
    lines = log_path.read_text("utf-8", "replace").splitlines()
    return one_line(lines[-1]) if lines else NothingSaid()
