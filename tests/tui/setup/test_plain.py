"""`emeth-tui setup` and the first start, as their user meets them: a real program on a real terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from emeth_tui.errors import ExitCode
from emeth_tui.settings import load_settings
from tests.terminal import Terminal
from tests.tui.setup.stand_in import ADDRESS, PRIVATE_KEY

pytestmark = pytest.mark.process

PASSWORD = "for this test"
SIZE = (80, 24)
# A network whose chain does not answer, so that nothing leaves this machine.
NODE_TOML = """network = "mine"
[networks.mine]
chain_id = 5
rpc_urls = "http://127.0.0.1:9"
core_address = "0x00000000000000000000000000000000000000c0"
token_address = "0x00000000000000000000000000000000000000e0"
storage_url = "http://127.0.0.1:9"
info_url = "http://127.0.0.1:9"
models = { en = "devnet-small", ja = "devnet-small" }
"""
LEFT_TO_STTY = f"trap : INT; {sys.executable} -m emeth_tui setup; stty -a"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "node.toml").write_text(NODE_TOML, "utf-8")
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EMETH_TUI_", "XDG_"))}
    return {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8"}


@contextmanager
def program(home: Path, *arguments: str, **changes: str) -> Iterator[Terminal]:
    variables = [f"{name}={value}" for name, value in changes.items()]
    command = ["env", *variables, sys.executable, "-m", "emeth_tui", *arguments]
    with closing(Terminal(command, SIZE, environment(home))) as terminal:
        yield terminal


def ended(terminal: Terminal) -> int:
    """Wait for the program to exit; return its exit code."""
    terminal.read_to_end()
    return terminal.wait()


@pytest.mark.slow
def test_the_questions_are_asked_on_a_dumb_terminal_and_lead_to_a_file(home: Path) -> None:
    with program(home, "setup", TERM="dumb") as terminal:
        terminal.wait_for("Number [1]")
        terminal.type("2\n")
        terminal.wait_for("Settings file:")
        terminal.type(f"{home}/node.toml\n")
        terminal.wait_for("Verification key (empty: later):")
        terminal.type("\n")
        terminal.wait_for("3  a private key")
        terminal.type("3\n")
        terminal.wait_for("Private key (hex):")
        terminal.type("nonsense\n")
        terminal.wait_for("! the private key is not hex")
        terminal.type(PRIVATE_KEY + "\n")
        terminal.wait_for("New password:")
        terminal.type(PASSWORD + "\n")
        terminal.wait_for("Repeat the password:")
        terminal.type(PASSWORD + "\n")
        terminal.wait_for("Numbers, comma-separated")
        terminal.type("\n")
        terminal.wait_for("Cache limit in GB")
        terminal.type("0.001\n")
        terminal.wait_for("you can go on")
        terminal.type("\n")
        terminal.wait_for("before the start")
        assert ended(terminal) == ExitCode.OK
        shown = terminal.output.decode()

    assert ADDRESS in shown
    assert PASSWORD not in shown
    assert PRIVATE_KEY[2:] not in shown
    settings = load_settings(home / ".config" / "emeth-tui" / "config.toml", environment={})
    assert (settings.network, settings.cache.limit_gb) == ("mine", 0.001)
    assert settings.keystore_path.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_what_is_said_is_broken_between_words(home: Path) -> None:
    with program(home, "setup", TERM="dumb") as terminal:
        terminal.wait_for("Number [1]")
        terminal.type("1\n")
        shown = terminal.wait_for("Verification key (empty: later):")
        terminal.type("\x03")
        ended(terminal)
    lines = [line for line in shown.splitlines() if str(home) not in line]  # a path may be longer than a line
    assert max(map(len, lines)) <= SIZE[0]
    assert "  Results are rejected without the network's verification key. Its operator" in lines


@pytest.mark.slow
def test_it_speaks_japanese_and_can_be_left(home: Path) -> None:
    with program(home, "setup", "--lang", "ja") as terminal:
        terminal.wait_for("ネットワーク")
        terminal.type("9\n")
        terminal.wait_for("devnet から選んでください")
        terminal.type("3\n")
        terminal.wait_for("emeth-tui --devnet")
        assert ended(terminal) == ExitCode.OK
    assert not (home / ".config").exists()


@pytest.mark.slow
def test_a_question_whose_answer_is_hidden_can_be_gone_back_from(home: Path) -> None:
    """As a verification key, `<` would have every result rejected."""
    with program(home, "setup") as terminal:
        terminal.wait_for("Number [1]")
        terminal.type("1\n")
        terminal.wait_for("Verification key (empty: later):")
        terminal.type("<\n3\n")
        terminal.wait_for("nothing is written: `emeth-tui --devnet`")
        assert ended(terminal) == ExitCode.OK
    assert not (home / ".config").exists()


@pytest.mark.slow
def test_one_interruption_ends_it_and_the_terminal_shows_again_what_is_typed(home: Path) -> None:
    with closing(Terminal(["sh", "-c", LEFT_TO_STTY], SIZE, environment(home))) as terminal:
        terminal.wait_for("Number [1]")
        terminal.answer("\x03")
        assert "echo" in terminal.wait_for("echoctl").split()
    assert not (home / ".config").exists()


@pytest.mark.slow
def test_without_anybody_to_ask_it_says_so(home: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "emeth_tui", "setup"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == ExitCode.USAGE
    assert "config example" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_plain_questions_load_no_textual() -> None:
    heavy = "print([m for m in ('textual', 'web3') if m in sys.modules])"
    script = f"import sys, emeth_tui.tui.setup.plain; {heavy}"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "asked", "said"),
    [("en", "first settings, 1 of 5", "no settings yet"), ("ja", "1/5", "設定がまだありません")],
)
def test_the_first_start_asks_and_can_be_skipped(home: Path, language: str, asked: str, said: str) -> None:
    with program(home, "--lang", language) as terminal:
        terminal.wait_for(asked)
        terminal.type("\x1b")
        assert ended(terminal) == ExitCode.SETTINGS
        last = terminal.output.decode().splitlines()[-1]
        assert said in last
        assert "`emeth-tui setup`" in last
        assert "`emeth-tui --devnet`" in last
        assert "config.toml" not in last


@pytest.mark.parametrize(
    ("arguments", "changes", "code"),
    [
        (("--no-ui",), {}, ExitCode.SETTINGS),
        ((), {"EMETH_TUI_NETWORK": "round3-2"}, ExitCode.WALLET),
    ],
)
def test_what_is_configured_otherwise_is_not_asked_for(
    home: Path, arguments: tuple[str, ...], changes: dict[str, str], code: ExitCode
) -> None:
    with program(home, *arguments, **changes) as terminal:
        assert ended(terminal) == code
        assert b"first settings" not in terminal.output
