"""What the node must not let out is looked for in all that a real run leaves: files, output, processes."""

from __future__ import annotations

import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from emeth_tui.devnet import funding
from emeth_tui.devnet.accounts import kept_keys
from emeth_tui.errors import ExitCode
from tests.end_to_end.conftest import StartNode
from tests.end_to_end.programs import NodeProcess

pytestmark = pytest.mark.slow

ENDPOINT_KEY = "customer-key-of-an-endpoint-4711"
FOREIGN = "aws-secret-of-another-program-0815"


@dataclass(frozen=True)
class Planted:
    """A node's settings with and without secrets, the secrets, and where it keeps its things."""

    config: Path
    config_with_secrets: Path
    password: str
    verification_key: str
    private_key: bytes
    state: Path
    cache: Path

    @property
    def needles(self) -> dict[str, bytes]:
        """What must be found nowhere, by name, in each form that a program could write."""
        key = self.private_key
        return {
            "password": self.password.encode(),
            "verification key": self.verification_key.encode(),
            "private key": key.hex().encode(),
            "private key, upper case": key.hex().upper().encode(),
            "private key, raw": key,
            "endpoint's key": ENDPOINT_KEY.encode(),
        }

    @property
    def environment(self) -> dict[str, str]:
        return {
            "EMETH_TUI_PASSWORD": self.password,
            "EMETH_TUI_VERIFICATION_KEY": self.verification_key,
            **self.places,
        }

    @property
    def places(self) -> dict[str, str]:
        return {
            "EMETH_TUI_STATE__DIRECTORY": str(self.state),
            "EMETH_TUI_CACHE__DIRECTORY": str(self.cache),
            "AWS_SECRET_ACCESS_KEY": FOREIGN,
        }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State and cache of all these nodes: each goes on with what the one before it left."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def planted(node_toml: Path, tmp_path: Path, place: Path) -> Planted:
    """The operator's settings, with its secrets moved from files to the environment."""
    text = node_toml.read_text("utf-8")
    values = dict(re.findall(r'^(\w+) = "(.*)"$', text, flags=re.MULTILINE))
    text = re.sub(r'^(rpc_urls = \["[^"]+)"', rf'\1/?key={ENDPOINT_KEY}"', text, flags=re.MULTILINE)
    assert ENDPOINT_KEY in text
    config, config_with_secrets = tmp_path / "node.toml", tmp_path / "node-with-secrets.toml"
    config_with_secrets.write_text(text, "utf-8")
    config.write_text(
        re.sub(r"^(verification_key|password_file) = .*\n", "", text, flags=re.MULTILINE), "utf-8"
    )
    keys = kept_keys(node_toml.parent / "accounts.json", funding.ACCOUNTS)
    return Planted(
        config,
        config_with_secrets,
        password=Path(values["password_file"]).read_text("utf-8").strip(),
        verification_key=values["verification_key"],
        private_key=keys[funding.OPERATOR].private_key,
        state=place / "state",
        cache=place / "cache",
    )


def family(pid: int) -> dict[int, Path]:
    """A process and all that descend from it, with their directories in /proc."""
    parents = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(directory.name)] = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {each: Path(f"/proc/{each}") for each in found}


def shown_by(process: Path) -> bytes:
    """What a process shows to its user; the environment only where that is allowed."""
    shown = (process / "cmdline").read_bytes()
    try:
        return shown + (process / "environ").read_bytes()
    except PermissionError:
        return shown


def assert_nothing_in(planted: Planted, where: str, content: bytes) -> None:
    assert [name for name, needle in planted.needles.items() if needle in content] == [], where


def assert_kept(planted: Planted, node: NodeProcess, tmp_path: Path) -> None:
    """No secret in any file that the run left, nor in what it printed; no file that others may read."""
    settings = {planted.config, planted.config_with_secrets}
    left = [path for base in (tmp_path, planted.state, planted.cache) for path in base.rglob("*")]
    files = [path for path in left if path.is_file() and path not in settings]
    assert any(path.name == "node.log" for path in files)
    assert any(path.name == "node.sqlite3" for path in files)
    for path in files:
        assert_nothing_in(planted, str(path), path.read_bytes())
    assert_nothing_in(planted, "stdout and stderr", node.output.encode())
    readable = {
        str(path): oct(path.lstat().st_mode)
        for base in (planted.state, planted.cache)
        for path in [base, *base.rglob("*")]
        if path.lstat().st_mode & 0o077
    }
    assert readable == {}


def wait_until_it_trains(node: NodeProcess) -> None:
    node.wait_for("epoch_done")


def test_nothing_of_a_run_shows_a_secret_while_it_lasts_or_afterwards(
    planted: Planted, tmp_path: Path, start_as_users_do: StartNode
) -> None:
    node = start_as_users_do("--config", str(planted.config), "--device", "cpu", **planted.environment)
    wait_until_it_trains(node)

    processes = family(node.process.pid)

    assert len(processes) >= 2
    for pid, process in processes.items():
        shown = shown_by(process)
        assert_nothing_in(planted, f"{pid}: {shown!r}", shown)
        assert re.search(rb"Max core file size +0 +0 ", (process / "limits").read_bytes())
        if pid != node.process.pid:
            assert FOREIGN.encode() not in shown
            assert b"EMETH_TUI_" not in shown
    assert node.stop() == ExitCode.OK, node.story()
    assert_kept(planted, node, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV], ids=lambda n: n.name)
def test_a_violent_end_leaves_no_secret_behind(
    planted: Planted, tmp_path: Path, start_as_users_do: StartNode, number: signal.Signals
) -> None:
    node = start_as_users_do(
        "--config", str(planted.config), "--device", "cpu", cwd=tmp_path, **planted.environment
    )
    wait_until_it_trains(node)

    assert node.stop(number) == -number

    assert_kept(planted, node, tmp_path)
    assert not list(tmp_path.rglob("core*"))


# A node with a bug that shows everything which it can get hold of, in errors and in the log.
TALKATIVE = """
import logging
from emeth_tui.engine.market.market import Market
from emeth_tui.cli.main import main

def everything(part):
    shown = {}
    waiting = [part]
    while waiting and len(shown) < 3_000:
        thing = waiting.pop()
        if id(thing) in shown:
            continue
        try:
            shown[id(thing)] = (thing, f"{thing!r} {thing!s}")
        except Exception as error:
            shown[id(thing)] = (thing, repr(error))
        if type(thing).__module__.startswith("emeth_tui"):
            names = [name for base in type(thing).__mro__ for name in getattr(base, "__slots__", ())]
            waiting += [getattr(thing, name, None) for name in {*names, *getattr(thing, "__dict__", ())}]
        elif isinstance(thing, (list, tuple)):
            waiting += thing
        elif isinstance(thing, dict):
            waiting += thing.values()
    return " ".join(text for thing, text in shown.values() if type(thing).__module__.startswith("emeth_tui"))

async def look(self):
    text = everything(self)
    logging.getLogger("bug").error("%s", text)
    raise RuntimeError(text)

if __name__ == "__main__":
    Market.look = look
    main()
"""


@pytest.mark.parametrize("in_file", [False, True], ids=["secrets-in-environment", "secrets-in-files"])
def test_a_bug_that_shows_everything_it_can_get_hold_of_shows_no_secret(
    planted: Planted, tmp_path: Path, start_as_users_do: StartNode, in_file: bool
) -> None:
    program = tmp_path / "talkative.py"
    program.write_text(TALKATIVE, "utf-8")
    config = planted.config_with_secrets if in_file else planted.config
    node = start_as_users_do(
        *("--config", str(config), "--device", "cpu"),
        program=[sys.executable, str(program)],
        **(planted.places if in_file else planted.environment),
    )
    node.wait_for("internal_error")

    assert node.stop() == ExitCode.OK, node.story()

    log = (planted.state / "devnet" / "logs" / "node.log").read_text("utf-8")
    assert "TransactionSender" in log
    assert_kept(planted, node, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"EMETH_TUI_PASSWORD": "not-{password}"},
        {"EMETH_TUI_VERIFICATION_KEY": "{verification_key} \udcff"},
        {"EMETH_TUI_PASSWORD": "{password}\udcff"},
        {"EMETH_TUI_PASWORD": "{password}"},
        {"EMETH_TUI_CLAIMS__MIN_FEE_EMT": "{password}"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_refused_start_names_no_secret(
    planted: Planted, start_as_users_do: StartNode, change: dict[str, str]
) -> None:
    values = {
        name: value.format(password=planted.password, verification_key=planted.verification_key)
        for name, value in change.items()
    }

    node = start_as_users_do("--config", str(planted.config), **{**planted.environment, **values})

    assert node.finish() in {ExitCode.WALLET, ExitCode.SETTINGS}, node.story()
    if "CLAIMS" not in next(iter(change)):  # there the value is no secret, and is named on purpose
        assert_nothing_in(planted, "stdout and stderr", node.output.encode())
