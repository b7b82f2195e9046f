"""A first start without any settings, where the user chooses to try the local network."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode
from tests.end_to_end.programs import environment
from tests.terminal import Terminal

DOWN, ENTER = "\x1b[B", "\r"
LIMIT_S = 120.0  # a network starts


@pytest.mark.slow
@pytest.mark.process
def test_a_node_that_tries_the_local_network_says_how_to_see_it_again(tmp_path: Path) -> None:
    user = environment(tmp_path / "home", LANG="C.UTF-8")
    command = [sys.executable, "-m", "emeth_tui", "--device", "cpu"]

    with closing(Terminal(command, (200, 45), user)) as screen:
        screen.wait_for("a whole network on this machine")
        screen.type(DOWN + DOWN + ENTER)
        screen.wait_for("1 Workers", LIMIT_S)
        screen.type("q")
        screen.wait_for("the local network ends too, and nothing is kept")
        screen.type("l")
        screen.wait_for(lambda _text: b"in another terminal shows it" in screen.output, LIMIT_S)
        notice = screen.output.decode("utf-8", "replace").replace("\r", "").replace("\n", "")
        assert re.search(r"`emeth-tui --devnet --state-dir \S+/emeth-devnet-\w+` in another terminal", notice)
        os.kill(screen.pid, signal.SIGTERM)
        screen.read_to_end()
        assert screen.wait(LIMIT_S) == ExitCode.OK
