"""The command line as its user meets it: real processes, one clear line an error, an exit code of its own."""

from __future__ import annotations

import importlib
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import click
import pytest

from emeth_tui import __version__, cli
from emeth_tui.cli import commands, requester
from emeth_tui.cli.main import command
from emeth_tui.clients.wallet import create_keystore
from emeth_tui.errors import ExitCode
from tests.cli import warm_program
from tests.end_to_end.programs import environment as user_environment
from tests.terminal import Terminal

pytestmark = pytest.mark.process

LIMIT_S = 60.0
PASSWORD = {"EMETH_TUI_PASSWORD": "for this test"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def emeth_tui(
    home: Path, *arguments: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the program, forked from one that is loaded, with an empty HOME and no terminal."""
    variables = user_environment(home, **environment)
    result = warm_program.run(arguments, variables, Path.cwd(), stdin.encode(), LIMIT_S)
    return subprocess.CompletedProcess(
        result.args, result.returncode, result.stdout.decode(), result.stderr.decode()
    )


def started(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program as its user starts it, but for the HOME, which is empty, and without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "emeth_tui", *arguments],
        env=user_environment(home, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def a_keystore(home: Path) -> Path:
    """Make a keystore whose password is PASSWORD and takes no time to check."""
    path = home / "keystore.json"
    create_keystore(path, PASSWORD["EMETH_TUI_PASSWORD"], iterations=2)
    return path


def assert_one_clear_line(result: subprocess.CompletedProcess[str], code: ExitCode, text: str) -> None:
    assert result.returncode == code, result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("emeth-tui: error: ")
    assert text in last
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


# Interrupts itself where the command's modules begin to load.
_INTERRUPTED = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "emeth_tui.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from emeth_tui.__main__ import main
main()
"""


def test_ctrl_c_while_the_program_loads_ends_it_without_a_word() -> None:
    result = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], capture_output=True, check=False, timeout=60
    )

    assert (result.returncode, result.stdout, result.stderr) == (-signal.SIGINT, b"", b"")


def test_a_command_is_loaded_when_it_is_asked_for() -> None:
    script = (
        "import sys\nfrom emeth_tui.cli.main import command\n"
        "def loaded(): return [m for m in ('asyncio', 'emeth_tui.cli.commands.jobs') if m in sys.modules]\n"
        "assert 'jobs' in command.commands; print(loaded()); command.commands['jobs']; print(loaded())"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.splitlines() == ["[]", "['emeth_tui.cli.commands.jobs']"]


def test_version_and_help_need_nothing_heavy(home: Path) -> None:
    assert started(home, "--version").stdout == f"emeth-tui {__version__}\n"
    assert "--devnet" in started(home, "--help").stdout


def test_every_module_of_a_command_is_reachable() -> None:
    """A module of `emeth_tui/cli` holds the command of its name; those of `commands` hold a few each."""
    modules = {module.name for module in pkgutil.iter_modules(cli.__path__)}
    in_package = {*commands.COMMANDS, *requester.__all__}
    assert (
        modules - {"main", "late", "start", "types", "commands", "node", "output", "requester"}
        == set(command.commands) - in_package
    )
    for module in pkgutil.iter_modules(commands.__path__):
        found = vars(importlib.import_module(f"{commands.__name__}.{module.name}")).values()
        for entry in (one for one in found if isinstance(one, click.Command)):
            groups = (inner for inner in command.commands.values() if isinstance(inner, click.Group))
            assert entry in command.commands.values() or any(
                entry in group.commands.values() for group in groups
            )


@pytest.mark.slow
@pytest.mark.parametrize("module", ["emeth_tui.cli", "emeth_tui.headless", "emeth_tui.engine.opening"])
def test_the_parent_never_imports_torch(module: str) -> None:
    script = (
        f"import sys, {module}; print([m for m in ('torch', 'transformers', 'textual') if m in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_the_command_line_itself_imports_nothing_heavy() -> None:
    script = (
        "import sys, emeth_tui.cli\n"
        "print([m for m in ('web3', 'pydantic', 'httpx', 'sqlite3', 'numpy') if m in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_the_screen_comes_up_before_anything_heavy_is_loaded() -> None:
    late = {
        *(
            "web3",
            "eth_account",
            "httpx",
            "huggingface_hub",
            "multiprocessing",
            "numpy",
            "pydantic",
            "pynvml",
            "sqlite3",
            "tomlkit",
            "torch",
        ),
        *(
            f"emeth_tui.{wing}"
            for wing in ("clients", "control", "engine", "logs", "store.database", "training", "workers")
        ),
        *(f"emeth_tui.notices.reasons.{name}" for name in ("control", "disk", "market", "store", "wallet")),
        *(f"emeth_tui.tui.dialogs.{name}" for name in ("ask_path", "claim", "decline", "leave")),
        "emeth_tui.tui.screens.settings",
    }
    script = (
        "import sys, emeth_tui.cli, emeth_tui.running.node, emeth_tui.running.views, emeth_tui.headless\n"
        "import emeth_tui.settings.first_look, emeth_tui.store.lock, emeth_tui.tui.run\n"
        f"print({late!r} & set(sys.modules))"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "set()"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "password", "code", "text"),
    [
        ("", {"EMETH_TUI_PASSWORD": "another"}, ExitCode.WALLET, "the password is wrong"),
        ('password_file = "~/empty"\n', {}, ExitCode.WALLET, "the keystore's password is needed"),
        (
            "[claims]\nmin_fee_emt = -1\n",
            {"EMETH_TUI_PASSWORD": "another"},
            ExitCode.SETTINGS,
            "claims.min_fee_emt = -1: an amount of EMT",
        ),
    ],
)
def test_what_is_found_wrong_under_the_screen_ends_it_with_one_clear_line(
    home: Path, tmp_path: Path, settings: str, password: Mapping[str, str], code: ExitCode, text: str
) -> None:
    config = tmp_path / "config.toml"
    keystore = a_keystore(home)
    config.write_text(f'network = "round3-2"\n[wallet]\nkeystore = "{keystore}"\n{settings}', "utf-8")
    command = [sys.executable, "-m", "emeth_tui", "--config", str(config)]
    (home / "empty").write_text("\n", "utf-8")
    environment = user_environment(home, EMETH_TUI_VERIFICATION_KEY="key", **password)

    with closing(Terminal(command, (80, 24), environment)) as terminal:
        terminal.wait_for("connecting to the network")
        terminal.wait_for(lambda shown: text in shown.replace("\n", ""))
        assert terminal.wait() == code
        assert "Traceback" not in terminal.text


def test_config_path_example_and_check_work_together(home: Path) -> None:
    path = Path(emeth_tui(home, "config", "path").stdout.strip())
    path.parent.mkdir(parents=True)
    path.write_text(emeth_tui(home, "config", "example").stdout + "\n", "utf-8")

    assert path == home / ".config" / "emeth-tui" / "config.toml"
    assert_one_clear_line(
        emeth_tui(home, "config", "check"), ExitCode.SETTINGS, "start the node with --devnet"
    )
    checked = emeth_tui(home, "config", "check", EMETH_TUI_NETWORK="round3-2")
    assert checked.returncode == 0
    assert "network round3-2, chain 60001" in checked.stdout
    assert checked.stderr.startswith("emeth-tui: warning: no node can start so: network round3-2 has no ver")
    with_key = {"EMETH_TUI_NETWORK": "round3-2", "EMETH_TUI_VERIFICATION_KEY": "k"}
    assert emeth_tui(home, "config", "check", **with_key).stderr == ""
    in_japanese = emeth_tui(home, "config", "check", EMETH_TUI_SCREEN__LANGUAGE="ja", **with_key)
    assert "は有効です。ネットワークは round3-2" in in_japanese.stdout


def test_a_corrupt_settings_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[claims\n", "utf-8")

    result = started(home, "--no-ui", "--config", str(tmp_path / "broken.toml"))

    assert_one_clear_line(result, ExitCode.SETTINGS, "is not TOML")


# A place where the system does not let one look: for root, too, one whose name is too long.
UNSEARCHABLE = Path("/tmp") / ("x" * 300)  # noqa: S108 - it cannot be


@pytest.mark.parametrize("command", ["--no-ui", "config check", "status", "wallet address", "settings get"])
def test_settings_that_cannot_be_looked_for_are_not_taken_for_absent(home: Path, command: str) -> None:
    result = emeth_tui(home, *command.split(), XDG_CONFIG_HOME=str(UNSEARCHABLE), **PASSWORD)

    assert_one_clear_line(result, ExitCode.SETTINGS, "config.toml: cannot be read: File name too long")


@pytest.mark.parametrize(
    ("command", "variable", "code", "text"),
    [
        ("wallet address", "EMETH_TUI_WALLET__KEYSTORE", ExitCode.WALLET, "cannot be read: File name too"),
        ("doctor", "EMETH_TUI_WALLET__KEYSTORE", ExitCode.DOCTOR_ERROR, "cannot be read: File name too"),
        ("network introduce", "EMETH_TUI_WALLET__KEYSTORE", ExitCode.WALLET, "cannot be read: File name too"),
        ("jobs", "EMETH_TUI_STATE__DIRECTORY", ExitCode.STORE, "cannot be read: File name too"),
        ("config check", "CREDENTIALS_DIRECTORY", ExitCode.SETTINGS, "verification-key cannot be read"),
    ],
)
def test_a_place_that_cannot_be_looked_into_is_named(
    home: Path, command: str, variable: str, code: ExitCode, text: str
) -> None:
    variables = {"EMETH_TUI_NETWORK": "round3-2", variable: str(UNSEARCHABLE)}

    result = emeth_tui(home, *command.split(), **variables)

    assert text in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert result.returncode == code


@pytest.mark.parametrize("start", [["config", "check"], ["--no-ui"]])
def test_a_value_that_cannot_be_ends_the_check_and_the_start(
    home: Path, tmp_path: Path, start: list[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("network = 'round3-2'\n[cache]\nlimit_gb = inf\n", "utf-8")

    result = emeth_tui(home, *start, "--config", str(config))

    assert_one_clear_line(result, ExitCode.SETTINGS, "cache.limit_gb = inf: a number from 0.000001 to")


@pytest.mark.parametrize("command", ["--no-ui", "config check", "status", "wallet address", "relay"])
@pytest.mark.parametrize("options", [["--lang", "ja"], []], ids=["by option", "by locale"])
def test_what_is_wrong_is_said_in_the_chosen_language(
    home: Path, tmp_path: Path, options: list[str], command: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[claims]\nmin_fee_emt = -3\n", "utf-8")

    result = emeth_tui(
        home,
        *options,
        *("--config", str(config), *command.split()),
        LC_ALL="" if options else "ja_JP.UTF-8",
    )

    assert_one_clear_line(result, ExitCode.SETTINGS, "EMT の額は")


@pytest.mark.parametrize("command", ["--no-ui", "devnet", "config path", "wallet new", "setup"])
def test_a_mistyped_variable_ends_every_command(home: Path, command: str) -> None:
    result = emeth_tui(home, *command.split(), EMETH_TUI_CLAIM__ENABLED="false")

    assert_one_clear_line(result, ExitCode.SETTINGS, "the nearest is EMETH_TUI_CLAIMS__ENABLED")


@pytest.mark.parametrize(
    ("arguments", "variables", "text"),
    [
        (["--device", "gpu"], {}, "error: the command line: workers.devices.0 = 'gpu': a device is"),
        (
            [],
            {"EMETH_TUI_CACHE__LIMIT_GB": "inf"},
            "EMETH_TUI_CACHE__LIMIT_GB: cache.limit_gb = 'inf'",
        ),
    ],
)
def test_a_wrong_value_is_reported_where_it_was_given(
    home: Path, arguments: list[str], variables: dict[str, str], text: str
) -> None:
    result = emeth_tui(home, "--no-ui", "--network", "round3-2", *arguments, **variables)

    assert_one_clear_line(result, ExitCode.SETTINGS, text)


def test_a_theme_that_there_is_not_fails_the_check(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("network = 'round3-2'\n[screen]\ntheme = 'drak'\n", "utf-8")

    in_file = emeth_tui(home, "config", "check", "--config", str(config))
    elsewhere = emeth_tui(home, "config", "check", "--config", str(config), EMETH_TUI_SCREEN__THEME="drk")

    said = "screen.theme = '{}': there is no such theme; there are"
    assert_one_clear_line(in_file, ExitCode.SETTINGS, f"error: {config}: {said.format('drak')}")
    assert_one_clear_line(
        elsewhere, ExitCode.SETTINGS, f"error: EMETH_TUI_SCREEN__THEME: {said.format('drk')}"
    )


@pytest.mark.parametrize("arguments", [["devnet"], ["--devnet", "--no-ui"]])
@pytest.mark.parametrize("module", ["eth", "uvicorn"])
def test_a_devnet_without_its_extra_says_what_to_install(
    home: Path, tmp_path: Path, module: str, arguments: list[str]
) -> None:
    script = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv = ['emeth-tui', *{arguments!r}]\n"
        "from emeth_tui.cli import main; main()"
    )
    (tmp_path / "tmp").mkdir()

    result = subprocess.run(
        [sys.executable, "-c", script],
        env=user_environment(home, TMPDIR=str(tmp_path / "tmp")),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert_one_clear_line(result, ExitCode.DEVNET, f"({module}): `pip install 'emeth-tui[devnet]'`")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_python_that_was_built_without_sqlite_is_named(home: Path) -> None:
    script = (
        "import sys; sys.modules['_sqlite3'] = None; sys.argv = ['emeth-tui', 'store', 'leftovers']\n"
        "from emeth_tui.cli import main; main()"
    )

    result = subprocess.run(
        [sys.executable, "-c", script],
        env=user_environment(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert_one_clear_line(result, ExitCode.PYTHON, "was built without its module sqlite3: install")


def test_no_keystore_and_no_password(home: Path, tmp_path: Path) -> None:
    run = ["--no-ui", "--network", "round3-2"]
    assert_one_clear_line(emeth_tui(home, *run), ExitCode.WALLET, "`emeth-tui wallet new` makes one")

    made = emeth_tui(home, "wallet", "new", **PASSWORD)
    assert made.returncode == 0, made.stderr
    assert_one_clear_line(emeth_tui(home, *run), ExitCode.WALLET, "EMETH_TUI_PASSWORD")
    wrong = emeth_tui(home, *run, EMETH_TUI_PASSWORD="another")
    assert_one_clear_line(wrong, ExitCode.WALLET, "password")
    assert "another" not in wrong.stderr
    again = emeth_tui(home, "wallet", "new", **PASSWORD)
    assert again.returncode == ExitCode.WALLET


def test_a_wallet_is_made_looked_at_and_readable_by_its_owner_alone(home: Path, tmp_path: Path) -> None:
    keystore = tmp_path / "keystore.json"

    made = emeth_tui(home, "wallet", "new", "--keystore", str(keystore), **PASSWORD)

    address, _, rest = made.stdout.partition(" ")
    assert rest.strip() == f"in {keystore}"
    assert keystore.stat().st_mode & 0o077 == 0
    shown = emeth_tui(
        home,
        "wallet",
        "address",
        **PASSWORD,
        EMETH_TUI_WALLET__KEYSTORE=str(keystore),
    )
    assert shown.stdout.strip() == address


@pytest.mark.parametrize("words", ["new", "import"])
@pytest.mark.parametrize("from_file", [False, True], ids=["variable", "file"])
def test_no_keystore_is_written_that_an_empty_password_opens(home: Path, words: str, from_file: bool) -> None:
    home.mkdir()
    (home / "password").write_text("\nsecond line\n", "utf-8")
    given = (
        {"EMETH_TUI_WALLET__PASSWORD_FILE": str(home / "password")}
        if from_file
        else {"EMETH_TUI_PASSWORD": ""}
    )
    keystore = home / "keystore.json"

    result = emeth_tui(home, "wallet", words, "--keystore", str(keystore), stdin=f"{1:064x}\n", **given)

    assert_one_clear_line(result, ExitCode.WALLET, "a password is needed")
    assert not keystore.exists()


@pytest.mark.slow
def test_an_empty_password_at_the_terminal_writes_no_keystore(home: Path) -> None:
    keystore = home / "keystore.json"
    command = [sys.executable, "-m", "emeth_tui", "wallet", "new", "--keystore", str(keystore)]

    with closing(Terminal(command, (80, 24), user_environment(home))) as terminal:
        terminal.wait_for("New password for")
        terminal.type("\r\r")
        terminal.read_to_end()
        assert terminal.wait() == ExitCode.WALLET
        assert "a password is needed" in terminal.text
        assert "The same again" not in terminal.text
    assert not keystore.exists()


def test_an_rpc_endpoint_that_does_not_answer(home: Path) -> None:
    keystore = a_keystore(home)
    config = home / "node.toml"
    config.write_text(
        f"network = 'round3-2'\n[wallet]\nkeystore = '{keystore}'\n"
        "[networks.round3-2]\nrpc_urls = 'http://127.0.0.1:9'\n",
        "utf-8",
    )

    result = emeth_tui(home, "--no-ui", "--config", str(config), **PASSWORD)

    assert_one_clear_line(result, ExitCode.CHAIN_UNREACHABLE, "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--no-such-option"], "--no-such-option"),
        (["--corpus", "."], "--devnet"),
        (["--devnet", "--network", "round3-2"], "--network"),
        (["--exit-after-jobs", "0"], "x>=1"),
        (["--state-dir", "$HOME/x"], "$HOME is not expanded"),
        (["nonsense"], "nonsense"),
        (["--statedir", "x"], "Did you mean '--state-dir'?"),
        (["config", "check", "--confg", "x"], "'--config'"),
        (["confg"], "Did you mean 'config'?"),
        (["wallet", "adress"], "Did you mean 'address'?"),
    ],
)
def test_wrong_arguments_say_what_is_wrong(home: Path, arguments: list[str], text: str) -> None:
    result = emeth_tui(home, *arguments)

    assert result.returncode == ExitCode.USAGE
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_setting_is_refused_before_a_devnet_starts(home: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()

    result = emeth_tui(home, "--devnet", "--no-ui", "--metrics", "nonsense", TMPDIR=str(tmp_path / "tmp"))

    assert_one_clear_line(result, ExitCode.SETTINGS, "nonsense")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_corpus_that_cannot_be_used_stops_the_devnet_with_the_reason(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    result = emeth_tui(home, "--devnet", "--no-ui", "--corpus", str(tmp_path / "empty"), TMPDIR=str(tmp_path))

    assert_one_clear_line(result, ExitCode.DEVNET, str(tmp_path / "empty"))
    log = Path(result.stderr.strip().rpartition("its log is ")[2])
    assert log.is_relative_to(tmp_path)
    assert str(tmp_path / "empty") in log.read_text("utf-8"), "a log that is named is still there"
