"""A bug in the first settings ends them with a traceback that shows nothing of what was typed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.end_to_end.programs import environment
from tests.terminal import Terminal
from tests.tui.harness import LARGE

pytestmark = [pytest.mark.process, pytest.mark.slow]

KEY = "17" * 31 + "29"
PASSWORD = "sesame-4711"
PROGRAM = """
import sys
from emeth_tui.cli.main import main
from emeth_tui.tui.setup.machine import Machine

async def broken(self, path, password, private_key):
    raise RuntimeError("a bug of ours")

Machine.write_keystore = broken
sys.argv = ["emeth-tui", "--lang", "en"]
main()
"""


def test_a_bug_in_the_first_settings_shows_neither_key_nor_password(tmp_path: Path) -> None:
    terminal = Terminal([sys.executable, "-c", PROGRAM], LARGE, environment(tmp_path / "home"))
    try:
        terminal.wait_for("first settings")
        terminal.type("\r")
        terminal.wait_for("Verification key")
        terminal.type("\r")
        terminal.wait_for("first settings, 2 of")
        terminal.type("\x1b[B\x1b[B\r")
        terminal.wait_for("Private key")
        terminal.type(f"{KEY}\r")
        terminal.wait_for("New password")
        terminal.type(f"{PASSWORD}\r")
        terminal.wait_for("Repeat the password")
        terminal.type(f"{PASSWORD}\r")
        terminal.read_to_end()
        code = terminal.wait()
    finally:
        terminal.close()

    said = terminal.output.decode("utf-8", "replace")
    assert PASSWORD not in said
    assert KEY not in said
    assert repr(bytes.fromhex(KEY))[2:12] not in said
    assert "RuntimeError('a bug of ours')" in said
    assert code == 1
