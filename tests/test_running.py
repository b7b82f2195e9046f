"""What is told when a screen is gone: where the node is, how to see it again, how to stop it."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.cli import _command_line
from emeth_tui.running import where_the_node_is


def test_in_the_background_it_is_stopped_by_its_process() -> None:
    text = where_the_node_is(1234, "emeth-tui --devnet", in_background=True)
    assert text == (
        "the node goes on in the background (process 1234): `emeth-tui --devnet` shows it, "
        "`kill 1234` saves every job and stops it"
    )


def test_on_a_terminal_of_its_own_it_is_stopped_by_a_key() -> None:
    text = where_the_node_is(1234, "emeth-tui", in_background=False)
    assert "goes on here without a screen (process 1234): Ctrl-C saves every job" in text
    assert "`emeth-tui` in another terminal shows it" in text


def test_the_command_to_come_back_finds_the_same_state_from_anywhere() -> None:
    assert _command_line(None, None, None, devnet=False) == "emeth-tui"
    assert _command_line(Path("/a b/c.toml"), "round3-2", None, devnet=False) == (
        "emeth-tui --config '/a b/c.toml' --network round3-2"
    )
    assert _command_line(None, None, Path("state"), devnet=True) == (
        f"emeth-tui --devnet --state-dir {Path.cwd() / 'state'}"
    )
