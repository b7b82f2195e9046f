"""Rules for all tests: which run where, in which order, and the fixtures that many share."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from emeth_tui.clients import recursion_limit  # noqa: F401 - before any test loads web3 or py-evm
from emeth_tui.process.garbage import collect_as_usual, collect_rarely
from tests.forked.workers import forked

if TYPE_CHECKING:
    from tests.clients.local_server import LocalServer
    from tests.engine.harness import Harness

# A machine with other work takes any time for an example; how fast code is, benchmarks say. The examples are
# the same in each run, so that it speaks of the change alone; HYPOTHESIS_PROFILE=explore draws others.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

HERE = Path(__file__).parent
LOADS_TORCH = [
    HERE / name
    for name in (
        "benchmarks",
        "cli/requester/test_guide.py",
        "cli/requester/test_results.py",
        "devnet/bots/test_rival.py",
        "doctor/test_devices.py",
        "end_to_end",
        "engine/market/test_model_readiness.py",
        "fuzz",
        "network/verification/test_learning.py",
        "network/verification/test_replaying.py",
        "network/verification/test_torch_main.py",
        "network/verification/test_strange_endings.py",
        "network/verification/test_torch_process.py",
        "network/verification/test_verifier.py",
        "training",
        "workers",
    )
]
# Files are handed out whole, in this order: a long one that comes last keeps one core alone at work.
LONGEST_FIRST = [
    HERE / name
    for name in (
        "hosts/test_whole_jobs.py",
        "end_to_end",
        "control/test_left_nodes.py",
        "day",
        "network/verification",
        "workers/test_supervisor.py",
        "engine/test_node.py",
        "devnet",
        "cli",
        "contracts/test_core_conservation.py",
        "training",
        "workers",
        "engine",
        "tui",
    )
]
WHOLE_NETWORKS = {"deployed_network", "make_devnet"}


# What a shell starts in the background ignores Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_rarely()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-torch", action="store_true", help="leave out what loads torch")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip what loads torch when torch is excluded or not installed, and modules that `-m` leaves out."""
    without_torch = config.getoption("--without-torch") or importlib.util.find_spec("torch") is None
    if without_torch and collection_path in LOADS_TORCH:
        return True
    return True if _left_out(collection_path, config.getoption("markexpr")) else None


def _left_out(path: Path, expression: str) -> bool:
    """Return whether no test of a module can be among those asked for; to load it would take longer."""
    if not path.name.startswith("test_") or path.suffix != ".py":
        return False
    if expression == "slow":
        return not _may_be_slow(path)
    if not re.fullmatch(r"not \w+( and not \w+)*", expression):
        return False
    of_all = re.search(r"^pytestmark = (?:\[[^\]]*|.*)", path.read_text("utf-8"), re.MULTILINE)
    return of_all is not None and any(
        re.search(rf"\bmark\.{name}\b", of_all[0]) for name in re.findall(r"not (\w+)", expression)
    )


@cache
def _may_be_slow(file: Path) -> bool:
    """Whether a file of tests, or the conftest.py of a folder around it, marks any as slow."""
    above = [folder for folder in file.parents if HERE in folder.parents]
    conftests = [path for folder in above if (path := folder / "conftest.py").exists()]
    return any("mark.slow" in path.read_text("utf-8") for path in (file, *conftests))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs a network or the application, and begin with what takes longest."""
    for item in items:
        if _is_of_the_screen(item.path) and inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.screen)
        used, is_slow = set(getattr(item, "fixturenames", ())), item.get_closest_marker("slow") is not None
        if used & WHOLE_NETWORKS and not is_slow:
            raise pytest.UsageError(f"{item.nodeid} runs a whole network: mark it as slow")
        if used & {"deployed_chain", *WHOLE_NETWORKS}:
            item.add_marker(pytest.mark.process)
        if is_slow and not _may_be_slow(item.path):
            raise pytest.UsageError(f"{item.nodeid} is slow, and `-m slow` would not find it: mark it there")
    items.sort(key=lambda item: _rank(item.path))


@cache
def _is_of_the_screen(path: Path) -> bool:
    return HERE / "tui" in path.parents


@cache
def _rank(path: Path) -> int:
    for rank, place in enumerate(LONGEST_FIRST):
        if path == place or place in path.parents:
            return rank
    return len(LONGEST_FIRST)


def pytest_collection_finish() -> None:
    """Look for garbage among what tests make, and not among modules and tests."""
    collect_as_usual()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hold `--without-torch` to its word."""
    if session.config.getoption("--without-torch") and "torch" in sys.modules:
        raise pytest.UsageError("something outside LOADS_TORCH (tests/conftest.py) has loaded torch")


@pytest.fixture(scope="session")
def server() -> Iterator[LocalServer]:
    """One HTTP server for the whole run, on which tests mount their applications."""
    from tests.clients.local_server import LocalServer

    server = LocalServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def deployed_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a network whose contracts are deployed: each test starts from a copy."""
    from tests.engine.harness import deploy_network

    state_dir = tmp_path_factory.mktemp("deployed-network") / "devnet"
    asyncio.run(deploy_network(state_dir))
    return state_dir


@pytest.fixture(scope="session")
def deployed_chain(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved chain with the contracts on it: each test starts from a copy."""
    from tests.clients.emeth_chain import deploy_contracts

    state_file = tmp_path_factory.mktemp("deployed-chain") / "chain.state"
    asyncio.run(deploy_contracts(server, state_file))
    return state_file


@pytest.fixture
async def network(deployed_network: Path, tmp_path: Path) -> AsyncIterator[Harness]:
    """A copy of that network, whose chain mines when it is asked to."""
    from tests.engine.harness import quiet_network

    async with quiet_network(deployed_network, tmp_path) as harness:
        yield harness


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 1 MiB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if os.getuid() or mount is None:
        pytest.skip("only root mounts a file system")
    mounted = subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False)
    if mounted.returncode:
        pytest.skip("this container may not mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture(scope="module")
def forked_workers() -> Iterator[None]:
    """Fork worker processes from one that has loaded torch, instead of loading it in each."""
    with forked():
        yield
