"""What `request` refuses before it measures anything, and what ends it while it does."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from emeth_tui.cli.output.printing import Output
from emeth_tui.cli.requester import request
from emeth_tui.cli.requester.requesting import _alone, _Asking
from emeth_tui.cli.requester.results import fetch
from emeth_tui.engine.requester.orders import Order
from emeth_tui.errors import ExitCode
from emeth_tui.model import Language
from emeth_tui.training.data import measuring

LIMIT_S = 20.0


def refused(file: Path, *options: str) -> str:
    result = CliRunner().invoke(request, [str(file), *["--language", "en", "--fee", "20"], *options])
    assert result.exit_code == ExitCode.USAGE
    return " ".join(result.output.split())


def test_a_path_that_is_not_utf_8_is_refused_and_not_asked_about(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"nov\xffel.txt")
    file.write_text("A lamp is lit.", "utf-8")

    assert "is not UTF-8: rename" in refused(file)
    fetching = CliRunner().invoke(fetch, ["6f2a", f"{file}-model"])
    assert fetching.exit_code == ExitCode.USAGE
    assert "is not UTF-8: rename" in " ".join(fetching.output.split())


@pytest.mark.parametrize("deadline", ["0h", "10001d", "soon", "-1h"])
def test_a_deadline_that_a_node_would_not_read_is_refused_without_one_as_well(
    tmp_path: Path, deadline: str
) -> None:
    file = tmp_path / "novel.txt"
    file.write_text("A lamp is lit.", "utf-8")

    assert "is not a time from 1s to 10000d" in refused(file, "--deadline", deadline)


def test_a_text_that_is_being_measured_is_not_waited_for_when_that_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, measured = threading.Event(), threading.Event(), threading.Event()

    def measure(*_arguments: Any, **_limits: Any) -> None:
        begun.set()
        go_on.wait(LIMIT_S)
        measured.set()

    async def interrupted() -> None:
        place: Any = SimpleNamespace(network=lambda: SimpleNamespace(models={Language.EN: "x"}))
        order = Order(tmp_path / "novel.txt", Language.EN, 30, 1, 60)
        asking = asyncio.create_task(_alone(place, _Asking(Output(), order, yes=True), {}))
        await asyncio.to_thread(begun.wait, LIMIT_S)
        asking.cancel()

    monkeypatch.setattr(measuring, "measure", measure)
    asyncio.run(interrupted())

    assert not measured.is_set()
    go_on.set()
