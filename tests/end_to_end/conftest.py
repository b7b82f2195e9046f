"""One devnet for all end-to-end tests, and nodes that are always cleaned up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.devnet.beside import devnet_beside
from tests.end_to_end.programs import PROGRAM, NodeProcess
from tests.forked.program import forked_program

StartNode = Callable[..., NodeProcess]
SMALL_JOBS_ONLY = {"EMETH_TUI_CLAIMS__MAX_DATASET_BYTES": "12000"}  # a few seconds of training each


@pytest.fixture(scope="module")
def node_toml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The settings file that a running devnet wrote for its operator, to whom it leaves its jobs."""
    with devnet_beside(tmp_path_factory.mktemp("devnet"), ["--no-rival"]) as path:
        yield path


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[StartNode]:
    """Start nodes with their state under the test's directory; their workers come from the tests' server."""
    yield from _starting(tmp_path, forked_program())


@pytest.fixture
def start_as_users_do(tmp_path: Path) -> Iterator[StartNode]:
    """Start nodes as users do: each loads torch for its own workers."""
    yield from _starting(tmp_path, PROGRAM)


def _starting(directory: Path, program: Sequence[str]) -> Iterator[StartNode]:
    nodes: list[NodeProcess] = []

    def start(*arguments: str, home: str = "home", **options: Any) -> NodeProcess:
        given = {"program": program, **SMALL_JOBS_ONLY, **options}
        nodes.append(NodeProcess(directory / home, *arguments, **given))
        return nodes[-1]

    yield start
    for node in nodes:
        node.kill()
