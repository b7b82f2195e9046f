"""What is printed after the screen closes: where the node is, how to view it again, how to stop it."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.cli.node.options import StartOptions
from emeth_tui.running.node import left_running_notice


def test_in_the_background_it_is_stopped_by_its_process() -> None:
    text = left_running_notice(1234, "emeth-tui --devnet", in_background=True)
    assert text == (
        "the node keeps running in the background (process 1234): `emeth-tui --devnet` shows it, "
        "`kill 1234` saves every job and stops it"
    )


def test_on_a_terminal_of_its_own_it_is_stopped_by_a_key() -> None:
    text = left_running_notice(1234, "emeth-tui", in_background=False)
    assert "keeps running here without the screen (process 1234): Ctrl-C saves every job" in text
    assert "`emeth-tui` in another terminal shows it" in text


def test_a_local_network_in_a_temporary_directory_is_not_said_to_save_anything() -> None:
    behind = left_running_notice(1234, "emeth-tui", in_background=True, temporary_state=True)
    here = left_running_notice(1234, "emeth-tui", in_background=False, temporary_state=True)
    assert behind.endswith("`kill 1234` ends it and the local network")
    assert "Ctrl-C ends it and the local network" in here


def test_the_command_to_show_it_finds_the_same_state_from_anywhere() -> None:
    assert StartOptions().show_command() == "emeth-tui"
    assert StartOptions(config=Path("/a b/c.toml"), network="round3-2").show_command() == (
        "emeth-tui --config '/a b/c.toml' --network round3-2"
    )
    assert StartOptions(devnet=True, state_dir=Path("state")).show_command() == (
        f"emeth-tui --devnet --state-dir {Path.cwd() / 'state'}"
    )
